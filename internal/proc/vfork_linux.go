//go:build 386 || amd64 || arm || arm64 || loong64 || ppc64le || riscv64 || s390x

package proc

// vfork makes a child, which calls child(s, p) on a stack that begins below the caller's frames, p
// being size bytes of memory between the two. flags are those of clone(2), and contain CLONE_VFORK
// and CLONE_VM. It returns what clone(2) returned.
//
//go:noescape
func vfork(flags uintptr, s *Command, size uintptr) (r uintptr)
