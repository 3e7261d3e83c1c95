package runas_test

import (
	"encoding/binary"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"util/applets"
	"util/internal/test"

	"golang.org/x/sys/unix"
)

func TestMain(m *testing.M) { test.Main(m, applets.Main) }

func needsRoot(t testing.TB) {
	t.Helper()
	if os.Geteuid() != 0 {
		test.Missing(t, "root", "to become another user")
	}
}

// users and groups are the files of the tests. Lines that gosu reads in another way are hostile.
const (
	users = `root:x:0:0:root:/root:/bin/sh
app:x:1000:1000:App:/home/app:/bin/sh
5000:x:6000:6000::/home/number:/bin/sh
twice:x:1002:1002::/home/first:/bin/sh
twice:x:1003:1003::/home/second:/bin/sh
alias:x:1000:1005::/home/alias:/bin/sh
overflow:x:5:65534::/:/bin/sh
last:x:1013:1013::/home/last:/bin/sh`
	groups = `root:x:0:
app:x:1000:
wheel:x:10:app,root
video:x:44:app
camera:x:44:app
100:x:500:
apps:x:600:other,app
shared:x:700:apps
shared:x:701:
alone:x:800
nogroup:x:65534:overflow`
	hostile = `
short:x:1006
word:x:abc:10::/:/bin/sh
minus:x:-5:10::/:/bin/sh
over:x:4294967296:10::/:/bin/sh
+nis:x:1010:1010::/:/bin/sh
# note:x:1011:1011::/:/bin/sh
poor:x:1012:1012:::/bin/sh
blank:x:1014:1014::/home/blank:/bin/sh`
)

// inside runs the rest of a test in namespaces of its own, with the files of users and groups.
func inside(t testing.TB) bool {
	t.Helper()
	needsRoot(t)
	test.Util(t)
	test.Plain(t)
	test.Probe(t)
	if !test.Inside(t) {
		return false
	}
	etc(t, "/etc/passwd", users+hostile+"\n")
	etc(t, "/etc/group", groups+"\nspace:x:55:other, blank\nworse:x:z:minus\n")
	return true
}

// etc puts a file in the place of another one, in the mount namespace of the test.
func etc(t testing.TB, path, text string) {
	t.Helper()
	file := filepath.Join(t.TempDir(), "file")
	test.Must(t, os.WriteFile(file, []byte(text), 0o644))
	test.Must(t, unix.Mount(file, path, "", unix.MS_BIND, ""))
	t.Cleanup(func() { test.Must(t, unix.Unmount(path, unix.MNT_DETACH)) })
}

// state is what a program finds in /proc/self/status and in its environment.
type state map[string]string

// compared are the lines of /proc/self/status that tell who a process is.
var compared = []string{
	"Uid", "Gid", "Groups", "CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb", "NoNewPrivs", "Seccomp",
	"SigBlk", "SigIgn",
}

// stateUnder runs busybox under a command line, and returns its state and its environment.
func stateUnder(t testing.TB, words ...string) (s state, status int, stderr string) {
	t.Helper()
	busybox := test.Tool(t, "busybox")
	run := func(args ...string) (int, string, string) {
		cmd := exec.Command(words[0], slices.Concat(words[1:], []string{busybox}, args)...)
		cmd.Env = []string{"PATH=/usr/sbin:/usr/bin:/bin", "HOME=/old", "USER=me", "LAST=1"}
		return test.Run(t, cmd)
	}
	status, stdout, stderr := run("cat", "/proc/self/status")
	if status != 0 {
		return nil, status, stderr
	}
	s = state{}
	for line := range strings.Lines(stdout) {
		name, value, _ := strings.Cut(line, ":")
		if slices.Contains(compared, name) {
			s[name] = strings.Join(strings.Fields(value), " ")
		}
	}
	s["Groups"] = strings.Join(slices.Compact(strings.Fields(s["Groups"])), " ")
	_, env, _ := run("env")
	s["env"] = strings.Join(slices.Sorted(strings.FieldsSeq(env)), " ")
	return s, 0, stderr
}

func (s state) String() string {
	var all []string
	for _, name := range append(slices.Clone(compared), "env") {
		all = append(all, fmt.Sprintf("%s %q", name, s[name]))
	}
	return strings.Join(all, ", ")
}

// ways are the two ways into run-as: before the Go runtime boots, and under it.
func ways(t testing.TB) map[string]string {
	t.Helper()
	return map[string]string{"early": test.Util(t), "plain": test.Plain(t)}
}

