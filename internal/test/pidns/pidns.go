// Package pidns starts programs as PID 1 of a PID namespace: for the tests, the benchmark and the
// demo.
package pidns

import (
	"os"
	"syscall"
)

// Set makes a program PID 1 of a new PID namespace. For a user other than root it makes a new user
// namespace too, in which the user is root.
//
// The kernel kills the program when the thread that started it ends, and every process of the
// namespace when the program ends.
func Set(a *syscall.SysProcAttr) {
	a.Pdeathsig = syscall.SIGKILL
	a.Cloneflags |= syscall.CLONE_NEWPID
	if os.Geteuid() != 0 {
		a.Cloneflags |= syscall.CLONE_NEWUSER
		a.UidMappings = []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getuid(), Size: 1}}
		a.GidMappings = []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getgid(), Size: 1}}
	}
}
