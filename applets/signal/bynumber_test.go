package sendsig_test

import (
	"fmt"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"util/internal/procfs"
	"util/internal/test"

	"golang.org/x/sys/unix"
)

// sendsigLines are command lines of sendsig, plain ones and others. %P and %Q are PIDs, %G is a
// process group, %OWN is the group of sendsig, and %INODE is the inode number of the pidfd of the
// process before it.
var sendsigLines = []string{
	"TERM %P",
	"-TERM %P",
	"-15 %P",
	"-s TERM %P",
	"-sTERM %P",
	"--signal TERM %P",
	"--signal=sigterm %P",
	"%P -s KILL",
	"%P %Q -9", // -9 is not an option, but group 9
	"KILL %P %Q",
	"KILL %P %P",
	"TERM -- %P",
	"TERM %P:%INODE",
	"TERM %P:%INODE %P %Q",
	"TERM %P:9 %Q",
	"TERM %P:9 %P:8 %Q",
	"TERM %P:9 %P",
	"TERM %P %P:9",
	"TERM %P %P:%INODE",
	"TERM %P:%INODE %P:9 %P:%INODE %P",
	"TERM %P:0",
	"TERM %P:",
	"TERM :%P",
	"TERM -%G",
	"-TERM -%G",
	"TERM -- -%G",
	"TERM -g %G",
	"TERM -g%G",
	"TERM --group %G",
	"TERM --group=%G %P",
	"-g %G", // no signal
	"-g%G",
	"--group=%G",
	"-stop %G",
	"-cont %G",
	"-hup %P",
	"0 %P",
	"-0 %P",
	"-s 0 %P %Q",
	"0 99999",
	"0 -- -%G",
	"00 %P",
	"TERM 99999",
	"TERM 99999 %P",
	"TERM 99999:5",
	"TERM -99999",
	"TERM -%G -99999 %P",
	"TERM -%OWN", // its own group: sendsig and its ancestors are spared
	"URG 1",
	"KILL 1",
	"STOP 1",
	"WINCH 1",
	"RTMIN+3 %P",
	"64 %P",
	"65 %P",
	"TREM %P",
	"TERM",
	"TERM %P %Q x",
	"TERM %P 0",
	"TERM %P -1",
	"TERM -- -0 %P",
	"TERM %P -TERM",
	"TERM -TERM %P",
	"-TERM -s KILL %P",
	"-s TERM -s KILL %P",
	"-s",
	"TERM -g",
	"TERM 2147483648",
	"TERM 02147483647",
	"TERM %P:18446744073709551616",
	"TERM %P:18446744073709551615",
	"TERM +5",
	"TERM 5x",
	"-v TERM %P",
	"--nonsense TERM %P",
	"-x %P",
}

// outcome is the result of a command line.
type outcome struct {
	status         int
	stdout, stderr string // with the numbers replaced as in the command line
	states         string // the states of P, Q and the leader of group G, if they are used
}

// A plain command line is carried out by package bynumber before the Go runtime boots, and by
// package sendsig under the runtime if util is linked without the early entry. Both must print the
// same messages, exit with the same status and have the same effect.
func TestByNumber(t *testing.T) {
	test.Plain(t) // built by "go build": package sendsig carries out every command line
	if !inside(t) {
		return
	}
	// Where a signal is expected, a pid up to 64 would be one.
	for last := 0; last <= 64; {
		cmd := exec.Command(test.Probe(t), "exit", "0")
		test.Run(t, cmd)
		last = cmd.Process.Pid
	}
	for _, line := range sendsigLines {
		t.Run(line, func(t *testing.T) {
			early, under := outcomeOf(t, test.Util(t), line), outcomeOf(t, test.Plain(t), line)
			if early != under {
				t.Errorf("before the runtime: %+v\nunder the runtime: %+v", early, under)
			}
			if early.status == 2 && strings.Trim(early.states, "S") != "" {
				t.Errorf("usage error, but something was signalled: %+v", early)
			}
		})
	}
}

