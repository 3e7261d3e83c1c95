package initcmd_test

import (
	"fmt"
	"os"
	"strings"
	"testing"

	"util/applets/init/options"
)

// The table of options in docs/init.md is that of the parser.
func TestDocumentedOptions(t *testing.T) {
	const path = "../../docs/init.md"
	document, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var want strings.Builder
	for _, o := range options.Table {
		name := "`--" + o.Long + "`"
		if o.Value != "" {
			name = "`--" + o.Long + " " + strings.ReplaceAll(o.Value, "|", `\|`) + "`"
		}
		if o.Short != 0 {
			name = fmt.Sprintf("`-%c`, %s", o.Short, name)
		}
		env := ""
		if o.Env != "" {
			env = "`" + options.EnvPrefix + o.Env + "` "
		}
		fmt.Fprintf(&want, "| %s | %s| %s |\n", name, env, o.Help)
	}
	_, rest, _ := strings.Cut(string(document), "| option | variable | |\n| --- | --- | --- |\n")
	got, _, _ := strings.Cut(rest, "<!-- end of options -->")
	if got != want.String() {
		t.Errorf("the table of %s is not that of the parser, which is:\n%s", path, want.String())
	}
}
