package proc

import (
	"util/internal/ascii"
	"util/internal/sys"
)

// The files of /proc/PID that show that a process waits in sigwait(3) (proc_pid_wchan(5),
// proc_pid_syscall(5)). The first names a function of the kernel, but some kernels, those for x86
// before Linux 5.16 and for riscv64, give 0 or another one. The second has the number of the system
// call, but it needs more rights: those to trace the process (ptrace(2)).
const (
	Wchan   = "/wchan\x00"
	Syscall = "/syscall\x00"
)

// InSigwait reports whether the text of one of these files, [Wchan] or [Syscall], is that of a
// process in sigwait(3).
func InSigwait(text string) bool {
	number, _, _ := ascii.Cut(text, ' ')
	return ascii.HasPrefix(text, "do_sigtimedwait") || sys.IsSigtimedwait(ascii.ParseDecimal(number))
}
