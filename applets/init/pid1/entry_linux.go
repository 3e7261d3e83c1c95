package pid1

import (
	"unsafe"

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
	if first := nameEnd(unsafe.Slice(argv, argc)); first != 0 {
		envp := (**byte)(unsafe.Add(stack, (argc+2)*int(word)))
		var s supervisor
		if p := Parse(&s.Options, unsafe.Slice(argv, argc)[first:], sys.Vector(envp)); p.Reason == None {
			s.argv = (**byte)(unsafe.Add(unsafe.Pointer(argv), (first+s.Command)*int(word)))
			s.envp = envp
			s.mask = mask
			s.run()
		}
	}
	proc.Inherited.Note(mask)
}

// nameEnd returns how many words of argv name init: 1 for "init", 2 for "util init", 0 if they name something else.
func nameEnd(argv []*byte) int {
	if len(argv) == 0 {
		return 0
	}
	name := base(sys.String(argv[0]))
	if name == Name {
		return 1
	}
	if hasPrefix(name, multicall) && len(argv) > 1 && sys.String(argv[1]) == Name {
		return 2
	}
	return 0
}

// base is the part of path behind its last slash.
func base(path string) string {
	for i := len(path) - 1; i >= 0; i-- {
		if path[i] == '/' {
			return path[i+1:]
		}
	}
	return path
}

// entryPC returns the address of _rt0_util.
func entryPC() uintptr

// EntryPC returns the address of the early entry, which the linker flag -E makes the entry point of the program.
func EntryPC() uintptr { return entryPC() }
