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

// place copies util to path, and makes the directories above it.
func place(t *testing.T, path string) string {
	t.Helper()
	program, err := os.ReadFile(test.Util(t))
	if err == nil {
		err = os.MkdirAll(filepath.Dir(path), 0o755)
	}
	if err == nil {
		err = os.WriteFile(path, program, 0o755)
	}
	if err != nil {
		t.Fatal(err)
	}
	return path
}

// installs runs util --install, and fails the test unless it has that status and says that (nothing, if it succeeds).
func installs(t *testing.T, util string, status int, says string, args ...string) {
	t.Helper()
	got, stdout, stderr := test.Run(t, exec.Command(util, append([]string{"--install"}, args...)...))
	if got != status || stdout != "" || !strings.HasPrefix(stderr, says) || says == "" && stderr != "" {
		t.Errorf("--install %q: status %d, stdout %q, stderr %q; want %d, %q", args, got, stdout, stderr, status, says)
	}
}

// content describes a directory: each name with what it is.
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
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func expectContent(t *testing.T, dir string, want ...string) {
	t.Helper()
	if got := content(t, dir); !slices.Equal(got, want) {
		t.Errorf("%s holds %q, want %q", dir, got, want)
	}
}

func TestInstall(t *testing.T) {
	home := t.TempDir()
	util := place(t, filepath.Join(home, "util"))
	for _, symbolic := range []bool{false, true} {
		// Where there is no directory yet.
		dir := filepath.Join(home, map[bool]string{false: "hard", true: "soft"}[symbolic], "bin")
		args := []string{}
		if symbolic {
			args = append(args, "-s")
		}
		for range 2 { // the second time nothing is to be done
			installs(t, util, 0, "", append(args, dir)...)
		}
		for _, name := range list(t) {
			path := filepath.Join(dir, name)
			info, err := os.Lstat(path)
			if err != nil || (info.Mode()&os.ModeSymlink != 0) != symbolic {
				t.Errorf("%s: %v, %v", path, info, err)
			}
			if status, stdout, _ := test.Run(t, exec.Command(path, "--help")); status != 0 || !strings.HasPrefix(stdout, "Usage: util "+name+" ") {
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
			if status, stdout, _ := test.Run(t, exec.Command(filepath.Join(dir, alias), test.Probe(t), "say", "here")); status != 0 || stdout != "here" {
				t.Errorf("%s: status %d, stdout %q", alias, status, stdout)
			}
		}
	}
}

// Only what is named is linked: on a machine, /usr/local/bin/init would stand before /sbin/init.
func TestInstallNames(t *testing.T) {
	home := t.TempDir()
	util := place(t, filepath.Join(home, "util"))
	dir := filepath.Join(home, "bin")
	installs(t, util, 0, "", "-s", dir, "docker-init", "podman-init", "docker-init")
	expectContent(t, dir, "docker-init -> ../util", "podman-init -> ../util")
	installs(t, util, 0, "", "-s", dir, "sendsig")
	expectContent(t, dir, "docker-init -> ../util", "podman-init -> ../util", "sendsig -> ../util")

	dir = filepath.Join(home, "none")
	installs(t, util, 2, `util: name "docker-inti": is none of --list --compat (did you mean docker-init?)`, dir, "sendsig", "docker-inti")
	installs(t, util, 2, `util: name "util": is none of --list --compat`, dir, "util")
	installs(t, util, 2, `util: name "a/init": is none of`, dir, "a/init")
	installs(t, util, 2, `util: name "tini": names are for --install without --compat`, "--compat", dir, "tini")
	installs(t, util, 2, `util: directory "": is empty`, "")
	cmd := exec.Command(util, "--install", "-s", "docker-init")
	cmd.Dir = home
	if status, _, stderr := test.Run(t, cmd); status != 2 || !strings.HasPrefix(stderr, `util: directory "docker-init": is the name of an applet: the directory comes first`) {
		t.Errorf("a name without a directory: status %d, %s", status, stderr)
	}
	expectContent(t, home, "bin/", "util: "+size(t, util))
}

func size(t *testing.T, path string) string {
	info, err := os.Stat(path)
	must(t, err)
	return fmt.Sprintf("%d bytes", info.Size())
}

// A tree that is put together here, and used as the root elsewhere: the links hold there.
func TestInstallImageRoot(t *testing.T) {
	for _, tc := range []struct {
		util, dir string
		links     map[string]string // what is made before: directories that are links
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
				must(t, os.MkdirAll(filepath.Join(root, to), 0o755))
				must(t, os.MkdirAll(filepath.Join(root, filepath.Dir(to), "bin"), 0o755))
				must(t, os.Symlink(to, filepath.Join(root, name)))
			}
			util := place(t, filepath.Join(root, tc.util))
			before := len(content(t, root))
			cmd := exec.Command(util, "--install", "-s", root+"/"+tc.dir, "sendsig")
			if tc.links != nil { // from a directory whose name in the shell is another than its own
				logical := filepath.Join(t.TempDir(), "logical")
				must(t, os.Symlink(root, logical))
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

// What is there already and leads to util stays as it is; what is something else is only replaced with --force.
func TestInstallOverFiles(t *testing.T) {
	home := t.TempDir()
	util := place(t, filepath.Join(home, "util"))
	must(t, os.Symlink(home, filepath.Join(home, "again")))
	for _, ours := range []string{"../util", util, "../again/util", "../bin/../util", "other-link", filepath.Join(home, "again/./util")} {
		for _, options := range [][]string{{"-s"}, {"-s", "--force"}, {}, {"--force"}} {
			dir := filepath.Join(home, "bin")
			must(t, os.Mkdir(dir, 0o755))
			must(t, os.Symlink("../util", filepath.Join(dir, "other-link")))
			must(t, os.Symlink(ours, filepath.Join(dir, "sendsig")))
			installs(t, util, 0, "", append(options, dir, "sendsig")...)
			expectContent(t, dir, "other-link -> ../util", "sendsig -> "+ours)
			must(t, os.RemoveAll(dir))
		}
	}

	// util's own file has the name of an applet.
	own := place(t, filepath.Join(home, "own", "sendsig"))
	cmd := exec.Command(own, "--install", "-s", "--force", filepath.Dir(own), "sendsig", "init")
	cmd.Args[0] = "util"
	if status, _, stderr := test.Run(t, cmd); status != 0 {
		t.Errorf("own name: status %d, %s", status, stderr)
	}
	expectContent(t, filepath.Dir(own), "init -> sendsig", "sendsig: "+size(t, own))

	dir := filepath.Join(home, "occupied")
	must(t, os.Mkdir(dir, 0o755))
	last := filepath.Join(dir, "reap-once")
	write(t, last, "mine")
	must(t, os.Symlink("nowhere", filepath.Join(dir, "init")))
	installs(t, util, 1, `util: install: "`+dir+`/init": exists and is something else; nothing was changed (--force replaces it)`, "-s", dir)
	installs(t, util, 1, `util: install: "`+last+`": exists and is something else; nothing was changed (--force replaces it)`, dir, "sendsig", "reap-once")
	expectContent(t, dir, "init -> nowhere", "reap-once: mine")

	// Leftovers of an installation that was killed.
	write(t, last+".util-install", "left over")
	must(t, os.Mkdir(filepath.Join(dir, ".util-install-1"), 0o755))
	for _, denied := range []bool{false, true} { // true: as on a file system that cannot exchange files
		args := []string{"exec", util}
		if denied {
			args = append([]string{"deny", itoa(unix.SYS_RENAMEAT2), itoa(int(unix.EINVAL))}, args...)
		}
		args = append(args, "--install", "-s", "--force", dir)
		if status, _, stderr := test.Run(t, exec.Command(test.Probe(t), args...)); status != 0 {
			t.Errorf("--force: status %d, stderr %q", status, stderr)
		}
		expectContent(t, dir, ".util-install-1/", "init -> ../util", "reap-once -> ../util", "reap-once.util-install: left over", "sendsig -> ../util", "wait-for-port -> ../util")
		must(t, os.Remove(last))
		write(t, last, "mine")
	}
}

// Where not every link can be made, none is, and everything is as it was.
func TestInstallFails(t *testing.T) {
	home := t.TempDir()
	util := place(t, filepath.Join(home, "util"))
	dir := filepath.Join(home, "bin")
	must(t, os.Mkdir(dir, 0o755))

	must(t, os.Mkdir(filepath.Join(dir, "sendsig"), 0o755))
	installs(t, util, 1, `util: install: "`+dir+`/sendsig": is a directory; nothing was changed`, "-s", "--force", dir)
	expectContent(t, dir, "sendsig/")

	file := filepath.Join(home, "file")
	write(t, file, "a file")
	installs(t, util, 1, `util: install: "`+file+`": not a directory`, file)
	installs(t, util, 1, `util: install: "`+file+`/deeper/bin": not a directory`, file+"/deeper/bin")
	installs(t, util, 1, `util: install: "/proc/nowhere": no such file or directory`, "/proc/nowhere/bin")
	expectContent(t, home, "bin/", "file: a file", "util: "+size(t, util))

	if os.Geteuid() != 0 {
		test.Missing(t, "root", "file systems of the test's own")
	}
	runtime.LockOSThread() // never unlocked: the runtime ends the thread, and with it the mounts, when the test ends
	if err := unix.Unshare(unix.CLONE_NEWNS); err != nil {
		test.Missing(t, "namespaces", err.Error())
	}
	must(t, unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, ""))
	mount := func(options string) string {
		small := t.TempDir()
		must(t, unix.Mount("tmpfs", small, "tmpfs", 0, options))
		t.Cleanup(func() { _ = unix.Unmount(small, unix.MNT_DETACH) })
		return small
	}
	// A file system that is full after some of the links.
	for _, options := range [][]string{{"-s"}, {"-s", "--force"}} {
		small := mount("nr_inodes=6")
		write(t, small+"/init", "theirs")
		must(t, os.Symlink("theirs", small+"/tini"))
		want := []string{"init: theirs", "tini -> theirs"}
		if len(options) == 1 {
			must(t, os.Remove(small+"/init"))
			must(t, os.Remove(small+"/tini"))
			want = nil
		}
		installs(t, util, 1, `util: install: "`+small, append(options, "--compat", small)...)
		expectContent(t, small, want...)
		installs(t, util, 1, `util: install: "`+small, append(options, "--compat", small+"/a/b")...)
		expectContent(t, small, want...)
	}
	other := mount("")
	installs(t, util, 1, `util: install: "`+other+`/a/init": invalid cross-device link (a hard link cannot lead to another file system; -s makes symbolic links)`, other+"/a")
	expectContent(t, other)
	must(t, unix.Mount("", other, "", unix.MS_REMOUNT|unix.MS_RDONLY, ""))
	installs(t, util, 1, `util: install: "`+other+`/a": read-only file system`, "-s", other+"/a")
	installs(t, util, 1, `util: install: "`+other+`/init": read-only file system`, "-s", other)
	place(t, filepath.Join(home, "readonly", "bin", "init"))
	must(t, unix.Mount(filepath.Join(home, "readonly"), filepath.Join(home, "readonly"), "", unix.MS_BIND, ""))
	must(t, unix.Mount("", filepath.Join(home, "readonly"), "", unix.MS_REMOUNT|unix.MS_BIND|unix.MS_RDONLY, ""))
	t.Cleanup(func() { _ = unix.Unmount(filepath.Join(home, "readonly"), unix.MNT_DETACH) })
	installs(t, util, 1, `util: install: "`+home+`/readonly/bin": read-only file system`, "-s", "--force", filepath.Join(home, "readonly", "bin"), "init")
}

// A program without a file, or whose file was removed or replaced, can be linked to by nothing.
func TestInstallWithoutFile(t *testing.T) {
	home := t.TempDir()
	dir := filepath.Join(home, "bin")
	memory, err := unix.MemfdCreate("util", 0)
	must(t, err)
	file := os.NewFile(uintptr(memory), "memory")
	defer file.Close()
	program, err := os.ReadFile(test.Util(t))
	must(t, err)
	_, err = file.Write(program)
	must(t, err)
	cmd := exec.Command(fmt.Sprintf("/proc/self/fd/%d", file.Fd()), "--install", "-s", dir)
	cmd.Args[0] = "util"
	if status, _, stderr := test.Run(t, cmd); status != 1 || !strings.HasPrefix(stderr, `util: install: own path "/memfd:util (deleted)": does not lead to this program`) {
		t.Errorf("from memory: status %d, %s", status, stderr)
	}

	for _, replaced := range []bool{false, true} {
		util := place(t, filepath.Join(home, "util"))
		opened, err := os.Open(util)
		must(t, err)
		defer opened.Close()
		must(t, os.Remove(util))
		if replaced {
			write(t, util+" (deleted)", "another file")
		}
		cmd := exec.Command(fmt.Sprintf("/proc/self/fd/%d", opened.Fd()), "--install", "-s", dir)
		cmd.Args[0] = "util"
		if status, _, stderr := test.Run(t, cmd); status != 1 || !strings.HasPrefix(stderr, `util: install: own path "`+util+` (deleted)": does not lead to this program`) {
			t.Errorf("removed: status %d, %s", status, stderr)
		}
	}
	expectContent(t, dir, "none")
	// One whose name only looks like it.
	must(t, os.Remove(filepath.Join(home, "util (deleted)")))
	installs(t, place(t, filepath.Join(home, "util (deleted)")), 0, "", "-s", dir, "init")
	expectContent(t, dir, "init -> ../util (deleted)")
}
