package initcmd_test

import (
	"fmt"
	"os"
	"strings"
	"testing"

	"util/applets/init/options"
)

// The README's table of options says what the parser's table says.
func TestReadmeOptions(t *testing.T) {
	readme, err := os.ReadFile("../../README.md")
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
	_, rest, _ := strings.Cut(string(readme), "| option | variable | |\n| --- | --- | --- |\n")
	got, _, _ := strings.Cut(rest, "<!-- end of options -->")
	if got != want.String() {
		t.Errorf("the README's table is not the parser's; it should read:\n%s", want.String())
	}
}
