package main

import (
	"unsafe"

	"util/internal/ascii"
	"util/internal/proc"
	"util/internal/sig"
	"util/internal/sys"
	"util/internal/test/early"

	"golang.org/x/sys/unix"
)

// entry carries out the arguments.
//
//go:linkname entry util/internal/test/early.entry
func entry(argv, envp []*byte) {
	for w := (words{left: argv[1:]}); len(w.left) > 0; {
		word := w.text()
		if !printing(word, &w, envp) && !signals(word, &w) && !processes(word, &w, envp) &&
			!settings(word, &w) {
			say("unknown word")
			sys.Exit(proc.ExitUsage)
		}
	}
}

// words are the arguments that are left.
type words struct{ left []*byte }

// pointer takes the next word.
func (w *words) pointer() *byte {
	p := w.left[0]
	w.left = w.left[1:]
	return p
}

func (w *words) text() string { return sys.String(w.pointer()) }

func (w *words) number() int { return int(ascii.ParseDecimal(w.text())) }

func (w *words) signal() sig.Signal { return sig.Signal(w.number()) }

// printing carries out a word that prints something, and reports whether it is one.
func printing(word string, w *words, envp []*byte) bool {
	switch word {
	case "say":
		say(w.text())
	case "begin":
		begin = w.text()
	case "state":
		state()
	case "fds":
		fds()
	case "env":
		env(envp, w.text())
	case "tty":
		tty()
	case "write":
		write(w.pointer(), w.text())
	default:
		return false
	}
	return true
}

// signals carries out a word about signals, and reports whether it is one.
func signals(word string, w *words) bool {
	switch word {
	case "catch":
		sys.Sigprocmask(sig.All)
		say("ready")
	case "echo":
		echo(w.signal())
	case "handle":
		handle()
	case "await":
		await()
	case "block":
		sys.Sigprocmask(mask() | sig.Of(w.signal()))
	case "unblock":
		sys.Sigprocmask(mask() &^ sig.Of(w.signal()))
	case "ignore":
		sys.RtSigaction(w.signal(), &sys.Sigaction{Handler: sys.SigIgn}, nil)
	case "raise":
		sys.Kill(sys.Getpid(), w.signal())
	case "signaltrap":
		self := uintptr(sys.Getpid())
		sys.Call(unix.SYS_TGKILL, self, self, uintptr(sig.TRAP), 0, 0, 0)
	case "killparent":
		sys.Kill(sys.Getppid(), w.signal())
	case "flood":
		for signal := w.signal(); ; {
			sys.Kill(1, signal)
		}
	default:
		return false
	}
	return true
}

// processes carries out a word about processes and time, and reports whether it is one.
func processes(word string, w *words, envp []*byte) bool {
	switch word {
	case "fork":
		fork()
	case "orphan":
		orphan()
	case "chain":
		chain(w.number())
	case "beside":
		n := w.number()
		if early.Fork() == 0 {
			w.left = w.left[:n]
		} else {
			w.left = w.left[n:]
		}
	case "orphans":
		orphans(w.number())
	case "runaway":
		for early.Fork() == 0 {
		}
		sys.Exit(proc.ExitOK)
	case "bomb":
		for {
			early.Fork()
		}
	case "setsid":
		sys.Setsid()
	case "setpgid":
		sys.Setpgid()
	case "foreground":
		foregroundGroup()
	case "traceme":
		sys.Call(unix.SYS_PTRACE, unix.PTRACE_TRACEME, 0, 0, 0, 0, 0)
	case "setuid":
		id := uint32(w.number())
		sys.Setresuid(sys.IDs{Real: id, Effective: id, Saved: id})
	case "exec":
		sys.Execve(w.left[0], &w.left[0], unsafe.SliceData(envp))
		say("exec went wrong")
		sys.Exit(proc.ExitNotFound)
	case "exit":
		sys.Exit(w.number())
	case "sleep":
		early.Sleep(int64(w.number()) * 1e6)
	case "busy":
		busy(int64(w.number()) * 1e3)
	case "pause":
		early.Pause()
	default:
		return false
	}
	return true
}

// settings carries out a word about what the kernel allows, and reports whether it is one.
func settings(word string, w *words) bool {
	switch word {
	case "close":
		sys.Close(w.number())
	case "filelimit":
		limit(unix.RLIMIT_FSIZE, w.number())
	case "openlimit":
		limit(unix.RLIMIT_NOFILE, w.number())
	case "stacklimit":
		limit(unix.RLIMIT_STACK, w.number())
	case "tasklimit":
		limit(unix.RLIMIT_NPROC, w.number())
	case "rlimit":
		resource := w.number()
		limit(resource, w.number())
	case "deny":
		nr := w.number()
		deny(nr, w.number())
	case "nextpid":
		nextPid(w.number())
	case "mountproc":
		mountproc()
	case "hidepid":
		hidepid(w.text())
	case "empty":
		mount("tmpfs\x00", w.pointer(), "\x00")
	case "uncover":
		uncover(w.pointer())
	default:
		return false
	}
	return true
}
