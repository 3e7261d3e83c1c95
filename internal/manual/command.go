package main

import (
	"fmt"
	"strings"

	"util/applets"
	"util/applets/init/options"
	"util/applets/init/usage"
	"util/internal/cli"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// command is what a page takes from the program: the parts of the help of a command.
type command struct {
	page       string // its name
	name       string // of the applet, or "util"
	short      string
	synopsis   string // lines
	long       string // without the exit statuses
	exitStatus string
	examples   string
	options    []option
}

// option is an option in the help.
type option struct {
	short, long string
	value       string // "" if it takes none
	optional    bool   // the value
	variable    string // its environment variable, or ""
	text        string
}

// initName is the applet whose help is made by package usage.
const initName = "init"

// describe takes apart the help of a command.
func describe(c *cobra.Command) command {
	cmd := command{page: "util", name: c.Name(), short: c.Short, examples: c.Example}
	cmd.synopsis = c.Use
	if c.Name() != cmd.page {
		cmd.page += "-" + c.Name()
		cmd.synopsis = strings.Join(cli.Synopsis(c), "\n")
	}
	cmd.long, cmd.exitStatus = splitLong(c.Long)
	if c.Name() == initName {
		alone := strings.Replace(usage.Synopsis, "util init", "util-init", 1)
		cmd.synopsis = usage.Synopsis + "\n" + alone
		cmd.long, cmd.examples = usage.Description, usage.Examples
		cmd.options = initOptions()
		return cmd
	}
	c.Flags().VisitAll(func(f *pflag.Flag) { cmd.options = append(cmd.options, fromFlag(f)) })
	return cmd
}

// splitLong separates the exit statuses, with which a long help ends.
func splitLong(long string) (description, exitStatus string) {
	const head = "\n\nExit status"
	at := strings.Index(long, head)
	if at < 0 {
		return long, ""
	}
	return long[:at], long[at+len("\n\n"):]
}

// fromFlag describes a flag as pflag prints it in the help: with the default value, and an optional
// value in the form [=VALUE].
func fromFlag(f *pflag.Flag) option {
	one := pflag.NewFlagSet("", pflag.ContinueOnError)
	one.AddFlag(f)
	head, text, _ := strings.Cut(strings.TrimSpace(one.FlagUsages()), "   ")
	o := option{short: f.Shorthand, long: f.Name, text: strings.TrimSpace(text)}
	o.value, _ = pflag.UnquoteUsage(f)
	if _, value, ok := strings.Cut(head, "[="); ok {
		o.value, o.optional = strings.TrimSuffix(value, "]"), true
	}
	return o
}

// initOptions describes the table of init.
func initOptions() (all []option) {
	for _, o := range options.Table {
		short := ""
		if o.Short != 0 {
			short = string(rune(o.Short))
		}
		variable := ""
		if o.Env != "" {
			variable = options.EnvPrefix + o.Env
		}
		all = append(all, option{short, o.Long, o.Value, false, variable, o.Help})
	}
	return all
}

// insert returns what stands for a word in braces in the text of a page, as markup.
func (cmd *command) insert(word string) (text string, err error) {
	switch word {
	case "description":
		return "`" + cmd.called() + "` " + lowerFirst(cmd.long), nil
	case "options":
		return cmd.optionList(), nil
	case "exit status":
		return cmd.exitStatusList(), nil
	case "examples":
		return cmd.exampleList(), nil
	case "variables":
		return cmd.variableList(), nil
	case "applets":
		return appletList(), nil
	case "other inits":
		return "`" + strings.Join(options.Aliases[:], "`, `") + "`", nil
	}
	return "", fmt.Errorf("{%s}: is not a part of the help", word)
}

// called is how the page calls the command where it is the subject.
func (cmd *command) called() string {
	if cmd.name == initName {
		return "util init"
	}
	return cmd.name
}

func (cmd *command) optionList() string {
	var b strings.Builder
	for _, o := range cmd.options {
		fmt.Fprintf(&b, "  %s\n    %s\n", o.head(), o.text)
	}
	return b.String()
}

// head is an option with its forms and its value, as markup.
func (o *option) head() string {
	head := "`--" + o.long + "`"
	if o.short != "" {
		head = "`-" + o.short + "`, " + head
	}
	switch {
	case o.optional:
		head += "[`=`*" + o.value + "*]"
	case o.value != "":
		head += " " + italic(o.value)
	}
	return head
}

// italic marks the words of the value of an option: what is between them is literal.
func italic(value string) string {
	return regexpWord.ReplaceAllString(value, "*$0*")
}

// variableList is one line for each environment variable of an option.
func (cmd *command) variableList() string {
	var b strings.Builder
	for _, o := range cmd.options {
		if o.variable == "" {
			continue
		}
		long := "`--" + o.long + "`"
		if o.value != "" {
			long += " " + italic(o.value)
		}
		fmt.Fprintf(&b, "  `%s`\n    As %s.\n", o.variable, long)
	}
	return b.String()
}

// exitStatusList turns the part "Exit status …:" of a long help into paragraphs and lists.
func (cmd *command) exitStatusList() string {
	var b strings.Builder
	for line := range strings.Lines(cmd.exitStatus) {
		if rest, head := strings.CutPrefix(line, "Exit status"); head {
			rest = strings.Trim(rest, ": \n")
			if rest == "" {
				continue
			}
			line = "\n" + upperFirst(rest) + ":\n"
		}
		b.WriteString(line)
	}
	return b.String()
}

// exampleList turns the lines of the examples, and the comments between them, into paragraphs.
func (cmd *command) exampleList() string {
	var b strings.Builder
	fence := func(lines []string) {
		if len(lines) > 0 {
			fmt.Fprintf(&b, "```\n%s\n```\n", strings.Join(lines, "\n"))
		}
	}
	var lines []string
	for line := range strings.Lines(cmd.examples) {
		line = strings.TrimSpace(line)
		comment, is := strings.CutPrefix(line, "# ")
		if !is {
			lines = append(lines, line)
			continue
		}
		fence(lines)
		lines = nil
		fmt.Fprintf(&b, "\n%s:\n", upperFirst(comment))
	}
	fence(lines)
	return b.String()
}

// appletList is the table of applets.
func appletList() string {
	var b strings.Builder
	for _, c := range applets.Commands()[1:] {
		fmt.Fprintf(&b, "  `%s`\n    %s. See util-%s(1).\n", c.Name(), c.Short, c.Name())
	}
	return b.String()
}

// values are the words that stand for a value in the help: those of the synopsis and of options.
func (cmd *command) values() (all []string) {
	texts := []string{cmd.synopsis}
	for _, o := range cmd.options {
		texts = append(texts, o.value)
	}
	for _, text := range texts {
		for _, word := range regexpWord.FindAllString(text, -1) {
			if word == strings.ToUpper(word) {
				all = append(all, word)
			}
		}
	}
	return all
}

func upperFirst(text string) string { return strings.ToUpper(text[:1]) + text[1:] }

func lowerFirst(text string) string { return strings.ToLower(text[:1]) + text[1:] }