// A command is the same user, with the same groups, capabilities and environment, as under gosu.
func TestBesideGosu(t *testing.T) {
	gosu := test.Tool(t, "gosu")
	if !inside(t) {
		return
	}
	for _, who := range []string{
		"app", "app:", "app:video", "app:44", "app:999", "app:alone", "app:shared", "app:100",
		"1000", "1000:",
		"1000:app", "01000", "5000", "6000", "6000:root", "twice", "1002", "1003", "alias", "last",
		"1013",
		"77", "77:", "77:88", "77:video", "2147483647", "root", "0", "root:app", "0:0", "blank:app",
	} {
		want, status, stderr := stateUnder(t, gosu, who)
		if status != 0 {
			t.Errorf("gosu %s: %s", who, stderr)
			continue
		}
		for way, util := range ways(t) {
			got, status, stderr := stateUnder(t, util, "run-as", who, "--")
			if status != 0 {
				t.Errorf("%s: %s: %s", way, who, stderr)
			} else if got.String() != want.String() {
				t.Errorf("%s: %s:\n%s, under gosu\n%s", way, who, got, want)
			}
		}
	}
}

// Where no more signals may be pending for the user, gosu waits for ever for signals that its
// runtime could not send. run-as sends none.
func TestSignalQueueFull(t *testing.T) {
	gosu, probe := test.Tool(t, "gosu"), test.Probe(t)
	if !inside(t) {
		return
	}
	under := func(words ...string) *exec.Cmd {
		words = slices.Concat(test.PendingSignals(0), []string{"exec"}, words,
			[]string{"app", probe, "say", "ran", "exit", "3"})
		return exec.Command(probe, words...)
	}
	for way, util := range ways(t) {
		status, stdout, stderr := test.Run(t, under(util, "run-as"))
		if status != 3 || stdout != "ran" {
			t.Errorf("%s: status %d, stdout %q, stderr %q", way, status, stdout, stderr)
		}
	}
	p := test.Start(t, under(gosu))
	test.Eventually(t, "gosu uses the processor for a second", func() bool {
		select {
		case line := <-p.Lines():
			t.Fatalf("gosu does not wait: %q; say so in docs/run-as.md and test.PendingSignals", line)
		default:
		}
		fields := test.ProcStat(p.Process.Pid)
		user, _ := strconv.Atoi(fields[14])
		system, _ := strconv.Atoi(fields[15])
		return user+system >= 100 // in units of 10 ms
	})
}

// What gosu takes for another user, or for root, is refused.
func TestUnlikeGosu(t *testing.T) {
	gosu := test.Tool(t, "gosu")
	if !inside(t) {
		return
	}
	line := strings.Count(users, "\n") + 2
	entry := func(n int, why string) string {
		return fmt.Sprintf("user %%[1]q: /etc/passwd, line %d: %s", line+n, why)
	}
	const range32 = "is not a number from 0 to 4294967294"
	for _, tc := range []struct {
		who    string
		uid    string // under gosu
		refuse string // run-as: what it says, or with a digit at the beginning, the user ID
	}{
		{"short", "1006", entry(0, "has too few fields")},
		{"word", "0", entry(1, "the user ID "+range32)},
		{"minus", "4294967291", entry(2, "the user ID "+range32)},
		{"over", "0", entry(3, "the user ID "+range32)},
		{"+nis", "1010", "user %q: not found in /etc/passwd (a number needs no entry)"},
		{"# note", "1011", "user %q: not found in /etc/passwd (a number needs no entry)"},
		{"+1000", "1000", "user %q: not found in /etc/passwd (a number needs no entry)"},
		{":video", "0", "user %q: has a group, but no user"},
		{":", "0", "user %q: is empty"},
		{"app:app:x", "1000", "user %q: has more than one colon"},
		{"4294967294", "", "4294967294"}, // gosu knows half of all users
	} {
		theirs, status, stderr := stateUnder(t, gosu, tc.who)
		if uid, _, _ := strings.Cut(theirs["Uid"], " "); uid != tc.uid {
			t.Errorf("gosu %s: user %s, status %d, %s", tc.who, uid, status, stderr)
		}
		for way, util := range ways(t) {
			ours, status, stderr := stateUnder(t, util, "run-as", tc.who)
			if _, err := strconv.Atoi(tc.refuse); err == nil {
				if uid, _, _ := strings.Cut(ours["Uid"], " "); uid != tc.refuse {
					t.Errorf("%s: %s: user %s, %s", way, tc.who, uid, stderr)
				}
				continue
			}
			want := "util run-as: " + tc.refuse + "\n"
			if strings.Contains(tc.refuse, "%") {
				want = fmt.Sprintf(want, tc.who)
			}
			stderr, _, _ = strings.Cut(stderr, "Try ")
			if status == 0 || stderr != want {
				t.Errorf("%s: %s: status %d, %q, want %q", way, tc.who, status, stderr, want)
			}
		}
	}
}

