// Guest is the command of the init that is PID 1 of an emulated machine (see package kernels). It
// prepares the machine, runs the test programs, and prints their output on the console. In the end
// it executes the probe in its place, while another process sends PID 1 every signal. The probe
// then exits, and PID 1 with it. The kernel panics, and so shows the exit status of PID 1.
package main

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
	"time"

	"util/internal/test/kernels/protocol"

	"golang.org/x/sys/unix"
)

// The limits of what a test program prints, and of what it takes.
const (
	longestLine   = 4 << 10
	longestOutput = 4 << 20
	timeLimit     = 10 * time.Minute
)

func main() {
	if len(os.Args) > 1 && os.Args[1] == "signals" {
		report(signals())
		select {} // until PID 1 ends
	}
	err := run()
	fmt.Println("guest:", err) // it returns only an error
	_ = unix.Reboot(unix.LINUX_REBOOT_CMD_POWER_OFF)
}

func run() error {
	if err := prepare(); err != nil {
		return err
	}
	var name unix.Utsname
	if err := unix.Uname(&name); err != nil {
		return err
	}
	say(protocol.GuestName, protocol.Release+unix.ByteSliceToString(name.Release[:]))
	data, err := os.ReadFile(protocol.File)
	if err != nil {
		return err
	}
	var programs []protocol.Program
	if err := json.Unmarshal(data, &programs); err != nil {
		return err
	}
	for _, p := range programs {
		how := protocol.Well
		if err := execute(p); err != nil {
			how = err.Error()
		}
		say(protocol.GuestName, protocol.End+p.Name+": "+how)
	}
	return last()
}

// say prints a line for the program outside, with one write(2), so that no line of another process
// is in it.
func say(program, line string) {
	fmt.Print(protocol.Mark + program + protocol.Separator + line + "\n")
}

// prepare makes of the machine what the tests expect of one.
func prepare() error {
	for _, m := range []struct{ kind, at, options string }{
		{"proc", "/proc", ""},
		{"sysfs", "/sys", ""},
		{"devtmpfs", "/dev", ""},
		{"devpts", "/dev/pts", "ptmxmode=666"},
		{"tmpfs", "/dev/shm", ""},
		{"tmpfs", "/tmp", "mode=1777"},
		{"tmpfs", "/run", ""},
		{"cgroup2", "/sys/fs/cgroup", ""},
	} {
		if err := os.MkdirAll(m.at, 0o755); err != nil {
			return err
		}
		// The kernel mounts /dev itself if there is one in the first file system.
		err := unix.Mount(m.kind, m.at, m.kind, 0, m.options)
		if err != nil && !(m.kind == "devtmpfs" && errors.Is(err, unix.EBUSY)) {
			return fmt.Errorf("mount %s: %w", m.at, err)
		}
	}
	for link, to := range map[string]string{
		"fd": "/proc/self/fd", "stdin": "fd/0", "stdout": "fd/1", "stderr": "fd/2",
	} {
		if err := os.Symlink(to, "/dev/"+link); err != nil && !errors.Is(err, os.ErrExist) {
			return err
		}
	}
	const controllers = "/sys/fs/cgroup/cgroup.subtree_control"
	if err := os.WriteFile(controllers, []byte("+memory +pids"), 0o644); err != nil {
		return err
	}
	os.Setenv("PATH", "/usr/bin:/bin:/usr/sbin:/sbin")
	os.Setenv("HOME", "/root")
	for _, words := range [][]string{
		{"/bin/busybox", "--install", "-s"},
		{"/bin/busybox", "ip", "link", "set", "lo", "up"},
	} {
		if out, err := exec.Command(words[0], words[1:]...).CombinedOutput(); err != nil {
			return fmt.Errorf("%q: %w: %s", words, err, out)
		}
	}
	return nil
}

