package descendants

import (
	"unsafe"

	"util/internal/ascii"
	"util/internal/files"
	"util/internal/proc"
	"util/internal/sig"
	"util/internal/sys"
)

// status is the text of a /proc/PID/status. It is a package variable because it is rarely used and
// large: the list of groups can be long.
var status [16 << 10]byte

// readStatus reads /proc/PID/status. self is the caller.
func readStatus(self, pid int32) (text string, ok bool) {
	var w Walk
	if !w.Open(self) {
		return "", false
	}
	n := w.read(pid, "/status\x00", status[:])
	w.Close()
	return unsafe.String(&status[0], n), n > 0
}

// Handles reports whether a process does something about a signal: it catches the signal, or blocks
// it, as a process does that receives signals by signalfd(2) or sigwait(3). self is the caller.
//
// A signal that a process waits for in sigwait does not show as blocked during the wait, and the
// kernel does not say which signals those are (kernel/signal.c, do_sigtimedwait). Until the
// process is out of that call, its mask is not restored either. In fork(3) of glibc, on the other
// hand, it blocks all signals for a moment. So a process that runs is read again until it rests,
// and so is one that has run between its reads: it may have left sigwait.
//
//go:noinline
func Handles(self, pid int32, signal sig.Signal) bool {
	const (
		tries = 100 // it may have to wait for a processor
		pause = 1e6 // nanoseconds
	)
	blocked := false
	for range tries {
		text, ok := readStatus(self, pid)
		if !ok {
			return false
		}
		rests, switches := restsSince(text)
		blocked = sig.MaskIn(text, "SigBlk:\t").Has(signal)
		if sig.MaskIn(text, "SigCgt:\t").Has(signal) || isInSigwait(self, pid) {
			return true
		}
		if rests {
			text, ok = readStatus(self, pid)
			if still, n := restsSince(text); !ok || still && n == switches {
				return blocked
			}
		}
		var info sys.Siginfo
		wait := sys.Timespec{Nsec: pause}
		_, _ = sys.Sigtimedwait(0, &info, &wait) // an empty set: this is a sleep
	}
	return blocked
}

// restsSince reports whether a process rests, and since which of its context switches: they are
// counted when it begins to wait. The number is in every status since Linux 2.6.23.
func restsSince(status string) (rests bool, switches int64) {
	const key = "\nvoluntary_ctxt_switches:\t"
	if at := ascii.Index(status, key); at >= 0 {
		number, _, _ := ascii.Cut(status[at+len(key):], '\n')
		switches = ascii.ParseDecimal(number)
	}
	return ascii.Index(status, "\nState:\tR") < 0, switches
}

// isInSigwait reports whether a process waits for a signal, as far as the kernel tells the caller.
func isInSigwait(self, pid int32) bool {
	var w Walk
	if !w.Open(self) {
		return false
	}
	var text [32]byte
	n := w.read(pid, proc.Wchan, text[:])
	is := proc.InSigwait(unsafe.String(&text[0], n))
	if !is {
		n = w.read(pid, proc.Syscall, text[:])
		is = proc.InSigwait(unsafe.String(&text[0], n))
	}
	w.Close()
	return is
}

// IsPending reports whether one of the signals is pending in a process. It is true as well where
// that cannot be found out. self is the caller.
//
//go:noinline
func IsPending(self, pid int32, set sig.Set) bool {
	text, ok := readStatus(self, pid)
	pending := sig.MaskIn(text, "SigPnd:\t") | sig.MaskIn(text, "ShdPnd:\t")
	return !ok || pending&set != 0
}

// PIDWindow returns how far one PID may be ahead of another to count as given later. It is at
// most half of the PIDs that are given in turn, so that the wrap at the highest PID is
// recognized, and at most what can be given in a hundredth of a second.
func PIDWindow() int32 {
	const (
		most     = 1 << 13
		reserved = 300 // the PIDs below are given only once (RESERVED_PIDS, kernel/pid.c)
	)
	var text [16]byte
	n := files.Read("/proc/sys/kernel/pid_max\x00", text[:])
	pidMax := ascii.ParseDecimal(unsafe.String(&text[0], n))
	if pidMax <= reserved {
		return most
	}
	return int32(min((pidMax-reserved)/2, most))
}

// LastPID returns the PID that was given last in the caller's PID namespace (proc_loadavg(5)), or
// 0.
//
//go:noinline
func LastPID() int32 {
	var text [128]byte
	n := files.Read("/proc/loadavg\x00", text[:])
	from := n
	for from > 0 && text[from-1] != ' ' {
		from--
	}
	if from == n {
		return 0
	}
	return int32(max(0, ascii.ParseDecimal(unsafe.String(&text[from], n-from))))
}