// The groups are those of initgroups(3), which setpriv calls.
func TestBesideSetpriv(t *testing.T) {
	setpriv := test.Tool(t, "setpriv")
	if !inside(t) {
		return
	}
	for _, name := range []string{"app", "alias", "last", "blank", "poor", "root"} {
		ours, _, stderr := stateUnder(t, test.Util(t), "run-as", name)
		gid, _, _ := strings.Cut(ours["Gid"], " ")
		theirs, _, _ := stateUnder(t, setpriv, "--reuid", name, "--regid", gid, "--init-groups")
		// initgroups adds the group itself.
		without := slices.DeleteFunc(strings.Fields(theirs["Groups"]),
			func(group string) bool { return group == gid })
		theirs["Groups"] = strings.Join(without, " ")
		for _, key := range compared {
			if ours[key] != theirs[key] {
				t.Errorf("%s: %s %q, under setpriv %q; %s", name, key, ours[key], theirs[key], stderr)
			}
		}
	}
	theirs, _, _ := stateUnder(t, setpriv, "--reuid", "7", "--regid", "8", "--clear-groups",
		"--no-new-privs")
	ours, _, _ := stateUnder(t, test.Util(t), "run-as", "--no-new-privs", "7:8")
	for _, key := range compared {
		if ours[key] != theirs[key] {
			t.Errorf("--no-new-privs: %s %q, under setpriv %q", key, ours[key], theirs[key])
		}
	}
	if ours["NoNewPrivs"] != "1" {
		t.Errorf("--no-new-privs: %v", ours)
	}
	// --keep-groups keeps the groups of the caller.
	ours, _, _ = stateUnder(t, setpriv, "--groups", "5,6", "--", test.Util(t), "run-as",
		"--keep-groups", "app")
	if ours["Groups"] != "5 6" || ours["Uid"] != "1000 1000 1000 1000" {
		t.Errorf("--keep-groups: %v", ours)
	}
	// A user without a directory has that of numbers.
	ours, _, _ = stateUnder(t, test.Util(t), "run-as", "poor")
	if !strings.Contains(ours["env"], "HOME=/ ") {
		t.Errorf("poor: %v", ours)
	}
	if _, status, stderr := stateUnder(t, test.Util(t), "run-as", "minus:minus"); status != 1 {
		t.Errorf("status %d, %s", status, stderr)
	}
}

// No capability is left, whatever the secure bits and the other sets were.
func TestCapabilities(t *testing.T) {
	setpriv := test.Tool(t, "setpriv")
	if !inside(t) {
		return
	}
	for _, before := range [][]string{
		{"--inh-caps", "+net_raw,+setuid", "--ambient-caps", "+net_raw,+setuid"},
		{"--securebits", "+no_setuid_fixup"},
		{
			"--reuid", "500", "--regid", "500", "--clear-groups", "--inh-caps", "+setuid,+setgid",
			"--ambient-caps", "+setuid,+setgid",
		},
		{
			"--reuid", "1000", "--regid", "1000", "--clear-groups", "--inh-caps", "+net_raw",
			"--ambient-caps", "+net_raw",
		}, // already the user
	} {
		for way, util := range ways(t) {
			words := slices.Concat([]string{setpriv}, before, []string{util, "run-as", "1000:1000"})
			s, status, stderr := stateUnder(t, words...)
			const none = "0000000000000000"
			if status != 0 || s["Uid"] != "1000 1000 1000 1000" || s["CapInh"] != none ||
				s["CapPrm"] != none || s["CapEff"] != none || s["CapAmb"] != none {
				t.Errorf("%s: %q: status %d, %v, %s", way, before, status, s, stderr)
			}
		}
	}
}

// Without the right to become someone, the error says what is missing. It is missing only if there
// is something to change.
func TestPermission(t *testing.T) {
	setpriv := test.Tool(t, "setpriv")
	if !inside(t) {
		return
	}
	const (
		both  = "needs root, or CAP_SETUID and CAP_SETGID"
		other = "the process has supplementary groups that the user does not have, or lacks some: to " +
			"change them needs CAP_SETGID, to keep them --keep-groups"
	)
	user := func(groups string, more ...string) []string {
		return append([]string{"--reuid", "1000", "--regid", "1000", "--groups", groups}, more...)
	}
	only := func(capability string) []string {
		return user("5", "--inh-caps", "+"+capability, "--ambient-caps", "+"+capability)
	}
	for _, tc := range []struct {
		before []string
		words  string
		want   string // "" is success
	}{
		{user("5"), "1000:1000", other},
		{user("5"), "--keep-groups 1000:1000", ""},
		{user("5"), "--keep-groups app", ""},
		{user("1000"), "1000:1000", ""},
		{user("10,44,600"), "app", ""},
		{user("10,44,600,1000"), "app", ""},
		{user("10,44"), "app", other},
		{user("10,44,600,601"), "app", other},
		{user("5"), "1000:1001", "the group is 1000, and to change it needs CAP_SETGID"},
		{user("5"), "--keep-groups 1000:1001", "the group is 1000, and to change it needs CAP_SETGID"},
		{
			[]string{"--inh-caps", "-all", "--bounding-set", "-setuid,-setgid"},
			"1000:1000",
			"root has neither CAP_SETUID nor CAP_SETGID here",
		},
		{user("5"), "--keep-groups 1001:1000", both},
		{user("1000"), "0", both},
		{only("setgid"), "1001:1001", "needs CAP_SETUID (CAP_SETGID is there)"},
		{only("setgid"), "1000:1001", ""},
		{only("setuid"), "1001:1001", "needs CAP_SETGID (CAP_SETUID is there)"},
		{only("setuid"), "--keep-groups 1001:1000", ""},
	} {
		for way, util := range ways(t) {
			words := slices.Concat([]string{setpriv}, tc.before, []string{util, "run-as"},
				strings.Fields(tc.words))
			s, status, stderr := stateUnder(t, words...)
			if tc.want == "" && (status != 0 || s["CapEff"] != "0000000000000000") ||
				tc.want != "" && (status != 1 || !strings.HasSuffix(stderr, ": "+tc.want+"\n")) {
				t.Errorf("%s: %q %s: status %d, %v, %s", way, tc.before, tc.words, status, s, stderr)
			}
		}
	}
}

