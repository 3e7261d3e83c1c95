package applets_test

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"testing"

	"util/internal/test"

	"golang.org/x/sys/unix"
)

// place copies util to path, and makes the missing parent directories.
func place(t *testing.T, path string) string {
	t.Helper()
	test.Must(t, os.MkdirAll(filepath.Dir(path), 0o755))
	test.CopyFile(t, test.Util(t), path)
	return path
}

// installs runs util --install. The test fails unless it exits with that status and prints message
// on stderr: at its beginning, or nothing if message is empty.
func installs(t *testing.T, util string, status int, message string, args ...string) {
	t.Helper()
	cmd := exec.Command(util, append([]string{"--install"}, args...)...)
	got, stdout, stderr := test.Run(t, cmd)
	wrong := !strings.HasPrefix(stderr, message) || message == "" && stderr != ""
	if got != status || stdout != "" || wrong {
		t.Errorf("--install %q: status %d, stdout %q, stderr %q; want %d, %q",
			args, got, stdout, stderr, status, message)
	}
}

// content lists the names in a directory, each with the target, the text or the size.
func content(t *testing.T, dir string) (all []string) {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		return []string{"none"}
	}
	for _, e := range entries {
		path := filepath.Join(dir, e.Name())
		text := e.Name()
		switch to, err := os.Readlink(path); {
		case err == nil:
			text += " -> " + to
		case e.IsDir():
			text += "/"
		default:
			b, _ := os.ReadFile(path)
			if len(b) > 100 {
				b = fmt.Appendf(nil, "%d bytes", len(b))
			}
			text += ": " + string(b)
		}
		all = append(all, text)
	}
	return all
}

func write(t *testing.T, path, text string) {
	t.Helper()
	test.Must(t, os.WriteFile(path, []byte(text), 0o644))
}

func expectContent(t *testing.T, dir string, want ...string) {
	t.Helper()
	if got := content(t, dir); !slices.Equal(got, want) {
		t.Errorf("%s holds %q, want %q", dir, got, want)
	}
}

// Every name leads to its applet, through hard and through symbolic links.
func TestInstall(t *testing.T) {
	home := t.TempDir()
	util := place(t, filepath.Join(home, "util"))
	for _, symbolic := range []bool{false, true} {
		dir, args := filepath.Join(home, "hard", "bin"), []string{} // does not exist yet
		if symbolic {
			dir, args = filepath.Join(home, "soft", "bin"), []string{"-s"}
		}
		for range 2 { // the second time there is nothing to do
			installs(t, util, 0, "", append(args, dir)...)
		}
		for _, name := range list(t) {
			path := filepath.Join(dir, name)
			info, err := os.Lstat(path)
			if err != nil || (info.Mode()&os.ModeSymlink != 0) != symbolic {
				t.Errorf("%s: %v, %v", path, info, err)
			}
			status, stdout, _ := test.Run(t, exec.Command(path, "--help"))
			if status != 0 || !strings.HasPrefix(stdout, "Usage: util "+name+" ") {
				t.Errorf("%s --help: status %d, stdout %.60q", path, status, stdout)
			}
		}
		for _, alias := range aliases {
			if _, err := os.Lstat(filepath.Join(dir, alias)); err == nil {
				t.Errorf("%s is linked without --compat", alias)
			}
		}
		installs(t, util, 0, "", append(args, "--compat", dir)...)
		for _, alias := range aliases {
			cmd := exec.Command(filepath.Join(dir, alias), test.Probe(t), "say", "here")
			if status, stdout, _ := test.Run(t, cmd); status != 0 || stdout != "here" {
				t.Errorf("%s: status %d, stdout %q", alias, status, stdout)
			}
		}
	}
}

func size(t *testing.T, path string) string {
	info, err := os.Stat(path)
	test.Must(t, err)
	return fmt.Sprintf("%d bytes", info.Size())
}

