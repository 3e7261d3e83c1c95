package main

import (
	"fmt"
	"slices"
	"strings"
)

// kernel is one of Debian's kernels, and the machine that boots it.
type kernel struct {
	name    string // VERSION-ARCHITECTURE
	version version
	arch    string // as in GOARCH
	suite   string // of Debian
	pkg     string // the package that depends on the newest kernel of this kind
	machine machine
}

// machine is what depends on the architecture.
type machine struct {
	emulator string   // the program of QEMU
	args     []string // and its arguments
	console  string   // the first serial port, as the kernel names it
}

var (
	amd64 = machine{"qemu-system-x86_64", []string{"-cpu", "max"}, "ttyS0"}
	// Without pauth-impdef, the emulator takes most of its time to sign pointers.
	arm64 = machine{
		"qemu-system-aarch64",
		[]string{"-M", "virt", "-cpu", "max,pauth-impdef=on"},
		"ttyAMA0",
	}
	riscv64 = machine{"qemu-system-riscv64", []string{"-M", "virt"}, "ttyS0"}
	s390x   = machine{"qemu-system-s390x", []string{"-cpu", "max"}, "ttysclp0"}
	arm     = machine{"qemu-system-arm", []string{"-M", "virt", "-cpu", "max"}, "ttyAMA0"}
	i386    = machine{"qemu-system-i386", []string{"-cpu", "max"}, "ttyS0"}
	ppc64le = machine{
		"qemu-system-ppc64", []string{"-M", "pseries,x-vof=on", "-cpu", "power9"}, "hvc0",
	}
)

// kernels are all kernels. The cloud kernels are smaller than the others, and no test needs what
// they lack.
var kernels = []kernel{
	{"5.10-amd64", version{5, 10}, "amd64", "bullseye", "linux-image-cloud-amd64", amd64},
	{"6.1-amd64", version{6, 1}, "amd64", "bookworm", "linux-image-cloud-amd64", amd64},
	{"6.12-amd64", version{6, 12}, "amd64", "trixie", "linux-image-cloud-amd64", amd64},
	{"7.2-amd64", version{7, 2}, "amd64", "sid", "linux-image-cloud-amd64", amd64},
	{"6.1-arm64", version{6, 1}, "arm64", "bookworm", "linux-image-cloud-arm64", arm64},
	{"6.12-arm64-16k", version{6, 12}, "arm64", "trixie", "linux-image-arm64-16k", arm64},
	{"6.12-riscv64", version{6, 12}, "riscv64", "trixie", "linux-image-riscv64", riscv64},
	// Not a newer one: see docs/kernels.md.
	{"6.1-s390x", version{6, 1}, "s390x", "bookworm", "linux-image-s390x", s390x},
	{"6.12-arm", version{6, 12}, "arm", "trixie", "linux-image-armmp-lpae", arm},
	{"6.1-386", version{6, 1}, "386", "bookworm", "linux-image-686", i386},
	{"7.2-ppc64le", version{7, 2}, "ppc64le", "sid", "linux-image-powerpc64le", ppc64le},
	{"7.2-ppc64le-64k", version{7, 2}, "ppc64le", "sid", "linux-image-powerpc64le-64k", ppc64le},
}

// debianNames are Debian's names of architectures, where they differ from Go's.
var debianNames = map[string]string{"386": "i386", "arm": "armhf", "ppc64le": "ppc64el"}

// debianArch returns Debian's name of the architecture.
func (k kernel) debianArch() string {
	if name, found := debianNames[k.arch]; found {
		return name
	}
	return k.arch
}

// narrow reports whether a word has 32 bits.
func (k kernel) narrow() bool { return k.arch == "386" || k.arch == "arm" }

// version is the version of a kernel.
type version [2]int

func (v version) before(w version) bool { return slices.Compare(v[:], w[:]) < 0 }

// selected returns the kernels with these names, or all kernels if there are no names.
func selected(names []string) ([]kernel, error) {
	if len(names) == 0 {
		return kernels, nil
	}
	var list []kernel
	for _, name := range names {
		i := slices.IndexFunc(kernels, func(k kernel) bool { return k.name == name })
		if i < 0 {
			return nil, fmt.Errorf("kernel %q: unknown; known are %s", name, strings.Join(allNames(), " "))
		}
		list = append(list, kernels[i])
	}
	return list, nil
}

func allNames() (names []string) {
	for _, k := range kernels {
		names = append(names, k.name)
	}
	return names
}
