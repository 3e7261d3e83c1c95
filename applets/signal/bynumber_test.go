package sendsig_test

import (
	"fmt"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"util/internal/procfs"
	"util/internal/test"

	"golang.org/x/sys/unix"
)

// There are two implementations of what is plain: one that runs before the Go runtime and one that
// runs under it. They do and say the same.
func TestByNumber(t *testing.T) {
	test.Plain(t) // go build: all of it runs under the runtime
	if !inside(t) {
		return
	}
	type outcome struct {
		status         int
		stdout, stderr string
		states         string // of P, Q and the leader of the group G, as far as there are any
	}
	try := func(t *testing.T, util, line string) (o outcome) {
		leader := exec.Command(test.Crowd(t), "sleepers", "2")
		leader.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
		all := [3]*test.Process{}
		numbers := []string{"%OWN", strconv.Itoa(unix.Getpgrp())}
		for i, name := range []string{"%P", "%Q", "%G"} {
			switch {
			case !strings.Contains(line, name):
				continue
			case name == "%G":
				all[i] = test.Start(t, leader)
				all[i].Expect("ready")
			default:
				all[i] = sleeper(t)
			}
			if strings.Contains(line, name+":") {
				held := strings.Fields(first(want(t, 0, "--dry-run", "TERM", pid(all[i]))))[4]
				numbers = append(numbers, "%INODE", strings.TrimPrefix(held, pid(all[i])+":"))
			}
			numbers = append(numbers, name, pid(all[i]))
		}
		words := []string{"sendsig"}
		for _, word := range strings.Fields(line) {
			words = append(words, strings.NewReplacer(numbers...).Replace(word))
		}
		o.status, o.stdout, o.stderr = test.Run(t, exec.Command(util, words...))
		for i := 0; i < len(numbers); i += 2 { // back
			o.stdout = replaceNumber(o.stdout, numbers[i+1], numbers[i])
			o.stderr = replaceNumber(o.stderr, numbers[i+1], numbers[i])
		}
		for _, p := range all {
			if p == nil {
				continue
			}
			var st procfs.Stat
			test.Eventually(t, "it has ended, is stopped, or waits", func() bool {
				st = stat(t, p.Process.Pid)
				return st.State == 'S' || st.State == 'T' || st.Zombie()
			})
			o.states += string(st.State)
			if st.Zombie() {
				o.states += strconv.Itoa(p.Status())
			}
			_ = unix.Kill(-p.Process.Pid, unix.SIGKILL)
			_ = p.Process.Kill()
		}
		return o
	}
	for _, line := range []string{
		"TERM %P",
		"-TERM %P",
		"-15 %P",
		"-s TERM %P",
		"-sTERM %P",
		"--signal TERM %P",
		"--signal=sigterm %P",
		"%P -s KILL",
		"%P %Q -9", // no option, but group 9
		"KILL %P %Q",
		"KILL %P %P",
		"TERM -- %P",
		"TERM %P:%INODE",
		"TERM %P:%INODE %P %Q",
		"TERM %P:9 %Q",
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
		"TERM -%OWN", // sendsig's own group: its members but sendsig and its ancestors
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
	} {
		t.Run(line, func(t *testing.T) {
			early, under := try(t, test.Util(t), line), try(t, test.Plain(t), line)
			if early != under {
				t.Errorf("before the runtime: %+v\nunder it: %+v", early, under)
			}
			if early.status == 2 && strings.Trim(early.states, "S") != "" {
				t.Errorf("bad usage, but something was signalled: %+v", early)
			}
		})
	}
	// What is not permitted. Another user's process, its group; a name that could disturb a
	// terminal.
	root := sleeper(t)
	for _, target := range []string{pid(root), "-" + pid(root), pid(root) + ":1"} {
		var said [2]string
		for i, util := range []string{test.Util(t), test.Plain(t)} {
			cmd := exec.Command(util, "sendsig", "TERM", target)
			cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: 1234, Gid: 1234}}
			status, _, stderr := test.Run(t, cmd)
			said[i] = fmt.Sprint(status, stderr)
		}
		if said[0] != said[1] || !strings.HasPrefix(said[0], "1util") {
			t.Errorf("%s: %q", target, said)
		}
	}
}

func first(stdout, _ string) string { return stdout }

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

