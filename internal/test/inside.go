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
	insideVar = "UTIL_TEST_INSIDE" // the test to run there
	initVar   = "UTIL_TEST_INIT"   // the init to run before, as PID 1
	builtVar  = "UTIL_TEST_BUILT"  // what was built outside, a line "key\tpath" each
)

// Inside runs the calling test once more in PID and mount namespaces of its own, with a /proc of their own and util init
// as PID 1, and reports whether this is that run. Outside it returns false, after the test has ended inside. What
// [Build] built before is there inside too. The test program must call [Main].
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
	if err != nil {
		t.Fatal(err)
	}
	args := []string{"-test.run=^" + t.Name() + "$", "-test.timeout=5m"}
	if _, ok := t.(*testing.B); ok {
		args = []string{"-test.run=^$", "-test.bench=^" + t.Name() + "$"}
	}
	cmd := Namespace(exec.Command(self, args...))
	cmd.SysProcAttr.Cloneflags |= syscall.CLONE_NEWNS
	cmd.Env = append(os.Environ(), insideVar+"="+t.Name(), initVar+"="+Util(t), builtVar+"="+builtList())
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("inside the namespace: %v\n%s", err, out)
	}
	if _, ok := t.(*testing.B); ok || testing.Verbose() || strings.Contains(string(out), "--- SKIP") {
		t.Logf("inside the namespace:\n%s", out)
	}
	return false
}

// enter is what Main does in a program that Inside started: as PID 1, it mounts /proc and executes init, which starts
// it once more as its command.
func enter() {
	initPath := os.Getenv(initVar)
	if initPath == "" {
		return
	}
	os.Unsetenv(initVar)
	runtime.LockOSThread() // the death signal is the thread's
	must("mount --make-rprivate /", unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, ""))
	must("mount /proc", unix.Mount("proc", "/proc", "proc", 0, ""))
	must("exec", syscall.Exec(initPath, append([]string{"init", "--"}, os.Args...), os.Environ()))
}

func must(what string, err error) {
	if err != nil {
		panic(what + ": " + err.Error())
	}
}

// builtList is the value of builtVar.
func builtList() string {
	buildMutex.Lock()
	defer buildMutex.Unlock()
	var list strings.Builder
	for key, path := range built {
		list.WriteString(key + "\t" + path + "\n")
	}
	return list.String()
}

// builtOutside returns what was built before Inside, or "".
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
	return Build(t, "util/internal/test/crowd", "-s -w -E _rt0_crowd", runtime.GOARCH)
}
