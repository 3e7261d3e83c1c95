//go:build 386 || amd64 || arm || arm64 || loong64 || ppc64le || riscv64 || s390x

package entry

// entryPC returns the address of _rt0_util.
func entryPC() uintptr
