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

// Scripts runs every testscript file in testdata/script of the calling package, each as a subtest.
// The format is that of [testscript]. The programs util and probe are in PATH. There is one more
// command:
//
//	exits STATUS PROGRAM [ARGUMENT...]
//
// It runs a program, and fails unless the program ends with that status (see [StatusOf]). Then
// stdout, stderr and cmp check the output, as after exec.
func Scripts(t *testing.T) {
	t.Helper()
	dir := t.TempDir()
	for name, path := range map[string]string{"util": Util(t), "probe": Probe(t)} {
		Must(t, os.Symlink(path, filepath.Join(dir, name)))
	}
	testscript.Run(t, testscript.Params{
		Dir: filepath.Join("testdata", "script"),
		Setup: func(env *testscript.Env) error {
			env.Setenv("PATH", dir+":"+env.Getenv("PATH"))
			return nil
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"exits": exits,
		},
		RequireUniqueNames:  true,
		RequireExplicitExec: true,
	})
}

// exits is the script command of that name.
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
