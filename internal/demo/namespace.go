package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"

	"util/internal/demo/tree"

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

func (n *namespace) processes() ([]tree.Process, error) { return tree.Read(n.cmd.Process.Pid) }
