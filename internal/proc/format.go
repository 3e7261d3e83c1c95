package proc

import (
	"util/internal/sys"

	"golang.org/x/sys/unix"
)

// Format is what the beginning of a file says about it, for a file that the kernel does not
// execute (ENOEXEC).
type Format struct {
	Kind    Kind
	machine uint16 // ELF: e_machine (elf(5))
	wide    bool   // ELF: of 64 bits
	little  bool   // ELF: little endian
}

// Kind classifies a file that execve(2) rejects with ENOEXEC.
type Kind uint8

const (
	Text   Kind = iota // what a shell may read as a script; also an empty file
	Binary             // its first line has a byte 0, which no script has
	ELF                // a program or library (elf(5))
)

// FormatSize is how many bytes of a file [FormatOf] needs.
const FormatSize = 128

// FormatOf reads the beginning of a file.
func FormatOf(head []byte) Format {
	if len(head) >= 4 && head[0] == 0x7f && head[1] == 'E' && head[2] == 'L' && head[3] == 'F' {
		return elfFormat(head)
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

// elfFormat reads an ELF header (elf(5)).
func elfFormat(head []byte) Format {
	const class64, littleEndian = 2, 1 // EI_CLASS ELFCLASS64, EI_DATA ELFDATA2LSB
	f := Format{Kind: ELF}
	if len(head) < 20 {
		return f
	}
	f.wide, f.little = head[4] == class64, head[5] == littleEndian
	f.machine = uint16(head[18])<<8 | uint16(head[19])
	if f.little {
		f.machine = uint16(head[19])<<8 | uint16(head[18])
	}
	return f
}

// Machine names the machine that an ELF file was built for as uname -m does, "" if it is not
// known here.
func (f Format) Machine() string {
	switch f.machine {
	case 3: // EM_386
		return "i386"
	case 8: // EM_MIPS
		return "mips"
	case 21: // EM_PPC64
		if f.little {
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
		if f.wide {
			return "riscv64"
		}
		return "riscv32"
	case 258: // EM_LOONGARCH
		return "loongarch64"
	}
	return ""
}

// Why says what a file is that the kernel does not execute and that is not a script. The result
// is four parts of one sentence, for code that cannot join them. here is the machine as uname(2)
// names it.
func (f Format) Why(here string) [4]string {
	machine := f.Machine()
	switch {
	case f.Kind == Binary:
		return [4]string{"exec format error: neither a program for Linux nor a script"}
	case machine == "":
		return [4]string{"exec format error: built for another machine, this one is ", here}
	case runsHere(machine, here):
		return [4]string{
			"exec format error: built for ", machine,
			", as this machine, but damaged or not a program",
		}
	}
	return [4]string{"exec format error: built for ", machine, ", this machine is ", here}
}

// runsHere reports whether a program for a machine can be expected to run where uname(2) says here.
func runsHere(machine, here string) bool {
	if machine == "i386" { // i486, i586, i686
		return len(here) == 4 && here[0] == 'i' && here[2:] == "86"
	}
	return len(here) >= len(machine) && here[:len(machine)] == machine // armv7l
}

// formatAt is FormatOf for the file at path. A file that cannot be read counts as text: a shell
// cannot read it either, and prints why.
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
