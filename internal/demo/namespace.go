package main

import (
	"fmt"
	"os/exec"
	"path/filepath"
	"syscall"

	"util/internal/demo/tree"
	"util/internal/test/pidns"

	"golang.org/x/sys/unix"
)

// namespace is a stage: a new PID namespace.
type namespace struct {
	app string
	cmd *exec.Cmd
}

func newNamespace(util, app string) *namespace {
	cmd := exec.Command(util, "init", "--verbose", "--warn-reaped", "--", app)
	cmd.SysProcAttr = &syscall.SysProcAttr{}
	pidns.Set(cmd.SysProcAttr)
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