// outcomeOf runs a command line with new processes.
func outcomeOf(t *testing.T, util, line string) (o outcome) {
	var processes []*test.Process
	numbers := []string{"%OWN", strconv.Itoa(unix.Getpgrp())}
	for _, name := range []string{"%P", "%Q", "%G"} {
		if !strings.Contains(line, name) {
			continue
		}
		p := sleeper(t)
		if name == "%G" {
			p = groupOfThree(t)
		}
		if strings.Contains(line, name+":") {
			numbers = append(numbers, "%INODE", strings.TrimPrefix(withInode(t, p), pid(p)+":"))
		}
		numbers = append(numbers, name, pid(p))
		processes = append(processes, p)
	}
	args := []string{"sendsig"}
	for word := range strings.FieldsSeq(line) {
		args = append(args, strings.NewReplacer(numbers...).Replace(word))
	}
	o.status, o.stdout, o.stderr = test.Run(t, exec.Command(util, args...))
	for i := 0; i < len(numbers); i += 2 {
		o.stdout = replaceNumber(o.stdout, numbers[i+1], numbers[i])
		o.stderr = replaceNumber(o.stderr, numbers[i+1], numbers[i])
	}
	for _, p := range processes {
		o.states += finalState(t, p)
	}
	return o
}

// groupOfThree starts a process group of three processes.
func groupOfThree(t *testing.T) *test.Process {
	cmd := exec.Command(test.Crowd(t), "sleepers", "2")
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	p := test.Start(t, cmd)
	p.Expect("ready")
	return p
}

// withInode returns a process as PID:INODE, or only its PID where pidfds have no inode numbers.
func withInode(t testing.TB, p *test.Process) string {
	t.Helper()
	stdout, _ := want(t, 0, "--dry-run", "TERM", pid(p))
	return strings.Fields(stdout)[4]
}

// finalState waits until a process has ended, is stopped or sleeps. It returns the state, with the
// status of a process that has ended, and terminates the process.
func finalState(t *testing.T, p *test.Process) string {
	var st procfs.Stat
	test.Eventually(t, "the process has ended, is stopped, or sleeps", func() bool {
		st = stat(t, p.Process.Pid)
		return st.State == 'S' || st.State == 'T' || st.Zombie()
	})
	state := string(st.State)
	if st.Zombie() {
		state += strconv.Itoa(p.Status())
	}
	_ = unix.Kill(-p.Process.Pid, unix.SIGKILL)
	_ = p.Process.Kill()
	return state
}

// As TestByNumber, for processes that the user may not signal.
func TestByNumberNotPermitted(t *testing.T) {
	test.Plain(t)
	if !inside(t) {
		return
	}
	root := sleeper(t)
	name := filepath.Join(t.TempDir(), "caf\u00e9\x1b\xff")
	test.CopyFile(t, test.Crowd(t), name)
	named := start(t, name, "sleepers", "0")
	named.Expect("ready")
	for _, target := range []string{pid(root), "-" + pid(root), pid(root) + ":1", pid(named)} {
		var results [2]string
		for i, util := range []string{test.Util(t), test.Plain(t)} {
			cmd := exec.Command(util, "sendsig", "TERM", target)
			cmd.SysProcAttr = asUser(1234)
			status, _, stderr := test.Run(t, cmd)
			results[i] = fmt.Sprint(status, stderr)
		}
		if results[0] != results[1] || !strings.HasPrefix(results[0], "1util") {
			t.Errorf("%s: %q", target, results)
		}
		if target == pid(named) {
			contains(t, results[0], "%s (caf\u00e9??): TERM: operation not permitted", target)
		}
	}
}

// asUser runs a command as another user.
func asUser(id uint32) *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: id, Gid: id}}
}

// replaceNumber replaces a whole number in a text.
func replaceNumber(text, number, by string) string {
	var out strings.Builder
	for i := 0; i < len(text); {
		end := i
		for end < len(text) && text[end] >= '0' && text[end] <= '9' {
			end++
		}
		switch {
		case end == i:
			out.WriteByte(text[i])
			end++
		case text[i:end] == number:
			out.WriteString(by)
		default:
			out.WriteString(text[i:end])
		}
		i = end
	}
	return out.String()
}