// The links stay valid if the tree is used as a root directory.
func TestInstallImageRoot(t *testing.T) {
	for _, tc := range []struct {
		util, dir string
		links     map[string]string // of directories, made before util is installed
		want      string
	}{
		{"sbin/util", "sbin", nil, "util"},
		{"util", "sbin", nil, "../util"},
		{"util", ".", nil, "util"},
		{"usr/bin/util", "sbin", map[string]string{"sbin": "usr/sbin"}, "../bin/util"},
		{"util", "sbin", map[string]string{"sbin": "usr/sbin"}, "../../util"},
		{"util", "sbin/../bin", map[string]string{"sbin": "usr/sbin"}, "../../util"}, // usr/bin, not bin
		{"usr/bin/util", "bin", map[string]string{"bin": "usr/bin"}, "util"},
	} {
		t.Run(tc.util+" "+tc.dir, func(t *testing.T) {
			root := t.TempDir()
			for name, to := range tc.links {
				test.Must(t, os.MkdirAll(filepath.Join(root, to), 0o755))
				test.Must(t, os.MkdirAll(filepath.Join(root, filepath.Dir(to), "bin"), 0o755))
				test.Must(t, os.Symlink(to, filepath.Join(root, name)))
			}
			util := place(t, filepath.Join(root, tc.util))
			before := len(content(t, root))
			cmd := exec.Command(util, "--install", "-s", root+"/"+tc.dir, "sendsig")
			if tc.links != nil { // from a directory that PWD names through a symbolic link
				logical := filepath.Join(t.TempDir(), "logical")
				test.Must(t, os.Symlink(root, logical))
				cmd = exec.Command(util, "--install", "-s", tc.dir, "sendsig")
				cmd.Dir = logical
				cmd.Env = append(os.Environ(), "PWD="+logical)
			}
			if status, _, stderr := test.Run(t, cmd); status != 0 {
				t.Fatalf("status %d, %s", status, stderr)
			}
			if got, err := os.Readlink(root + "/" + tc.dir + "/sendsig"); got != tc.want {
				t.Errorf("the link is %q, %v, want %q", got, err, tc.want)
			}
			if after := len(content(t, root)); tc.links != nil && after != before {
				t.Errorf("in the root: %q", content(t, root))
			}
			if os.Geteuid() != 0 {
				test.Missing(t, "root", "chroot")
			}
			inside := exec.Command("/" + tc.dir + "/sendsig")
			inside.Args = append(inside.Args, "-l", "9")
			inside.SysProcAttr = &syscall.SysProcAttr{Chroot: root}
			inside.Dir = "/"
			if status, stdout, stderr := test.Run(t, inside); status != 0 || stdout != "KILL" {
				t.Errorf("in the root: status %d, %q, %s", status, stdout, stderr)
			}
		})
	}
}

// A name that leads to util already stays as it is. With --force any other file is replaced.
func TestInstallOverFiles(t *testing.T) {
	home := t.TempDir()
	util := place(t, filepath.Join(home, "util"))
	test.Must(t, os.Symlink(home, filepath.Join(home, "again")))
	for _, ours := range []string{
		"../util", util, "../again/util", "../bin/../util", "other-link",
		filepath.Join(home, "again/./util"),
	} {
		for _, options := range [][]string{{"-s"}, {"-s", "--force"}, {}, {"--force"}} {
			dir := filepath.Join(home, "bin")
			test.Must(t, os.Mkdir(dir, 0o755))
			test.Must(t, os.Symlink("../util", filepath.Join(dir, "other-link")))
			test.Must(t, os.Symlink(ours, filepath.Join(dir, "sendsig")))
			installs(t, util, 0, "", append(options, dir, "sendsig")...)
			expectContent(t, dir, "other-link -> ../util", "sendsig -> "+ours)
			test.Must(t, os.RemoveAll(dir))
		}
	}

	// Util's own file has the name of an applet.
	own := place(t, filepath.Join(home, "own", "sendsig"))
	cmd := exec.Command(own, "--install", "-s", "--force", filepath.Dir(own), "sendsig", "init")
	cmd.Args[0] = "util"
	if status, _, stderr := test.Run(t, cmd); status != 0 {
		t.Errorf("own name: status %d, %s", status, stderr)
	}
	expectContent(t, filepath.Dir(own), "init -> sendsig", "sendsig: "+size(t, own))

	dir := filepath.Join(home, "occupied")
	test.Must(t, os.Mkdir(dir, 0o755))
	last := filepath.Join(dir, "reap-once")
	write(t, last, "mine")
	test.Must(t, os.Symlink("nowhere", filepath.Join(dir, "init")))
	// An earlier installation was killed.
	write(t, last+".util-install", "left over")
	test.Must(t, os.Mkdir(filepath.Join(dir, ".util-install-1"), 0o755))
	for _, denied := range []bool{false, true} { // as on a file system that cannot exchange files
		args := []string{"exec", util}
		if denied {
			deny := []string{"deny", itoa(unix.SYS_RENAMEAT2), itoa(int(unix.EINVAL))}
			args = append(deny, args...)
		}
		args = append(args, "--install", "-s", "--force", dir)
		if status, _, stderr := test.Run(t, exec.Command(test.Probe(t), args...)); status != 0 {
			t.Errorf("--force: status %d, stderr %q", status, stderr)
		}
		expectContent(t, dir, ".util-install-1/", "healthcheck -> ../util", "init -> ../util",
			"reap-once -> ../util", "reap-once.util-install: left over", "run-as -> ../util",
			"sendsig -> ../util",
			"wait-for-port -> ../util")
		test.Must(t, os.Remove(last))
		write(t, last, "mine")
	}
}