// A util that is installed set-user-ID or set-group-ID makes no one root.
func TestSetUserID(t *testing.T) {
	needsRoot(t)
	dir := root(t)
	test.CopyFile(t, test.Probe(t), dir+"/probe")
	for _, mode := range []os.FileMode{os.ModeSetuid, os.ModeSetgid} {
		for _, util := range []string{"/util", "/plain"} {
			test.Must(t, os.Chmod(dir+util, mode|0o755))
			cmd := exec.Command("/probe", "exec", util, "run-as", "0:0", "/busybox", "echo", "ran")
			cmd.SysProcAttr = &syscall.SysProcAttr{
				Chroot:     dir,
				Credential: &syscall.Credential{Uid: 1000, Gid: 1000},
			}
			cmd.Dir = "/"
			status, stdout, stderr := test.Run(t, cmd)
			if status != 1 || stdout != "" || !strings.HasSuffix(stderr, installed) {
				t.Errorf("%s: status %d, %q, %q", util, status, stdout, stderr)
			}
		}
	}
}

const installed = `user "0:0": util must not be installed set-user-ID, set-group-ID or with file ` +
	"capabilities, which would make anyone root\n"

// Nor does a util with file capabilities.
func TestFileCapabilities(t *testing.T) {
	needsRoot(t)
	const capability = "security.capability"
	dir := root(t)
	run := func(util, who string, ambient ...uintptr) (status int, stdout, stderr string) {
		cmd := exec.Command(util, "run-as", who, "/busybox", "echo", "ran")
		cmd.SysProcAttr = &syscall.SysProcAttr{
			Chroot:      dir,
			Credential:  &syscall.Credential{Uid: 1000, Gid: 1000},
			AmbientCaps: ambient,
		}
		cmd.Dir = "/"
		return test.Run(t, cmd)
	}
	for _, util := range []string{"/util", "/plain"} {
		for _, caps := range []uint32{
			1<<unix.CAP_SETUID | 1<<unix.CAP_SETGID, 1 << unix.CAP_SETUID, 1 << unix.CAP_NET_RAW,
		} {
			// struct vfs_cap_data of revision 2, include/uapi/linux/capability.h: the flag "effective",
			// and the lower half of the permitted set.
			value := make([]byte, 20)
			binary.LittleEndian.PutUint32(value, 2<<24|1)
			binary.LittleEndian.PutUint32(value[4:], caps)
			test.Must(t, unix.Setxattr(dir+util, capability, value, 0))
			if status, stdout, stderr := run(util, "0:0"); status != 1 || stdout != "" ||
				!strings.HasSuffix(stderr, installed) {
				t.Errorf("%s: %#x: status %d, %q, %q", util, caps, status, stdout, stderr)
			}
		}
		// Ambient capabilities are those of the caller.
		test.Must(t, unix.Removexattr(dir+util, capability))
		_, stdout, stderr := run(util, "7:8", unix.CAP_SETUID, unix.CAP_SETGID)
		if stdout != "ran" {
			t.Errorf("%s: %q, %q", util, stdout, stderr)
		}
	}
}

