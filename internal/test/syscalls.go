package test

import (
	"runtime"

	"golang.org/x/sys/unix"
)

// narrowNumbers are the numbers of the second forms of system calls, by the numbers of the first
// forms in the tests: where a word has 32 bits (386, arm), the first have times of 32 bits, or
// users of 16, and util uses the second (internal/sys). They have the same numbers on both.
var narrowNumbers = map[int]int{
	unix.SYS_CLOCK_GETTIME:   403, // clock_gettime64
	unix.SYS_GETRESGID:       211, // getresgid32
	unix.SYS_GETRESUID:       209, // getresuid32
	unix.SYS_PPOLL:           414, // ppoll_time64
	unix.SYS_RT_SIGTIMEDWAIT: 421, // rt_sigtimedwait_time64
	unix.SYS_SETGROUPS:       206, // setgroups32
	unix.SYS_SETRESGID:       210, // setresgid32
	unix.SYS_SETRESUID:       208, // setresuid32
}

// numbers386 are the numbers of other system calls on 386, by their numbers in the tests.
var numbers386 = map[int]int{
	unix.SYS_CAPGET:            184,
	unix.SYS_CAPSET:            185,
	unix.SYS_CLOSE_RANGE:       436,
	unix.SYS_EXECVE:            11,
	unix.SYS_EXIT_GROUP:        252,
	unix.SYS_IOCTL:             54,
	unix.SYS_MEMFD_CREATE:      356,
	unix.SYS_PIDFD_OPEN:        434,
	unix.SYS_PIDFD_SEND_SIGNAL: 424,
	unix.SYS_PRCTL:             172,
	unix.SYS_PWRITEV2:          379,
	unix.SYS_SIGNALFD4:         327,
	unix.SYS_WAIT4:             114,
	unix.SYS_WAITID:            284,
	unix.SYS_WRITE:             4,
}

// Number returns the number that the program under test uses for a system call of the tests.
func Number(nr int) int {
	arch := Arch()
	if arch == "386" || arch == "arm" {
		if second, found := narrowNumbers[nr]; found {
			return second
		}
	}
	if arch == runtime.GOARCH {
		return nr
	}
	if arch != "386" {
		panic("test: the numbers of system calls on " + arch + " are not known")
	}
	other, found := numbers386[nr]
	if !found {
		panic("test: a system call without its number on 386")
	}
	return other
}
