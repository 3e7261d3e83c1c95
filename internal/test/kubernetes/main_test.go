// Package kubernetes_test runs pods on a node of Kubernetes: the real kubelet and the real
// containerd. make test-kubernetes builds the kubelet and runs these tests.
//
// The node needs no API server, because its pods are static: the kubelet runs the manifests that it
// finds in a directory. It lives in namespaces of its own, so that nothing of it is left when it
// ends: processes end with their PID namespace, and mounts, interfaces and ports with theirs. Its
// cgroups and files are outside, and are removed there.
package kubernetes_test

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"util/internal/test"
	"util/internal/test/pidns"

	"golang.org/x/sys/unix"
)

const (
	// kubeletVar is the variable with the path of the kubelet. Without it, these tests do not run.
	kubeletVar = "UTIL_TEST_KUBELET"
	// dirVar is set inside the namespaces: the directory of the node.
	dirVar = "UTIL_TEST_NODE"
)

func TestMain(m *testing.M) {
	switch {
	case os.Getenv(kubeletVar) == "":
		fmt.Println("left out: the tests on a node of Kubernetes; make test-kubernetes runs them")
		return
	case os.Getenv(dirVar) == "" && os.Geteuid() == 0:
		os.Exit(outside())
	case os.Getenv(dirVar) != "":
		if err := inside(os.Getenv(dirVar)); err != nil {
			fmt.Fprintln(os.Stderr, "the namespaces of the node:", err)
			os.Exit(1)
		}
	}
	test.Main(m, nil)
}

// outside runs this program again in namespaces of its own, and returns its exit status. Then it
// removes what the namespaces do not contain.
func outside() (status int) {
	dir, err := os.MkdirTemp("", "util-node-")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer os.RemoveAll(dir)
	defer removeCgroups(filepath.Base(dir))
	if err := makeCgroups(filepath.Base(dir)); err != nil {
		fmt.Fprintln(os.Stderr, "the cgroups of the node:", err)
		return 1
	}
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	defer stop()
	runtime.LockOSThread() // the parent-death signal of the child is tied to this thread
	cmd := exec.CommandContext(ctx, "/proc/self/exe", os.Args[1:]...)
	cmd.Env = append(os.Environ(), dirVar+"="+dir, "TMPDIR="+dir)
	cmd.Stdout, cmd.Stderr = os.Stdout, os.Stderr
	cmd.SysProcAttr = &syscall.SysProcAttr{}
	pidns.Set(cmd.SysProcAttr)
	cmd.SysProcAttr.Cloneflags |= syscall.CLONE_NEWNS | syscall.CLONE_NEWNET | syscall.CLONE_NEWIPC
	err = cmd.Run()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		fmt.Fprintln(os.Stderr, "namespaces:", err)
		return 1
	}
	if s := test.StatusOf(cmd.ProcessState); s < 256 {
		return s
	}
	return 1 // it was killed
}

// hierarchies returns the directories at which hierarchies of cgroups are mounted.
func hierarchies() (dirs []string, err error) {
	mounts, err := os.ReadFile("/proc/self/mounts")
	for line := range strings.Lines(string(mounts)) {
		if f := strings.Fields(line); len(f) > 2 && (f[2] == "cgroup" || f[2] == "cgroup2") {
			dirs = append(dirs, f[1])
		}
	}
	return dirs, err
}

// makeCgroups makes a cgroup in each hierarchy. The kubelet makes those of the pods below it.
func makeCgroups(name string) error {
	dirs, err := hierarchies()
	for _, dir := range dirs {
		err = errors.Join(err, os.Mkdir(filepath.Join(dir, name), 0o755))
		// A new cpuset of cgroups v1 has neither processors nor memory.
		for _, file := range []string{"cpuset.cpus", "cpuset.mems"} {
			if value, readErr := os.ReadFile(filepath.Join(dir, file)); readErr == nil {
				err = errors.Join(err, os.WriteFile(filepath.Join(dir, name, file), value, 0o644))
			}
		}
	}
	return err
}

// removeCgroups removes the cgroups of that name with all below them. Their processes have been
// killed, but the kernel may need some time to end them.
func removeCgroups(name string) {
	dirs, err := hierarchies()
	for _, dir := range dirs {
		var all []string
		_ = filepath.WalkDir(filepath.Join(dir, name), func(path string, e fs.DirEntry, err error) error {
			if err == nil && e.IsDir() {
				all = append(all, path)
			}
			return nil
		})
		for _, path := range slices.Backward(all) {
			removeErr := os.Remove(path)
			for end := time.Now().Add(test.Deadline); errors.Is(removeErr, unix.EBUSY) &&
				time.Now().Before(end); time.Sleep(10 * time.Millisecond) {
				removeErr = os.Remove(path)
			}
			err = errors.Join(err, removeErr)
		}
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "the cgroups of the node:", err)
	}
}

// tunables are the settings of the kernel that a kubelet changes, for the whole machine. The node
// gets files in their place.
var tunables = []string{
	"vm/overcommit_memory", "vm/panic_on_oom", "kernel/panic", "kernel/panic_on_oops",
	"kernel/keys/root_maxkeys", "kernel/keys/root_maxbytes",
}

// The address of the node, which is one that no network has (RFC 5737), and those of its pods.
const (
	nodeAddress = "192.0.2.1"
	podNetwork  = "198.51.100.0/24"
)

// inside prepares the namespaces of the node: its /proc, and directories of its own in the place of
// those that a kubelet, containerd and the network plugins write to.
func inside(dir string) error {
	mount := func(source, target, kind string, flags uintptr) error {
		if err := unix.Mount(source, target, kind, flags, ""); err != nil {
			return fmt.Errorf("mount %s: %w", target, err)
		}
		return nil
	}
	err := mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE)
	err = errors.Join(err, mount("proc", "/proc", "proc", 0), mount("tmpfs", "/run", "tmpfs", 0))
	for name, target := range map[string]string{"lib": "/var/lib", "log": "/var/log"} {
		err = errors.Join(err, os.Mkdir(filepath.Join(dir, name), 0o755),
			mount(filepath.Join(dir, name), target, "", unix.MS_BIND))
	}
	for _, name := range tunables {
		target := filepath.Join("/proc/sys", name)
		file := filepath.Join(dir, filepath.Base(name))
		value, readErr := os.ReadFile(target)
		err = errors.Join(err, readErr, os.WriteFile(file, value, 0o644),
			mount(file, target, "", unix.MS_BIND))
	}
	for _, args := range []string{"link set lo up", "address add " + nodeAddress + "/32 dev lo"} {
		out, runErr := exec.Command("ip", strings.Fields(args)...).CombinedOutput()
		if runErr != nil {
			err = errors.Join(err, fmt.Errorf("ip %s: %w: %s", args, runErr, out))
		}
	}
	return err
}