// The command does not run if a call failed, or only seemed to succeed.
func TestSeccomp(t *testing.T) {
	setpriv := test.Tool(t, "setpriv")
	if !inside(t) {
		return
	}
	const ok = 0
	for _, tc := range []struct {
		call  int
		errno syscall.Errno
		words string
		want  string
	}{
		{unix.SYS_SETGROUPS, unix.EPERM, "7:8", "setgroups: operation not permitted, although run-as " +
			"has CAP_SETGID: a seccomp filter or a security module forbids it"},
		{unix.SYS_SETRESGID, unix.EPERM, "7:8", "setresgid: operation not permitted, although run-as " +
			"has CAP_SETGID: a seccomp filter or a security module forbids it"},
		{unix.SYS_SETRESUID, unix.EAGAIN, "7:8", "setresuid: resource temporarily unavailable, " +
			"although run-as has CAP_SETUID: a seccomp filter or a security module forbids it"},
		{unix.SYS_CAPSET, unix.EPERM, "7:8", "capabilities: operation not permitted"},
		{unix.SYS_PRCTL, unix.EINVAL, "--no-new-privs 7:8", "no_new_privs: invalid argument"},
		{unix.SYS_SETGROUPS, ok, "7:8", "setgroups succeeded, but the supplementary groups are others"},
		{unix.SYS_SETRESGID, ok, "7:8", "setresgid succeeded, but the group is another one"},
		{unix.SYS_SETRESUID, ok, "7:8", "setresuid succeeded, but the user is another one"},
		{unix.SYS_CAPSET, ok, "7:8", "capabilities are left"},
		{unix.SYS_PRCTL, ok, "--no-new-privs 7:8", "no_new_privs was set, but is not in effect"},
		{unix.SYS_CAPGET, ok, "7:8", "capabilities are left"},
		{unix.SYS_GETRESUID, ok, "0:8", "setresuid succeeded, but the user is another one"},
		{unix.SYS_GETRESGID, ok, "7:0", "setresgid succeeded, but the group is another one"},
	} {
		for way, util := range ways(t) {
			words := []string{setpriv, "--groups", "5", "--inh-caps", "+net_raw"}
			words = append(words, test.Probe(t), "deny", strconv.Itoa(test.Number(tc.call)),
				strconv.Itoa(int(tc.errno)), "exec", util, "run-as")
			words = append(words, strings.Fields(tc.words)...)
			s, status, stderr := stateUnder(t, words...)
			who := words[len(words)-1]
			want := fmt.Sprintf("util run-as: user %q: %s", who, tc.want)
			if tc.errno == ok {
				want += "; the command was not run"
			}
			if status != 1 || stderr != want+"\n" {
				t.Errorf("%s: %s: status %d, %v, %q, want %q", way, tc.words, status, s, stderr, want)
			}
		}
	}
}

// A filter does no harm if the command runs as the right user nevertheless: an attempt to go back
// only seems to succeed, or nothing has to change, so that no call is made. An error names what is
// missing, not the filter.
func TestHarmlessSeccomp(t *testing.T) {
	setpriv := test.Tool(t, "setpriv")
	if !inside(t) {
		return
	}
	const caps = "+setuid,+setgid,+sys_admin"
	privileged := []string{"--groups", "5", "--inh-caps", caps, "--ambient-caps", caps}
	changing := []int{unix.SYS_SETGROUPS, unix.SYS_SETRESGID, unix.SYS_SETRESUID, unix.SYS_CAPSET}
	for _, tc := range []struct {
		before []string
		deny   []int
		errno  syscall.Errno
		words  string
		want   string // the user and group, or the error
	}{
		{privileged, []int{unix.SYS_SETRESUID}, 0, "500:8", "500 8"},
		{privileged, []int{unix.SYS_SETRESGID}, 0, "7:500", "7 500"},
		{[]string{"--clear-groups"}, changing, unix.ENOSYS, "500:500", "500 500"},
		{[]string{"--groups", "500"}, changing, unix.EPERM, "500:500", "500 500"},
		{[]string{"--groups", "5"}, changing, unix.ENOSYS, "--keep-groups 500:500", "500 500"},
		{
			[]string{"--groups", "500", "--no-new-privs"},
			append(changing, unix.SYS_PRCTL), unix.EPERM,
			"500:500", "500 500",
		},
		{
			[]string{"--groups", "5"},
			changing, unix.ENOSYS, "500:500",
			"the process has supplementary groups that the user does not have, or lacks some: to " +
				"change them needs CAP_SETGID, to keep them --keep-groups",
		},
		{
			[]string{"--clear-groups"},
			changing, unix.ENOSYS, "501:500",
			"needs root, or CAP_SETUID and CAP_SETGID",
		},
	} {
		for way, util := range ways(t) {
			words := slices.Concat([]string{setpriv, "--reuid", "500", "--regid", "500"}, tc.before,
				[]string{test.Probe(t)})
			for _, call := range tc.deny {
				words = append(words, "deny", strconv.Itoa(test.Number(call)), strconv.Itoa(int(tc.errno)))
			}
			words = append(words, "exec", util, "run-as")
			s, status, stderr := stateUnder(t, append(words, strings.Fields(tc.words)...)...)
			uid, _, _ := strings.Cut(s["Uid"], " ")
			gid, _, _ := strings.Cut(s["Gid"], " ")
			if uid+" "+gid != tc.want && (status != 1 || !strings.HasSuffix(stderr, ": "+tc.want+"\n")) {
				t.Errorf("%s: %q: status %d, %v, %s, want %s", way, words, status, s, stderr, tc.want)
			}
		}
	}
}