// execute runs a test program and prints its output, line by line.
func execute(p protocol.Program) error {
	run := "^(" + strings.Join(p.Tests, "|") + ")$"
	cmd := exec.Command(p.Path, "-test.v=test2json", "-test.run="+run, "-test.short",
		"-test.timeout="+timeLimit.String())
	cmd.Dir = p.Dir
	cmd.Env = append(os.Environ(), protocol.MachineVariable+"=1")
	cmd.Env = append(cmd.Env, p.Env...)
	r, w, err := os.Pipe()
	if err != nil {
		return err
	}
	defer r.Close()
	cmd.Stdout, cmd.Stderr = w, w
	err = cmd.Start()
	w.Close()
	if err != nil {
		return err
	}
	in := bufio.NewReaderSize(io.LimitReader(r, longestOutput), longestLine)
	for {
		line, err := in.ReadSlice('\n')
		if len(line) > 0 {
			say(p.Name, strings.TrimRight(string(line), "\n"))
		}
		if err != nil && !errors.Is(err, bufio.ErrBufferFull) {
			break
		}
	}
	_, _ = io.Copy(io.Discard, r) // what is beyond the limit
	return cmd.Wait()
}

// last executes the probe, and returns only if that fails. A child gets the other end of its
// stdout.
func last() error {
	r, w, err := os.Pipe()
	if err != nil {
		return err
	}
	cmd := exec.Command(protocol.Guest, "signals")
	cmd.Stdin, cmd.Stdout, cmd.Stderr = r, os.Stdout, os.Stderr
	// PID 1 forwards to the process group.
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	if err := cmd.Start(); err != nil {
		return err
	}
	if err := unix.Dup2(int(w.Fd()), 1); err != nil {
		return err
	}
	status := strconv.Itoa(protocol.Status)
	words := []string{"probe", "catch", "echo", "64", "exit", status}
	return syscall.Exec("/probe", words, os.Environ())
}

// signals sends PID 1 every signal, and fails if one does not reach the command, which prints each
// on stdin. Only the last one makes the command end.
func signals() error {
	lines := make(chan string)
	go func() {
		defer close(lines)
		for s := bufio.NewScanner(os.Stdin); s.Scan(); {
			lines <- s.Text()
		}
	}()
	expect := func(want string) error {
		select {
		case line := <-lines:
			if line != want {
				return fmt.Errorf("the command printed %q, want %q", line, want)
			}
			return nil
		case <-time.After(20 * time.Second):
			return fmt.Errorf("the command did not print %q", want)
		}
	}
	if err := expect("ready"); err != nil {
		return err
	}
	// The kernel delivers neither of these to PID 1 of the machine.
	for _, s := range []syscall.Signal{unix.SIGKILL, unix.SIGSTOP} {
		if err := unix.Kill(1, s); err != nil {
			return fmt.Errorf("signal %d: %w", s, err)
		}
	}
	for s := syscall.Signal(1); s < 64; s++ {
		if s == unix.SIGKILL || s == unix.SIGSTOP {
			continue
		}
		untilWaits() // PID 1 looks whether the command takes a signal that may stop it
		if err := unix.Kill(1, s); err != nil {
			return fmt.Errorf("signal %d: %w", s, err)
		}
		if err := expect(strconv.Itoa(int(s))); err != nil {
			return err
		}
	}
	return nil
}

// untilWaits waits until the command, the parent of this process, sleeps.
func untilWaits() {
	path := fmt.Sprintf("/proc/%d/status", os.Getppid())
	for end := time.Now().Add(20 * time.Second); time.Now().Before(end); time.Sleep(time.Millisecond) {
		if text, _ := os.ReadFile(path); strings.Contains(string(text), "State:\tS") {
			return
		}
	}
}

// report prints the result of signals as that of a test, and sends PID 1 the last signal.
func report(err error) {
	const name = "TestEverySignal"
	result := "PASS"
	say(protocol.GuestName, "\x16=== RUN   "+name)
	if err != nil {
		result = "FAIL"
		say(protocol.GuestName, "    main.go:1: "+err.Error())
	}
	say(protocol.GuestName, fmt.Sprintf("\x16--- %s: %s (0.00s)", result, name))
	say(protocol.GuestName, "\x16=== NAME  ") // as package testing does: the result is complete
	_ = unix.IoctlSetInt(1, unix.TCSBRK, 1)   // tcdrain(3): the machine ends soon
	_ = unix.Kill(1, 64)
}
