package pid1

import (
	"unsafe"

	"util/internal/ascii"
	"util/internal/proc"
	"util/internal/sig"
	"util/internal/sys"
)

// Name makes a process an init, as the base name of argv[0], or as the first argument of a program whose name begins
// with multicall ("util", "util-0.1", "util.arm64"). Under any other name init goes by way of the Go runtime.
const (
	Name      = "init"
	multicall = "util"
)

// entry is called by _rt0_util in the first microsecond of the process, with all signals blocked. stack is what the
// kernel put on the stack, mask the signal mask that was in force. If this is a plain run of init, it becomes init
// and does not return; else it returns, and has changed nothing but proc.Inherited.
//
//lint:ignore U1000 the assembly of _rt0_util calls it
func entry(stack unsafe.Pointer, mask sig.Set) {
	const word = unsafe.Sizeof(uintptr(0))
	argc := *(*int)(stack)
	argv := (**byte)(unsafe.Add(stack, word))
	words := unsafe.Slice(argv, argc)
	if as, first := nameEnd(words); first != 0 {
		envp := (**byte)(unsafe.Add(stack, (argc+2)*int(word)))
		env := sys.Vector(envp)
		var s supervisor
		p := s.read(as, words[first-1:], env)
		if p.Reason == None {
			s.argv = (**byte)(unsafe.Add(unsafe.Pointer(argv), (first+s.Command)*int(word)))
			s.envp = envp
			s.mask = mask
			s.run()
		}
	}
	if first := sendsigEnd(words); first != 0 {
		sendByNumber(words[first:], mask)
	}
	if free := proc.FreeTasks(); free < proc.RuntimeTasks {
		tooFewTasks(free)
	}
	proc.Inherited.Note(mask)
}

// read reads a command line, whose first word is the name, into s.Options. Where it is that of another init, help and
// complaints are its own, and end the process.
func (s *supervisor) read(as Personality, words, env []*byte) (p Problem) {
	called := ""
	if as == Util {
		p = Parse(&s.Options, words[1:], env)
	} else {
		called = sys.String(words[0])
		p = s.ParseEnv(env)
		if p.Reason == None {
			p = s.Check()
		}
		if p.Reason == None {
			s.As, p.Reason = as, Impersonates
		}
	}
	if p.Reason == Impersonates {
		begin := s.Command
		s.impersonate(called, words[1+begin:], env)
		s.Command += begin
		p.Reason = None
	}
	return p
}

// nameEnd returns whose command line argv is, and how many of its words say so: 1 for "init" or "tini", 2 for "util init"
// or "util tini", 0 if they name something else.
func nameEnd(argv []*byte) (as Personality, words int) {
	name, words := called(argv)
	if name == Name {
		return Util, words
	}
	if as = PersonalityOf(name); as != Util {
		return as, words
	}
	return Util, 0
}

// sendByNumber is Run of package bynumber. It is declared by its name for the linker, not imported, because what is imported is laid
// before its importer, between the pieces of code that a plain run of init needs: see ARCHITECTURE.md, Weight.
//
//go:linkname sendByNumber util/applets/signal/bynumber.Run
func sendByNumber(argv []*byte, mask sig.Set)

// sendsigEnd returns how many words of argv say that it is a command line of sendsig, 0 if it is none.
func sendsigEnd(argv []*byte) (words int) {
	name, words := called(argv)
	if name == "sendsig" {
		return words
	}
	return 0
}

// called returns the name that argv begins with, or the one behind it if it begins with util, and how many words that takes.
func called(argv []*byte) (name string, words int) {
	if len(argv) == 0 {
		return "", 0
	}
	name = ascii.Base(sys.String(argv[0]))
	if ascii.HasPrefix(name, multicall) && len(argv) > 1 {
		return sys.String(argv[1]), 2
	}
	return name, 1
}

// entryPC returns the address of _rt0_util.
func entryPC() uintptr

// EntryPC returns the address of the early entry, which the linker flag -E makes the entry point of the program.
func EntryPC() uintptr { return entryPC() }