// TestUserNamespace maps the users and groups 0 to 9 and no others.
func TestUserNamespace(t *testing.T) {
	setpriv, unshare := test.Tool(t, "setpriv"), test.Tool(t, "unshare")
	busybox := test.Tool(t, "busybox")
	if !inside(t) {
		return
	}
	check := func(t *testing.T, cmd *exec.Cmd, uid, refuse string) {
		t.Helper()
		status, stdout, stderr := test.Run(t, cmd)
		if refuse == "" && stdout != uid || refuse != "" &&
			(status != 1 || stdout != "" || !strings.HasSuffix(stderr, ": "+refuse+"\n")) {
			t.Errorf("%q: status %d, %s, %s, want %s%s", cmd.Args, status, stdout, stderr, uid, refuse)
		}
	}
	for way, util := range ways(t) {
		t.Run(way, func(t *testing.T) {
			for _, tc := range []struct{ who, uid, refuse string }{
				{"5:6", "5", ""},
				{"0:0", "0", ""},
				{"app", "", "one of the supplementary groups is not mapped in this user namespace " +
					"(see /proc/self/gid_map)"},
				{"10:6", "", "uid 10 is not mapped in this user namespace (see /proc/self/uid_map)"},
				{"5:10", "", "gid 10 is not mapped in this user namespace (see /proc/self/gid_map)"},
			} {
				cmd := exec.Command(util, "run-as", tc.who, busybox, "id", "-u")
				mapping := []syscall.SysProcIDMap{{ContainerID: 0, HostID: 200000, Size: 10}}
				cmd.SysProcAttr = &syscall.SysProcAttr{
					Cloneflags:                 syscall.CLONE_NEWUSER,
					UidMappings:                mapping,
					GidMappings:                mapping,
					GidMappingsEnableSetgroups: true,
					Credential:                 &syscall.Credential{}, // root of the namespace
				}
				check(t, cmd, tc.uid, tc.refuse)
			}
			// unshare -r maps root alone, and has to forbid setgroups.
			for _, tc := range []struct{ groups, words, uid, refuse string }{
				{"5", "0:0", "", `this user namespace forbids setgroups (/proc/self/setgroups is "deny"): ` +
					"use --keep-groups to keep the supplementary groups"},
				{"5", "--keep-groups 0:0", "0", ""},
				{"0", "0:0", "0", ""}, // nothing has to change
				{"5", "--keep-groups 5:0", "", "uid 5 is not mapped in this user namespace " +
					"(see /proc/self/uid_map)"},
			} {
				words := []string{"--groups", tc.groups, unshare, "-U", "-r", util, "run-as"}
				words = slices.Concat(words, strings.Fields(tc.words), []string{busybox, "id", "-u"})
				check(t, exec.Command(setpriv, words...), tc.uid, tc.refuse)
			}
			// A group that is not mapped seems to be 65534. It is not the user's own, nor one of its
			// groups.
			const other = "the process has supplementary groups that the user does not have, or lacks " +
				"some: to change them needs CAP_SETGID, to keep them --keep-groups"
			for _, tc := range []struct{ groups, words, uid, refuse string }{
				{"27,999", "5:65534", "", other},
				{"27", "overflow", "", other},
				{"1000", "5:65534", "", other},
				{"27", "--keep-groups 5:65534", "5", ""},
			} {
				words := []string{
					"--reuid", "1000", "--regid", "1000", "--groups", tc.groups, unshare, "-U",
					"--map-user=5", "--map-group=65534", util, "run-as",
				}
				words = slices.Concat(words, strings.Fields(tc.words), []string{busybox, "id", "-u"})
				check(t, exec.Command(setpriv, words...), tc.uid, tc.refuse)
			}
			// Nor is the group itself 65534 if it is not mapped.
			words := []string{
				"--reuid", "1000", "--regid", "1000", "--groups", "27", unshare, "-U", "--map-user=5",
				util, "run-as", "--keep-groups", "5:65534", busybox, "id", "-u",
			}
			check(t, exec.Command(setpriv, words...), "", "gid 65534 is not mapped in this user "+
				"namespace (see /proc/self/gid_map)")
		})
	}
}

// The command has the same PID, session, process group, parent, files and limits, the mask and the
// ignored signals that run-as was started with.
func TestProcess(t *testing.T) {
	needsRoot(t)
	probe, util := test.Probe(t), test.Util(t)
	words := []string{"openlimit", "77", "close", "0"}
	for _, n := range []string{"2", "11", "12", "15", "27", "33", "40"} {
		words = append(words, "block", n)
	}
	for _, n := range []string{"1", "3", "10", "13", "17", "23", "64"} {
		words = append(words, "ignore", n)
	}
	words = append(words, "exec")
	run := func(command ...string) (pid int, lines []string) {
		p := test.Start(t, exec.Command(probe, append(words, command...)...))
		lines = p.Rest()
		if status := p.Status(); status != 0 {
			t.Fatalf("%q: status %d, %s", command, status, p.Stderr())
		}
		return p.Process.Pid, lines
	}
	show := []string{probe, "state", "fds"}
	directPID, want := run(show...)
	want[0] = strings.Replace(want[0], fmt.Sprintf("pid=%d ", directPID), "", 1)
	for _, who := range []string{"1000:1000", "0"} {
		pid, got := run(append([]string{util, "run-as", who, "--"}, show...)...)
		state, ok := strings.CutPrefix(got[0], fmt.Sprintf("pid=%d ", pid))
		if got[0] = state; !ok || !slices.Equal(got, want) {
			t.Errorf("%s: pid %d: %q, want %q", who, pid, got, want)
		}
		_, limit := run(util, "run-as", who, test.Tool(t, "busybox"), "sh", "-c", "ulimit -n")
		if limit[0] != "77" {
			t.Errorf("limit of files: %q", limit)
		}
	}
}

