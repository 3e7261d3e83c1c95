package test

import (
	"os"
	"os/exec"
	"runtime"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"
)

// The environment of a test program that runs inside a namespace.
const (
	insideVar = "UTIL_TEST_INSIDE" // the test to run
	initVar   = "UTIL_TEST_INIT"   // the init to execute first, as PID 1
	builtVar  = "UTIL_TEST_BUILT"  // the programs that are built already, each a line "key\tpath"
)

// Inside runs the calling test again in a new PID namespace and a new mount namespace, with the
// /proc of that PID namespace and with util init as PID 1. It reports whether this is that run. In
// the outer run it returns false, after the test has ended inside. The inner run uses the programs
// that [Build] has built so far. The test program must call [Main].
//
//	if !test.Inside(t) {
//		return
//	}
func Inside(t testing.TB) bool {
	t.Helper()
	if os.Getenv(insideVar) == t.Name() {
		return true
	}
	self, err := os.Executable()
	Must(t, err)
	args := []string{"-test.run=^" + t.Name() + "$", "-test.timeout=5m", "-test.v"}
	if _, ok := t.(*testing.B); ok {
		args = []string{"-test.run=^$", "-test.bench=^" + t.Name() + "$"}
	}
	cmd := Namespace(exec.Command(self, args...))
	cmd.SysProcAttr.Cloneflags |= syscall.CLONE_NEWNS
	cmd.Env = append(os.Environ(), insideVar+"="+t.Name(), initVar+"="+Util(t))
	cmd.Env = append(cmd.Env, builtVar+"="+builtList()) // after Util, which may build it
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("inside the namespace: %v\n%s", err, out)
	}
	if why, skipped := skippedInside(string(out), t.Name()); skipped {
		t.Skip(why)
	}
	if _, ok := t.(*testing.B); ok || testing.Verbose() {
		t.Logf("inside the namespace:\n%s", out)
	}
	return false
}

// skippedInside reports whether the output of an inner run says that the test was skipped, and why:
// what follows the last position in a file.
func skippedInside(out, name string) (why string, skipped bool) {
	before, _, skipped := strings.Cut(out, "--- SKIP: "+name+" (")
	_, why, _ = strings.Cut(before[strings.LastIndex(before, ".go:")+1:], ": ")
	why, _, _ = strings.Cut(why, "\n")
	return why, skipped
}

// enter is what Main does first. In a program that Inside started as PID 1, it mounts /proc and
// executes init, which starts the program again as its command.
func enter() {
	initPath := os.Getenv(initVar)
	if initPath == "" {
		return
	}
	os.Unsetenv(initVar)
	runtime.LockOSThread() // the parent death signal belongs to the thread
	must("mount --make-rprivate /", unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, ""))
	must("mount /proc", unix.Mount("proc", "/proc", "proc", 0, ""))
	must("exec", syscall.Exec(initPath, append([]string{"init", "--"}, os.Args...), os.Environ()))
}

func must(what string, err error) {
	if err != nil {
		panic(what + ": " + err.Error())
	}
}

// builtList returns the value of builtVar for an inner run: what this run has built, and what it
// was given itself.
func builtList() string {
	buildMutex.Lock()
	defer buildMutex.Unlock()
	var list strings.Builder
	for key, path := range built {
		list.WriteString(builtLine(key, path))
	}
	return list.String() + os.Getenv(builtVar)
}

func builtLine(key, path string) string { return key + "\t" + path + "\n" }

// builtOutside returns the path of a program that was built before this run, or "".
func builtOutside(key string) string {
	for line := range strings.Lines(os.Getenv(builtVar)) {
		if k, path, _ := strings.Cut(strings.TrimSpace(line), "\t"); k == key {
			return path
		}
	}
	return ""
}

// Crowd returns the program of package crowd.
func Crowd(t testing.TB) string {
	t.Helper()
	return Build(t, crowdPackage, crowdFlags, runtime.GOARCH)
}
