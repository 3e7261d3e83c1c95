package machine_test

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"util/internal/test"
	"util/internal/test/kernels/protocol"

	"golang.org/x/sys/unix"
)

func TestMain(m *testing.M) {
	if os.Getenv(protocol.MachineVariable) == "" {
		return
	}
	if os.Getenv(namespaceVariable) != "" {
		inNamespace()
	}
	test.Main(m, nil)
}

// namespaceVariable makes this program execute its arguments in a new cgroup namespace.
const namespaceVariable = "UTIL_TEST_CGROUP_NAMESPACE"

func inNamespace() {
	runtime.LockOSThread()
	os.Unsetenv(namespaceVariable)
	for _, step := range []func() error{
		func() error { return unix.Unshare(unix.CLONE_NEWCGROUP | unix.CLONE_NEWNS) },
		func() error { return unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, "") },
		func() error { return unix.Unmount(cgroups, unix.MNT_DETACH) }, // it cannot be there twice
		func() error { return unix.Mount("cgroup2", cgroups, "cgroup2", 0, "") },
		func() error { return unix.Exec(os.Args[1], os.Args[1:], os.Environ()) },
	} {
		if err := step(); err != nil {
			panic(err)
		}
	}
}

// cgroups is where cgroup v2 is mounted.
const cgroups = "/sys/fs/cgroup"

// The machine's own PID 1 is init, and has one thread, and the three files that the kernel gave it.
func TestPID1(t *testing.T) {
	exe, err := os.Readlink("/proc/1/exe")
	test.Must(t, err)
	if want := test.Util(t); exe != want {
		t.Errorf("PID 1 is %s, want %s", exe, want)
	}
	if threads := entries(t, "/proc/1/task"); threads != "1" {
		t.Errorf("threads %s", threads)
	}
	if files := entries(t, "/proc/1/fd"); files != "0 1 2" {
		t.Errorf("open files %s", files)
	}
}

// PID 1 of the machine reaps orphans.
func TestOrphans(t *testing.T) {
	commands := children(t, 1)
	status, _, stderr := test.Run(t, exec.Command(test.Probe(t), "orphans", "300"))
	if status != 0 {
		t.Fatalf("status %d: %s", status, stderr)
	}
	test.Eventually(t, "PID 1 has reaped the orphans", func() bool {
		return children(t, 1) == commands
	})
}

// The line about the end of the command says what the memory cgroup counted: where the files of the
// root cgroup are, where those of a cgroup below it are, and in a cgroup namespace.
func TestMemory(t *testing.T) {
	for _, tc := range []struct {
		name      string
		namespace bool
	}{{"child", false}, {"namespace", true}} {
		t.Run(tc.name, func(t *testing.T) {
			dir := filepath.Join(cgroups, tc.name)
			test.Must(t, os.Mkdir(dir, 0o755))
			t.Cleanup(func() { remove(t, dir) })
			write(t, filepath.Join(dir, "memory.max"), strconv.Itoa(20<<20))
			stderr := outOfMemory(t, dir, tc.namespace)
			const want = "; out of memory: the kernel killed 1 in the memory cgroup, " +
				"limit 20971520 bytes, peak "
			_, peak, found := strings.Cut(stderr, want)
			if !found {
				t.Fatalf("stderr %q", stderr)
			}
			// memory.peak is there since Linux 5.19.
			expected := "unknown bytes\n"
			if value, err := os.ReadFile(filepath.Join(dir, "memory.peak")); err == nil {
				expected = strings.TrimSpace(string(value)) + " bytes\n"
			}
			if peak != expected {
				t.Errorf("peak %q, want %q", peak, expected)
			}
		})
	}
	// The root cgroup has no limit and no such file: nothing is reported, and nothing is wrong.
	t.Run("root", func(t *testing.T) {
		status, _, stderr := test.Run(t, exec.Command(test.Util(t), "init", "-v", "--",
			test.Probe(t), "raise", "9"))
		if status != 137 || strings.Contains(stderr, "memory cgroup") {
			t.Errorf("status %d, stderr %q", status, stderr)
		}
	})
}

// outOfMemory runs init in a cgroup, with a command that takes more memory than there is, and
// returns its messages. In a cgroup namespace, the mount shows only init's own part of the
// hierarchy.
func outOfMemory(t *testing.T, dir string, namespace bool) string {
	t.Helper()
	self, err := os.Executable()
	test.Must(t, err)
	file, err := os.Open(dir)
	test.Must(t, err)
	defer file.Close()
	words := []string{
		test.Util(t), "init", "-v", "--", test.Tool(t, "dd"), "if=/dev/zero", "of=/dev/null",
		"bs=60000000", "count=1",
	}
	cmd := exec.Command(words[0], words[1:]...)
	if namespace {
		cmd = exec.Command(self, words...)
		cmd.Env = append(os.Environ(), namespaceVariable+"=1")
	}
	cmd.SysProcAttr = &syscall.SysProcAttr{UseCgroupFD: true, CgroupFD: int(file.Fd())}
	status, _, stderr := test.Run(t, cmd)
	if status != 137 {
		t.Errorf("status %d, want 137", status)
	}
	return stderr
}

func entries(t *testing.T, dir string) string {
	t.Helper()
	list, err := os.ReadDir(dir)
	test.Must(t, err)
	var names []string
	for _, e := range list {
		names = append(names, e.Name())
	}
	return strings.Join(names, " ")
}

func children(t *testing.T, pid int) string {
	t.Helper()
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/task/%d/children", pid, pid))
	test.Must(t, err)
	return string(text)
}

func write(t *testing.T, path, text string) {
	t.Helper()
	test.Must(t, os.WriteFile(path, []byte(text), 0o644))
}

// remove removes a cgroup, once its last process is gone.
func remove(t *testing.T, dir string) {
	test.Eventually(t, "the cgroup is removed", func() bool { return os.Remove(dir) == nil })
}