// The command still has its controlling terminal, as a member of the foreground process group.
func TestTerminal(t *testing.T) {
	needsRoot(t)
	term := test.NewTerminal(t)
	cmd := exec.Command(test.Util(t), "run-as", "1000:1000", test.Probe(t), "tty", "state")
	cmd.Stdin, cmd.Stdout, cmd.Stderr = term.Line, term.Line, term.Line
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Setctty: true}
	test.Must(t, cmd.Run())
	pid := cmd.Process.Pid
	term.Expect("tty")
	term.Expect(fmt.Sprintf("pid=%d ", pid))
	term.Expect(fmt.Sprintf(" foreground=%d ", pid))
}

// root makes a root directory with util, busybox and a folder etc.
func root(t testing.TB) string {
	t.Helper()
	dir := t.TempDir()
	test.Must(t, os.Chmod(dir, 0o755))
	test.Must(t, os.Mkdir(dir+"/etc", 0o755))
	test.CopyFile(t, test.Util(t), dir+"/util")
	test.CopyFile(t, test.Plain(t), dir+"/plain")
	test.CopyFile(t, test.Tool(t, "busybox"), dir+"/busybox")
	return dir
}

// Whatever is at the place of the files, the command runs as the right user or not at all.
func TestFiles(t *testing.T) {
	needsRoot(t)
	dir := root(t)
	passwd, group := dir+"/etc/passwd", dir+"/etc/group"
	write := func(path, text string) { test.Must(t, os.WriteFile(path, []byte(text), 0o644)) }
	for _, tc := range []struct {
		name string
		make func()
		want map[string]string // by USER: the IDs, or the error
	}{
		{"no files", func() {}, map[string]string{
			"77": "77:0", "77:88": "77:88", "0": "0:0",
			"app":    `user "app": there is no /etc/passwd here (a number needs none)`,
			"77:app": `group "app": there is no /etc/group here (a number needs none)`,
		}},
		{
			"no folder", func() { test.Must(t, os.Remove(dir+"/etc")); write(dir+"/etc", "") },
			map[string]string{"77": "77:0"},
		},
		{"only users", func() { write(passwd, users) }, map[string]string{"app": "1000:1000"}},
		{"FIFO", func() { test.Must(t, unix.Mkfifo(passwd, 0o644)) }, map[string]string{
			"77": "/etc/passwd: is not a regular file",
		}},
		{"folder", func() { test.Must(t, os.Mkdir(passwd, 0o755)) }, map[string]string{
			"app": "/etc/passwd: is not a regular file",
		}},
		{"loop", func() { test.Must(t, os.Symlink("passwd", passwd)) }, map[string]string{
			"app": "/etc/passwd: too many levels of symbolic links",
		}},
		{
			"16 MiB", func() { write(passwd, users+"\n"); test.Must(t, os.Truncate(passwd, 16<<20)) },
			map[string]string{"app": "1000:1000"},
		},
		{
			"more than 16 MiB", func() { write(passwd, users); test.Must(t, os.Truncate(passwd, 16<<20+1)) },
			map[string]string{"app": "/etc/passwd: is larger than 16 MiB"},
		},
		{
			"zeros", func() { write(passwd, "pad:x:00000001234:0012::/pad:\nbad:x:0000077:x::/:\n") },
			map[string]string{
				"pad": "1234:12", "1234": "1234:12", "00000000000001234": "1234:12",
				"0000000000000": "0:0", "7:0000000000000000008": "7:8",
				"77": `user "77": /etc/passwd, line 2: the group ID is not a number from 0 to 4294967294`,
			},
		},
		{"long line", func() {
			write(passwd, "x:x:1:1:"+strings.Repeat("x", 8<<20)+":/:\n"+users)
			write(group, "many:x:9:"+strings.Repeat("x,", 4<<20)+"app\n")
		}, map[string]string{"app": "1000:1000", "x": "1:1"}},
		{
			"group is a FIFO", func() { write(passwd, users); test.Must(t, unix.Mkfifo(group, 0o644)) },
			map[string]string{"app": "/etc/group: is not a regular file"},
		},
		{
			"group is a folder", func() { write(passwd, users); test.Must(t, os.Mkdir(group, 0o755)) },
			map[string]string{"app": "/etc/group: is not a regular file", "app:5": "1000:5", "9": "9:0"},
		},
		{
			"bad group", func() { write(passwd, users); write(group, "g:x:z:app\nh:x\n") },
			map[string]string{
				"app": `the groups of user "app": /etc/group, line 1: ` +
					"the group ID is not a number from 0 to 4294967294",
				"app:h": `group "h": /etc/group, line 2: has too few fields`, "last": "1013:1013",
			},
		},
		{"many groups", func() {
			write(passwd, users)
			var text strings.Builder
			for n := range 65537 {
				fmt.Fprintf(&text, "g:x:%d:app,last\n", 70000-n)
			}
			write(group, strings.Replace(text.String(), ",last", "", 1))
		}, map[string]string{
			"app": `the groups of user "app": are more than 65536`, "last": "1013:1013",
		}},
		{"many lines", func() {
			write(passwd, users)
			var text strings.Builder
			for n := range 70000 {
				fmt.Fprintf(&text, "g:x:%d:app\n", n*7919%100)
			}
			write(group, text.String())
		}, map[string]string{"app": "1000:1000"}},
		{
			"NUL bytes", func() { write(passwd, "\x00:x:1:1::/:\napp\x00:x:1:1::/:\nb:x:2:2::/\x00:\n") },
			map[string]string{
				"app": `user "app": not found in /etc/passwd (a number needs no entry)`,
				"b":   `user "b": /etc/passwd, line 3: the home directory has a NUL byte`,
			},
		},
	} {
		test.Must(t, os.RemoveAll(dir+"/etc"))
		test.Must(t, os.Mkdir(dir+"/etc", 0o755))
		tc.make()
		for who, want := range tc.want {
			for _, util := range []string{"/util", "/plain"} {
				cmd := exec.Command(util, "run-as", who, "/busybox", "sh", "-c",
					"echo $(/busybox id -u):$(/busybox id -g)")
				cmd.SysProcAttr = &syscall.SysProcAttr{Chroot: dir}
				cmd.Dir = "/"
				status, stdout, stderr := test.Run(t, cmd)
				if stdout != want && (status != 1 || stderr != "util run-as: "+want+"\n") {
					t.Errorf("%s: %s %s: status %d, %s, %s, want %s",
						tc.name, util, who, status, stdout, stderr, want)
				}
			}
		}
	}
}

