package test

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"
)

// Scripts runs every testscript file in testdata/script of the calling package, each as a subtest. The format is that
// of [testscript]; the programs util and probe are in PATH. One command is added:
//
//	exits STATUS PROGRAM [ARGUMENT...]
//
// runs a program and fails unless it ends with that exit status, or with 256+n if signal n ended it. The output can
// then be checked with stdout, stderr and cmp, as after exec.
func Scripts(t *testing.T) {
	t.Helper()
	dir := t.TempDir()
	for name, path := range map[string]string{"util": Util(t), "probe": Probe(t)} {
		if err := os.Symlink(path, filepath.Join(dir, name)); err != nil {
			t.Fatal(err)
		}
	}
	testscript.Run(t, testscript.Params{
		Dir: filepath.Join("testdata", "script"),
		Setup: func(env *testscript.Env) error {
			env.Setenv("PATH", dir+string(filepath.ListSeparator)+env.Getenv("PATH"))
			return nil
		},
		Cmds:                map[string]func(*testscript.TestScript, bool, []string){"exits": exits},
		RequireUniqueNames:  true,
		RequireExplicitExec: true,
	})
}

// exits is the command of that name.
func exits(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: exits STATUS PROGRAM [ARGUMENT...]")
	}
	want, err := strconv.Atoi(args[0])
	if err != nil {
		ts.Fatalf("status %q: not a number", args[0])
	}
	err = ts.Exec(args[1], args[2:]...)
	got := 0
	var exit *exec.ExitError
	switch {
	case errors.As(err, &exit):
		got = StatusOf(exit.ProcessState)
	case err != nil:
		ts.Fatalf("%s: %v", args[1], err)
	}
	if got != want {
		ts.Fatalf("%q ended with status %d, not %d", args[1:], got, want)
	}
}
