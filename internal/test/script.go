package test

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"
)

// Scripts runs every testscript file in testdata/script of the calling package, each as a subtest.
// The format is that of [testscript]. The programs util and probe are in PATH, and the variables
// UTIL and PROBE hold their paths. One command is added:
//
//	exits STATUS PROGRAM [ARGUMENT...]
//
// runs a program and fails unless it exits with that status, or with 256+n if signal n terminated
// it. The output can then be checked with stdout, stderr and cmp, as after exec.
//
// One condition is added: [alone], if util is util-init (see [Alone]).
//
// The program pid1 runs another one as PID 1 of a new PID namespace, and exits with its status:
//
//	exits 3 pid1 util init sh -c 'exit 3'
func Scripts(t *testing.T) {
	t.Helper()
	ScriptsOf(t, Util(t))
}

// ScriptsOf is [Scripts] for a given binary of util.
func ScriptsOf(t *testing.T, util string) {
	t.Helper()
	self, err := os.Executable()
	Must(t, err)
	dir := t.TempDir()
	for name, path := range map[string]string{"util": util, "probe": Probe(t), pid1Name: self} {
		Must(t, os.Symlink(path, filepath.Join(dir, name)))
	}
	testscript.Run(t, testscript.Params{
		Dir: filepath.Join("testdata", "script"),
		Setup: func(env *testscript.Env) error {
			env.Setenv("PATH", dir+string(filepath.ListSeparator)+env.Getenv("PATH"))
			env.Setenv("UTIL", util)
			env.Setenv("PROBE", Probe(t))
			return nil
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"exits": exits,
		},
		Condition: func(name string) (bool, error) {
			if name != "alone" {
				return false, fmt.Errorf("condition %q: unknown", name)
			}
			return Alone(), nil
		},
		RequireUniqueNames:  true,
		RequireExplicitExec: true,
	})
}

// pid1Name is the name by which a test program is the program pid1 of the scripts.
const pid1Name = "pid1"

// asPid1 is what [Main] does in the program pid1, which must exit with the status. Elsewhere it
// returns false.
func asPid1() (status int, ok bool) {
	if filepath.Base(os.Args[0]) != pid1Name {
		return 0, false
	}
	if len(os.Args) < 2 {
		fmt.Fprintln(os.Stderr, "usage: pid1 PROGRAM [ARGUMENT...]")
		return 2, true
	}
	runtime.LockOSThread() // the parent-death signal of the child is tied to this thread
	cmd := Namespace(exec.Command(os.Args[1], os.Args[2:]...))
	cmd.Stdin, cmd.Stdout, cmd.Stderr = os.Stdin, os.Stdout, os.Stderr
	var exit *exec.ExitError
	switch err := cmd.Run(); {
	case err == nil:
		return 0, true
	case errors.As(err, &exit) && exit.Exited():
		return exit.ExitCode(), true
	default: // not started, or terminated by a signal
		fmt.Fprintln(os.Stderr, "pid1:", err)
		return 2, true
	}
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