// Where no task is left, run-as works: it needs only its own. Without the runtime, it still says
// why a command was not run.
func TestOneTask(t *testing.T) {
	needsRoot(t)
	dir := root(t)
	test.CopyFile(t, test.Probe(t), dir+"/probe")
	write := func(name, text string, mode os.FileMode) {
		test.Must(t, os.WriteFile(dir+name, []byte(text), mode))
	}
	write("/etc/passwd", "short:x\nn\x1b\":x:1\n", 0o644)
	write("/data", "", 0o644)
	write("/orphan", "#!/no/such\n", 0o755)
	write("/binary", "a\x00b", 0o755)
	for _, tc := range []struct {
		words  []string
		status int
		want   string // stdout, or the error
	}{
		{[]string{"4321:4321", "/probe", "say", "ran"}, 0, "ran"},
		{[]string{"4321:4321", "/nope"}, 127, `command "/nope": not found`},
		{[]string{"4321:4321", "n\x1bo\"pe"}, 127, `command "n?o?pe": not found`},
		{[]string{"4321:4321", "/data"}, 126, `command "/data": permission denied`},
		{[]string{"4321:4321", "/binary"}, 126, `command "/binary": exec format error`},
		{
			[]string{"4321:4321", "/orphan"}, 126, `command "/orphan": found, but the interpreter of ` +
				"its #! line or its dynamic loader is missing",
		},
		{
			[]string{"app:x", "/probe"},
			1,
			`user "app": not found in /etc/passwd (a number needs no entry)`,
		},
		{[]string{"short", "/probe"}, 1, `user "short": /etc/passwd, line 1: has too few fields`},
		{[]string{"n\x1b\"", "/probe"}, 1, `user "n??": /etc/passwd, line 2: has too few fields`},
		{
			[]string{"7:app", "/probe"},
			1,
			`group "app": there is no /etc/group here (a number needs none)`,
		},
	} {
		cmd := exec.Command("/probe", append([]string{
			"setuid", "4321", "tasklimit", "1", "exec", "/util", "run-as",
		}, tc.words...)...)
		if tc.status != 1 {
			cmd.Args = slices.Delete(cmd.Args, 1, 3)
		}
		cmd.SysProcAttr = &syscall.SysProcAttr{Chroot: dir}
		cmd.Dir = "/"
		status, stdout, stderr := test.Run(t, cmd)
		if status != tc.status || stdout != tc.want && stderr != "util run-as: "+tc.want+"\n" {
			t.Errorf("%q: status %d, %s, %s, want %d, %s", tc.words, status, stdout, stderr, tc.status,
				tc.want)
		}
	}
}

// Where little memory is left, small files are read nevertheless.
func TestMemoryLimit(t *testing.T) {
	if !inside(t) {
		return
	}
	const limit = "ulimit -v 12000 && exec "
	words := limit + test.Util(t) + " run-as app " + test.Probe(t) + " say ran"
	status, stdout, stderr := test.Run(t, exec.Command("/bin/sh", "-c", words))
	if stdout != "ran" {
		t.Errorf("status %d, %s, %s", status, stdout, stderr)
	}
}