// noTasks is the message of a command that needs more tasks than the limit allows.
const noTasks = "util: needs 8 free tasks, but only %d can be created: " +
	"a pids limit or RLIMIT_NPROC has been reached; " +
	"util sendsig SIGNAL PID, without options, needs none"

// At the user's limit on tasks, signals by number are sent. Any other command reports what it
// needs.
func TestNoFreeTask(t *testing.T) {
	probe := test.Probe(t)
	if !inside(t) {
		return
	}
	const user = 54321 // no other test uses this user, as the limit is the user's
	run := func(limit string, args ...string) (status int, stderr string) {
		t.Helper()
		words := []string{"setuid", strconv.Itoa(user), "tasklimit", limit, "exec", test.Util(t)}
		status, _, stderr = test.Run(t, exec.Command(probe, append(words, args...)...))
		return status, stderr
	}
	target := func() *test.Process {
		cmd := exec.Command(test.Crowd(t), "sleepers", "0")
		cmd.SysProcAttr = asUser(user)
		cmd.SysProcAttr.Setpgid = true
		p := test.Start(t, cmd)
		p.Expect("ready")
		return p
	}
	for _, line := range []string{
		"TERM %P", "-s TERM %P", "-TERM -- -%P", "TERM --group %P", "TERM %INODE",
	} {
		p := target()
		line = strings.NewReplacer("%P", pid(p), "%INODE", withInode(t, p)).Replace(line)
		status, stderr := run("2", strings.Fields("sendsig "+line)...)
		if status != 0 || stderr != "" {
			t.Errorf("%s: status %d, %s", line, status, stderr)
		}
		if got := p.Status(); got != 256+15 {
			t.Errorf("%s: the target ended with status %d", line, got)
		}
	}
	p := target()
	for _, line := range []string{
		"sendsig TERM --name crowd", "sendsig TERM --tree " + pid(p),
		"sendsig TERM " + pid(p) + " --wait", "sendsig TREM " + pid(p),
		"reap-once", "reap-once true", "wait-for-port 80", "help init", "--list",
	} {
		status, stderr := run("5", strings.Fields(line)...) // the target, util itself, and 3 more
		if status != 1 || strings.TrimSpace(stderr) != fmt.Sprintf(noTasks, 3) {
			t.Errorf("%s: status %d, %q", line, status, stderr)
		}
	}
	if st := stat(t, p.Process.Pid); st.Zombie() {
		t.Error("the target was signalled")
	}
	// With 8 free tasks every command works: the target, util itself, and 8 more.
	for _, line := range []string{
		"--list", "reap-once", "reap-once /bin/true", "sendsig --dry-run TERM --cmdline sleepers",
		"sendsig TERM --tree " + pid(p) + " --wait=20s",
	} {
		if status, stderr := run("10", strings.Fields(line)...); status != 0 || stderr != "" {
			t.Errorf("%s: status %d, %q", line, status, stderr)
		}
	}
}

// In a container at its pids limit, util replaces the shell.
func TestDockerPidsLimit(t *testing.T) {
	img := image(t)
	for _, c := range []struct {
		last   string // the last command of the shell
		status int
		stderr string
	}{
		{"/util sendsig KILL $!", 0, ""},
		{"/util sendsig KILL $! 99999", 64, "util sendsig: 99999: KILL: no such process"},
		{"/util sendsig KILL --name crowd", 1, fmt.Sprintf(noTasks, 0)},
		{"/util reap-once", 1, fmt.Sprintf(noTasks, 0)},
	} {
		// init, the shell, crowd and its 27 zombies
		script := "/crowd zombies 27 >/ready & while [ ! -s /ready ]; do :; done; exec " + c.last
		status, stdout, stderr := test.Docker(t, "run", "--rm", "--pids-limit=30", img,
			"/util", "init", "--", "/busybox", "sh", "-c", script)
		if status != c.status || stdout != "" ||
			!strings.Contains(stderr, c.stderr) || c.stderr == "" && stderr != "" ||
			strings.Contains(stderr, "goroutine") {
			t.Errorf("%s: status %d, want %d: %s%s", c.last, status, c.status, stdout, stderr)
		}
	}
}
