package proc

import (
	"util/internal/sys"

	"golang.org/x/sys/unix"
)

// Format is what the beginning of a file tells about it, for a file that the kernel does not execute (ENOEXEC).
type Format struct {
	Kind    Kind
	Machine string // ELF: the machine that it was built for, in the words of uname -m; "" if it is not known here
}

// Kind is the kind of a file.
type Kind uint8

const (
	Text   Kind = iota // what a shell may read as a script; also an empty file
	Binary             // a byte 0 stands in its first line, which no script has
	ELF                // a program or library (elf(5))
)

// FormatSize is how many bytes of a file [FormatOf] wants to see.
const FormatSize = 128

// FormatOf looks at the beginning of a file.
func FormatOf(head []byte) Format {
	if len(head) >= 4 && head[0] == 0x7f && head[1] == 'E' && head[2] == 'L' && head[3] == 'F' {
		return Format{ELF, machine(head)}
	}
	for _, c := range head {
		switch c {
		case 0:
			return Format{Kind: Binary}
		case '\n':
			return Format{}
		}
	}
	return Format{}
}

// machine names the machine of an ELF header (elf(5), e_machine; uname(2)).
func machine(head []byte) string {
	const wide, little = 2, 1 // EI_CLASS ELFCLASS64, EI_DATA ELFDATA2LSB
	if len(head) < 20 {
		return ""
	}
	code := uint(head[18])<<8 | uint(head[19])
	if head[5] == little {
		code = uint(head[19])<<8 | uint(head[18])
	}
	switch code {
	case 3: // EM_386
		return "i386"
	case 8: // EM_MIPS
		return "mips"
	case 21: // EM_PPC64
		if head[5] == little {
			return "ppc64le"
		}
		return "ppc64"
	case 22: // EM_S390
		return "s390x"
	case 40: // EM_ARM
		return "arm"
	case 62: // EM_X86_64
		return "x86_64"
	case 183: // EM_AARCH64
		return "aarch64"
	case 243: // EM_RISCV
		if head[4] == wide {
			return "riscv64"
		}
		return "riscv32"
	case 258: // EM_LOONGARCH
		return "loongarch64"
	}
	return ""
}

// Why says, of a file that the kernel does not execute and that is no script, what it is: four parts of one sentence, for code that
// cannot put them together. here is the machine as uname(2) calls it.
func (f Format) Why(here string) [4]string {
	switch {
	case f.Kind == Binary:
		return [4]string{"exec format error: neither a program for Linux nor a script"}
	case f.Machine == "":
		return [4]string{"exec format error: built for another machine, this one is ", here}
	case runsHere(f.Machine, here):
		return [4]string{"exec format error: built for ", f.Machine, ", as this machine, but damaged or no program"}
	}
	return [4]string{"exec format error: built for ", f.Machine, ", this machine is ", here}
}

// runsHere reports whether a program for a machine can be expected to run where uname(2) says here.
func runsHere(machine, here string) bool {
	if machine == "i386" { // i486, i586, i686
		return len(here) == 4 && here[0] == 'i' && here[2:] == "86"
	}
	return len(here) >= len(machine) && here[:len(machine)] == machine // armv7l
}

// formatAt is FormatOf for the file at path. One that cannot be read is none that a shell could read, and is left to it to
// say so.
func formatAt(path *byte) (f Format) {
	fd, e := sys.Open(path, unix.O_RDONLY|unix.O_CLOEXEC|unix.O_NONBLOCK|unix.O_NOCTTY, 0)
	if e != 0 {
		return f
	}
	var head [FormatSize]byte
	n, e := sys.Read(fd, head[:])
	sys.Close(fd)
	if e != 0 {
		return f
	}
	return FormatOf(head[:n])
}
