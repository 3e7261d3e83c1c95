package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"
)

// namespace is a stage: a PID namespace of init's own. Who is not root gets one by way of a user namespace.
type namespace struct {
	app string
	cmd *exec.Cmd
}

func newNamespace(util, app string) *namespace {
	cmd := exec.Command(util, "init", "--verbose", "--warn-reaped", "--", app)
	a := &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWPID, Pdeathsig: syscall.SIGKILL}
	if os.Geteuid() != 0 {
		a.Cloneflags |= syscall.CLONE_NEWUSER
		a.UidMappings = []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getuid(), Size: 1}}
		a.GidMappings = []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getgid(), Size: 1}}
	}
	cmd.SysProcAttr = a
	return &namespace{app, cmd}
}

func (n *namespace) command() *exec.Cmd { return n.cmd }

func (n *namespace) title() string {
	return "unshare --pid --fork util init --verbose --warn-reaped -- " + filepath.Base(n.app)
}

func (n *namespace) kill(signal string) error {
	fmt.Printf("$ kill -%s 1   # %d outside\n", signal, n.cmd.Process.Pid)
	return n.cmd.Process.Signal(unix.SignalNum("SIG" + signal))
}

func (n *namespace) stop() (string, error) {
	return "kill -TERM 1", n.cmd.Process.Signal(syscall.SIGTERM)
}

// processes lists what has init among its ancestors, as it is numbered inside the namespace.
func (n *namespace) processes() ([]process, error) {
	all := []process{}
	inside := map[int]int{} // pids by those outside
	todo := []int{n.cmd.Process.Pid}
	for len(todo) > 0 {
		p, outside, err := readProcess(todo[0])
		if err != nil {
			return nil, err
		}
		inside[todo[0]] = p.pid
		p.parent = inside[outside]
		all = append(all, p)
		children, err := os.ReadFile(fmt.Sprintf("/proc/%d/task/%[1]d/children", todo[0]))
		if err != nil {
			return nil, err
		}
		todo = todo[1:]
		for _, child := range strings.Fields(string(children)) {
			pid, err := strconv.Atoi(child)
			if err != nil {
				return nil, err
			}
			todo = append(todo, pid)
		}
	}
	return all, nil
}

// readProcess reads /proc/PID/status (proc_pid_status(5)). The pid in p is the one inside the namespace.
func readProcess(pid int) (p process, parent int, err error) {
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return p, 0, err
	}
	for line := range strings.Lines(string(status)) {
		name, value, _ := strings.Cut(line, ":")
		words := strings.Fields(value)
		if len(words) == 0 {
			continue
		}
		switch name {
		case "Name":
			p.command = words[0]
		case "State":
			p.state = words[0]
		case "PPid":
			parent, err = strconv.Atoi(words[0])
		case "NSpid":
			p.pid, err = strconv.Atoi(words[len(words)-1])
		case "VmRSS":
			p.rss = words[0]
		case "Threads":
			p.threads = words[0]
		}
		if err != nil {
			return p, 0, err
		}
	}
	args, err := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", pid))
	if len(args) > 0 { // a zombie has none
		p.command = strings.Join(strings.Split(strings.TrimRight(string(args), "\x00"), "\x00"), " ")
	}
	return p, parent, err
}