// If one link cannot be made, the others are undone.
func TestInstallFails(t *testing.T) {
	if os.Geteuid() != 0 {
		test.Missing(t, "root", "file systems of the test's own")
	}
	home := t.TempDir()
	util := place(t, filepath.Join(home, "util"))
	// The thread is not unlocked: so the runtime ends it after the test, and with it the mounts.
	runtime.LockOSThread()
	if err := unix.Unshare(unix.CLONE_NEWNS); err != nil {
		test.Missing(t, "namespaces", err.Error())
	}
	test.Must(t, unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, ""))
	mount := func(options string) string {
		small := t.TempDir()
		test.Must(t, unix.Mount("tmpfs", small, "tmpfs", 0, options))
		t.Cleanup(func() { _ = unix.Unmount(small, unix.MNT_DETACH) })
		return small
	}
	// The file system is full after some of the links.
	for _, options := range [][]string{{"-s"}, {"-s", "--force"}} {
		small := mount("nr_inodes=6")
		write(t, small+"/init", "theirs")
		test.Must(t, os.Symlink("theirs", small+"/tini"))
		want := []string{"init: theirs", "tini -> theirs"}
		if len(options) == 1 {
			test.Must(t, os.Remove(small+"/init"))
			test.Must(t, os.Remove(small+"/tini"))
			want = nil
		}
		installs(t, util, 1, `util: install: "`+small, append(options, "--compat", small)...)
		expectContent(t, small, want...)
		installs(t, util, 1, `util: install: "`+small, append(options, "--compat", small+"/a/b")...)
		expectContent(t, small, want...)
	}
	other := mount("")
	installs(t, util, 1, `util: install: "`+other+`/a/init": invalid cross-device link `+
		`(a hard link cannot lead to another file system; -s makes symbolic links)`, other+"/a")
	expectContent(t, other)
	test.Must(t, unix.Mount("", other, "", unix.MS_REMOUNT|unix.MS_RDONLY, ""))
	installs(t, util, 1, `util: install: "`+other+`/a": read-only file system`, "-s", other+"/a")
	installs(t, util, 1, `util: install: "`+other+`/init": read-only file system`, "-s", other)
	fixed := home + "/readonly"
	place(t, fixed+"/bin/init")
	test.Must(t, unix.Mount(fixed, fixed, "", unix.MS_BIND, ""))
	test.Must(t, unix.Mount("", fixed, "", unix.MS_REMOUNT|unix.MS_BIND|unix.MS_RDONLY, ""))
	t.Cleanup(func() { _ = unix.Unmount(fixed, unix.MNT_DETACH) })
	installs(t, util, 1, `util: install: "`+fixed+`/bin": read-only file system`,
		"-s", "--force", fixed+"/bin", "init")
}

// No link can lead to a program that has no file, or whose file was removed or replaced.
func TestInstallWithoutFile(t *testing.T) {
	home := t.TempDir()
	dir := filepath.Join(home, "bin")
	memory, err := unix.MemfdCreate("util", 0)
	test.Must(t, err)
	file := os.NewFile(uintptr(memory), "memory")
	defer file.Close()
	program, err := os.ReadFile(test.Util(t))
	test.Must(t, err)
	_, err = file.Write(program)
	test.Must(t, err)
	cmd := exec.Command(fmt.Sprintf("/proc/self/fd/%d", file.Fd()), "--install", "-s", dir)
	cmd.Args[0] = "util"
	check := func(cmd *exec.Cmd, path string) {
		t.Helper()
		want := `util: install: own path "` + path + ` (deleted)": does not lead to this program: ` +
			"the file was removed, or the program runs from memory\n"
		if status, _, stderr := test.Run(t, cmd); status != 1 || stderr != want {
			t.Errorf("status %d, stderr %q, want %q", status, stderr, want)
		}
	}
	check(cmd, "/memfd:util")

	for _, replaced := range []bool{false, true} {
		util := place(t, filepath.Join(home, "util"))
		opened, err := os.Open(util)
		test.Must(t, err)
		defer opened.Close()
		test.Must(t, os.Remove(util))
		if replaced {
			write(t, util+" (deleted)", "another file")
		}
		cmd := exec.Command(fmt.Sprintf("/proc/self/fd/%d", opened.Fd()), "--install", "-s", dir)
		cmd.Args[0] = "util"
		check(cmd, util)
	}
	expectContent(t, dir, "none")
	// The name of an existing file may end in the same way.
	test.Must(t, os.Remove(filepath.Join(home, "util (deleted)")))
	installs(t, place(t, filepath.Join(home, "util (deleted)")), 0, "", "-s", dir, "init")
	expectContent(t, dir, "init -> ../util (deleted)")
}
