package runas_test

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"util/internal/test"
)

// importImage makes an image from scratch with util, busybox and the given files of /etc, and
// returns its name.
func importImage(t *testing.T, tag string, etc map[string]string) (name string) {
	t.Helper()
	test.Engine(t)
	name = fmt.Sprintf("util-test-runas-%d:%s", os.Getpid(), tag)
	dir := t.TempDir()
	test.CopyFile(t, test.Util(t), filepath.Join(dir, "util"))
	test.CopyFile(t, test.Tool(t, "busybox"), filepath.Join(dir, "busybox"))
	test.Must(t, os.Mkdir(filepath.Join(dir, "etc"), 0o755))
	for file, text := range etc {
		test.Must(t, os.WriteFile(filepath.Join(dir, "etc", file), []byte(text), 0o644))
	}
	tar := filepath.Join(t.TempDir(), "image.tar")
	if out, err := exec.Command("tar", "-C", dir, "-cf", tar, ".").CombinedOutput(); err != nil {
		t.Fatalf("tar: %v\n%s", err, out)
	}
	t.Cleanup(func() { test.MustDocker(t, "rmi", "--force", name) })
	test.MustDocker(t, "import", tar, name)
	return name
}

// TestDockerUsers: without root, run-as works with the users and groups that Docker gives a
// container, where they are those of the user.
func TestDockerUsers(t *testing.T) {
	name := importImage(t, "users", map[string]string{
		"passwd": "app:x:1000:1000::/:/\nplain:x:2000:2000::/:/\n",
		"group":  "app:x:1000:\nplain:x:2000:\nvideo:x:44:app\n",
	})
	const other = "supplementary groups that the user does not have, or lacks some"
	for _, tc := range []struct{ options, command, want string }{
		{"--user 1000:1000", "run-as 1000:1000", "1000:1000:1000"},
		{"--user 2000:2000", "run-as plain", "2000:2000:2000"},
		{"--user 1000:1000", "run-as app", other},
		{"--user 1000", "run-as app", "1000:1000:1000 44"},
		{"--user app", "run-as app", "1000:1000:1000 44"},
		{"--user 3000", "run-as 3000", "3000:0:0"},
		{"--user 1000:1000 --group-add 7", "run-as 1000:1000", other},
		{"--user 1000:1000 --group-add 7", "run-as --keep-groups 1000:1000", "1000:1000:1000 7"},
	} {
		words := strings.Fields(tc.options + " " + name + " /util " + tc.command)
		words = append([]string{"run", "--rm", "--network", "none"}, words...)
		_, stdout, stderr := test.Docker(t, append(words, "/busybox", "sh", "-c",
			"echo $(/busybox id -u):$(/busybox id -g):$(/busybox id -G)")...)
		if stdout != tc.want && !(tc.want == other && strings.Contains(stderr, other)) {
			t.Errorf("%s %s: %q, %q, want %q", tc.options, tc.command, stdout, stderr, tc.want)
		}
	}
}

// TestDocker runs containers of an image from scratch that has neither /etc/passwd nor /etc/group.
func TestDocker(t *testing.T) {
	name := importImage(t, "none", nil)
	const (
		show = " -- /busybox sh -c 'echo " +
			"$(/busybox id -u):$(/busybox id -g):$(/busybox id -G) $HOME $$; " +
			"/busybox grep CapEff /proc/self/status'"
		none = "CapEff:\t0000000000000000"
	)
	for _, tc := range []struct {
		options, command string
		status           int
		stdout, stderr   string
	}{
		{"", "/util run-as 1000:1001" + show, 0, "1000:1001:1001 / 1\n" + none, ""},
		{"", "/util run-as 1000" + show, 0, "1000:0:0 / 1\n" + none, ""},
		{
			"--cap-drop ALL --cap-add SETUID --cap-add SETGID",
			"/util run-as --no-new-privs 1000:1001" + show, 0,
			"1000:1001:1001 / 1\n" + none, "",
		},
		{"--user 1000:1001", "/util run-as 1000:1001" + show, 0, "1000:1001:1001 / 1\n" + none, ""},
		{
			"--user 1000:1001 --cap-drop ALL --security-opt no-new-privileges",
			"/util run-as 1000:1001" + show, 0, "1000:1001:1001 / 1\n" + none, "",
		},
		{
			"--user 1000:1001 --group-add 7", "/util run-as --keep-groups 1000:1001" + show, 0,
			"1000:1001:1001 7 / 1\n" + none, "",
		},
		{"", "/util init -- /util run-as 1000:1001 -- /busybox sh -c 'exit 7'", 7, "", ""},
		{
			"", "/util init -- /util run-as 1000:1001 -- /no/such", 127, "",
			`util run-as: command "/no/such": no such file or directory`,
		},
		{
			"", "/util run-as app -- /busybox echo ran", 1, "",
			`util run-as: user "app": there is no /etc/passwd here (a number needs none)`,
		},
		{
			"--cap-drop ALL", "/util run-as 1000:1001 -- /busybox echo ran", 1, "",
			`util run-as: user "1000:1001": root has neither CAP_SETUID nor CAP_SETGID here`,
		},
		{
			"--cap-drop SETUID", "/util run-as 1000:1001 -- /busybox echo ran", 1, "",
			`util run-as: user "1000:1001": needs CAP_SETUID (CAP_SETGID is there)`,
		},
		{
			"--cap-drop SETGID", "/util run-as 1000:1001 -- /busybox echo ran", 1, "",
			`util run-as: user "1000:1001": needs CAP_SETGID (CAP_SETUID is there)`,
		},
		{
			"--user 1000:1001", "/util run-as 1002:1001 -- /busybox echo ran", 1, "",
			`util run-as: user "1002:1001": needs root, or CAP_SETUID and CAP_SETGID`,
		},
		{
			"--user 1000", "/util run-as 1000:1000 -- /busybox echo ran", 1, "",
			`util run-as: user "1000:1000": the group is 0, and to change it needs CAP_SETGID`,
		},
		{
			"--user 1000:1001 --group-add 7", "/util run-as 1000:1001 -- /busybox echo ran", 1, "",
			`util run-as: user "1000:1001": the process has supplementary groups that the user does ` +
				"not have, or lacks some: to change them needs CAP_SETGID, to keep them --keep-groups",
		},
		{ // 65534 is a group like any other if all IDs are mapped
			"--user 65534:65534 --group-add 65534", "/util run-as 65534:65534" + show, 0,
			"65534:65534:65534 / 1\n" + none, "",
		},
		{
			"--pids-limit 5", "/util run-as 1000:1001 -- /nope", 127, "",
			`util run-as: command "/nope": not found`,
		},
		{
			"--pids-limit 5", "/util run-as app -- /nope", 1, "",
			`util run-as: user "app": there is no /etc/passwd here (a number needs none)`,
		},
	} {
		before, script, isScript := strings.Cut(tc.command, " -- /busybox sh -c ")
		words := strings.Fields(before)
		if isScript {
			words = append(words, "--", "/busybox", "sh", "-c", strings.Trim(script, "'"))
		}
		args := append([]string{"run", "--rm", "--network", "none"}, strings.Fields(tc.options)...)
		status, stdout, stderr := test.Docker(t, append(append(args, name), words...)...)
		if status != tc.status || stdout != tc.stdout || strings.TrimSpace(stderr) != tc.stderr {
			t.Errorf("docker run %s %s: status %d, %q, %q, want %d, %q, %q", tc.options, tc.command,
				status, stdout, stderr, tc.status, tc.stdout, tc.stderr)
		}
	}
}
