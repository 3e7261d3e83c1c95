package test

import "golang.org/x/sys/unix"

// numbers386 are the numbers of system calls on 386, by their numbers in the tests: those that util
// uses of several with the same task (internal/sys).
var numbers386 = map[int]int{
	unix.SYS_CAPGET:            184,
	unix.SYS_CAPSET:            185,
	unix.SYS_CLOCK_GETTIME:     403, // clock_gettime64
	unix.SYS_CLOSE_RANGE:       436,
	unix.SYS_EXECVE:            11,
	unix.SYS_GETRESGID:         211, // getresgid32
	unix.SYS_GETRESUID:         209, // getresuid32
	unix.SYS_IOCTL:             54,
	unix.SYS_MEMFD_CREATE:      356,
	unix.SYS_PIDFD_OPEN:        434,
	unix.SYS_PIDFD_SEND_SIGNAL: 424,
	unix.SYS_PPOLL:             414, // ppoll_time64
	unix.SYS_PRCTL:             172,
	unix.SYS_PWRITEV2:          379,
	unix.SYS_RT_SIGTIMEDWAIT:   421, // rt_sigtimedwait_time64
	unix.SYS_SETGROUPS:         206, // setgroups32
	unix.SYS_SETRESGID:         210, // setresgid32
	unix.SYS_SETRESUID:         208, // setresuid32
	unix.SYS_SIGNALFD4:         327,
	unix.SYS_WAITID:            284,
	unix.SYS_WRITE:             4,
}

// Number returns the number that a system call of the tests' architecture has in the program under
// test.
func Number(nr int) int {
	if Arch() != "386" {
		return nr
	}
	other, ok := numbers386[nr]
	if !ok {
		panic("test: a system call without its number on 386")
	}
	return other
}
