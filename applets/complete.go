package applets

import (
	_ "embed"
	"fmt"
	"io"
	"strings"

	"util/internal/cli"

	"github.com/spf13/cobra"
)

// completeWord is the first argument with which the completion scripts call util. The words of the
// command line come after it; the last one is to be completed. The answer is a [cli.Kind], then the
// words, one a line.
const completeWord = "__complete"

// The completion scripts, each for all applets and links. @NAMES@ is replaced with the names of the
// applets.
var (
	//go:embed completion/util.bash
	bashScript string
	//go:embed completion/_util
	zshScript string
	//go:embed completion/util.fish
	fishScript string
)

// newCompletion makes the command that writes a completion script.
func newCompletion() *cobra.Command {
	cmd := cli.Setup(&cobra.Command{
		Use: "completion bash|zsh|fish",
		Long: `Writes a completion script for a shell to stdout. The script is for util and for
the links that have the names of its applets.`,
		Example: "  util completion bash >/etc/bash_completion.d/util",
	})
	cli.AddStandardFlags(cmd)
	cmd.RunE = func(c *cobra.Command, args []string) error {
		if len(args) != 1 {
			return cli.Usagef("one shell is needed: bash, zsh or fish")
		}
		scripts := map[string]string{"bash": bashScript, "zsh": zshScript, "fish": fishScript}
		script, ok := scripts[args[0]]
		if !ok {
			return cli.Usagef("shell %q: unknown (use bash, zsh or fish)", args[0])
		}
		script = strings.ReplaceAll(script, "@NAMES@", strings.Join(names(), " "))
		fmt.Fprint(c.OutOrStdout(), script)
		return nil
	}
	return cmd
}

// complete answers a completion script.
func complete(w io.Writer, words []string) {
	if len(words) == 0 {
		words = []string{""}
	}
	last := len(words) - 1
	answer := completion(words[:last], words[last])
	fmt.Fprintln(w, answer.Kind)
	for _, word := range answer.Words {
		fmt.Fprintln(w, word)
	}
}

// completion completes word, which comes after words on the command line of util.
func completion(words []string, word string) cli.Completion {
	if len(words) > 0 {
		name, rest := words[0], words[1:]
		if name == "init" && len(rest) > 0 { // the command line of another init comes after --compat
			if as, inside := strings.CutPrefix(rest[0], "--compat="); inside {
				name, rest = as, rest[1:]
			} else if rest[0] == "--compat" && len(rest) > 1 {
				name, rest = rest[1], rest[2:]
			}
		}
		switch a := find(name); {
		case a != nil:
			return a.Completions.Complete(a.New(), rest, word)
		case isOther(name): // its options are not completed
			return cli.Completions{Args: cli.ACommand}.Complete(&cobra.Command{}, rest, word)
		}
	}
	return rootCompletions.Complete(newRoot(), words, word)
}

// rootCompletions are the completions of util itself.
var rootCompletions = cli.Completions{Args: completeRoot, Interspersed: true}

func completeRoot(c *cobra.Command, args []string, word string) cli.Completion {
	switch {
	case c.Flags().Changed("install") && len(args) == 0:
		return cli.Completion{Kind: cli.Files}
	case c.Flags().Changed("install"):
		return cli.OneOf(namesWith(true)...)(c, args, word)
	case len(args) == 0:
		var all []string
		for _, a := range table {
			all = append(all, a.Name+"\t"+a.Short)
		}
		all = append(all, "help\tshow the help of an applet",
			"completion\twrite a completion script for a shell")
		return cli.OneOf(all...)(c, args, word)
	case args[0] == "completion" && len(args) == 1:
		return cli.OneOf("bash", "zsh", "fish")(c, args, word)
	case args[0] == "help" && len(args) == 1:
		return cli.OneOf(append(names(), "completion")...)(c, args, word)
	}
	return cli.Completion{Kind: cli.Words}
}
