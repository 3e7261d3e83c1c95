package proc

import (
	"util/internal/ascii"
	"util/internal/sys"
)

// The files of /proc/PID that show that a process waits in sigwait(3) (proc_pid_wchan(5),
// proc_pid_syscall(5)). The first names the function of the kernel, but some kernels cannot find it
// out: those for x86 before Linux 5.16, and those for riscv64. The second has the number of the
// system call, but it needs more rights: those to trace the process (ptrace(2)).
const (
	Wchan   = "/wchan\x00"
	Syscall = "/syscall\x00"
)

// InSigwait reports whether the text of one of these files is that of a process in sigwait(3).
// known is false if the text does not tell: then it is that of [Wchan], and [Syscall] may tell.
func InSigwait(text string) (is, known bool) {
	number, _, _ := ascii.Cut(text, ' ')
	is = ascii.HasPrefix(text, "do_sigtimedwait") || sys.IsSigtimedwait(ascii.ParseDecimal(number))
	return is, text != "" && text != "0"
}