// Where the user may have no further task, signals by number go out; all else says what it needs.
func TestNoFreeTask(t *testing.T) {
	probe := test.Probe(t)
	if !inside(t) {
		return
	}
	const user = "54321" // nobody else's: the limit is the user's
	run := func(limit string, args ...string) (status int, stderr string) {
		t.Helper()
		args = append([]string{"setuid", user, "tasklimit", limit, "exec", test.Util(t)}, args...)
		status, _, stderr = test.Run(t, exec.Command(probe, args...))
		return status, stderr
	}
	target := func() *test.Process {
		cmd := exec.Command(test.Crowd(t), "sleepers", "0")
		cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: 54321, Gid: 54321}, Setpgid: true}
		p := test.Start(t, cmd)
		p.Expect("ready")
		return p
	}
	for _, args := range [][]string{{"TERM", "P"}, {"-s", "TERM", "P"}, {"-TERM", "--", "-P"}, {"TERM", "--group", "P"}, {"TERM", "INODE"}} {
		p := target()
		dry := first(want(t, 0, "--dry-run", "TERM", pid(p)))
		for i, arg := range args {
			args[i] = strings.NewReplacer("P", pid(p), "INODE", strings.Fields(dry)[4]).Replace(arg)
			if arg == "TERM" || arg == "-TERM" {
				args[i] = arg
			}
		}
		if status, stderr := run("2", append([]string{"sendsig"}, args...)...); status != 0 || stderr != "" {
			t.Errorf("%q: status %d, %s", args, status, stderr)
		}
		if got := p.Status(); got != 256+15 {
			t.Errorf("%q: it ended with %d", args, got)
		}
	}
	p := target()
	for _, args := range [][]string{
		{"sendsig", "TERM", "--name", "crowd"},
		{"sendsig", "TERM", "--tree", pid(p)},
		{"sendsig", "TERM", pid(p), "--wait"},
		{"sendsig", "TREM", pid(p)},
		{"reap-once"},
		{"reap-once", "true"},
		{"wait-for-port", "80"},
		{"init", "--help"},
		{"--list"},
	} {
		status, stderr := run("5", args...) // the target, util itself, and 3 more
		if want := "util: needs 8 free tasks, and there are 3: a pids limit or RLIMIT_NPROC is reached; util sendsig SIGNAL PID needs none"; status != 1 || strings.TrimSpace(stderr) != want {
			t.Errorf("%q: status %d, %q", args, status, stderr)
		}
	}
	if st := stat(t, p.Process.Pid); st.Zombie() {
		t.Error("something was signalled")
	}
	// With as many as it asks for, it works: the target, util itself, and 8 more.
	for _, args := range [][]string{{"--list"}, {"reap-once"}, {"reap-once", "/bin/true"}, {"sendsig", "--dry-run", "TERM", "--cmdline", "sleepers"}, {"sendsig", "TERM", "--tree", pid(p), "--wait=20s"}} {
		if status, stderr := run("10", args...); status != 0 || stderr != "" {
			t.Errorf("%q: status %d, %q", args, status, stderr)
		}
	}
}

// In a container at its pids limit, where util takes the place of a shell.
func TestDockerPidsLimit(t *testing.T) {
	test.Probe(t)
	img := image(t)
	for _, c := range []struct {
		end    string // what the shell becomes
		status int
		stderr string
	}{
		{"/util sendsig KILL $!", 0, ""},
		{"/util sendsig KILL $! 99999", 64, "util sendsig: 99999: KILL: no such process"},
		{"/util sendsig KILL --name crowd", 1, "util: needs 8 free tasks, and there are 0: "},
		{"/util reap-once", 1, "util: needs 8 free tasks, and there are 0: "},
	} {
		// init, the shell, crowd and its 27 zombies
		script := "/crowd zombies 27 >/ready & while [ ! -s /ready ]; do :; done; exec " + c.end
		status, stdout, stderr := docker(t, "run", "--rm", "--pids-limit=30", img, "/util", "init", "--", "/busybox", "sh", "-c", script)
		if status != c.status || stdout != "" || !strings.Contains(stderr, c.stderr) || strings.Contains(stderr, "goroutine") || c.stderr == "" && stderr != "" {
			t.Errorf("%s: status %d, want %d: %s%s", c.end, status, c.status, stdout, stderr)
		}
	}
}
