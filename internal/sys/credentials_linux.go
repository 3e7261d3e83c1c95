package sys

import (
	"unsafe"

	"golang.org/x/sys/unix"
)

// IDs are the real, effective and saved user or group IDs of a thread (credentials(7)).
type IDs struct{ Real, Effective, Saved uint32 }

// unread is what IDs are if a seccomp filter only makes the call seem to succeed.
func unread() IDs { return IDs{Keep, Keep, Keep} }

// Getresuid is getresuid(2).
//
//go:noinline
func Getresuid() (ids IDs) {
	ids = unread()
	Call(sysGetresuid, uintptr(unsafe.Pointer(&ids.Real)),
		uintptr(unsafe.Pointer(&ids.Effective)), uintptr(unsafe.Pointer(&ids.Saved)), 0, 0, 0)
	return ids
}

// Getresgid is getresgid(2).
//
//go:noinline
func Getresgid() (ids IDs) {
	ids = unread()
	Call(sysGetresgid, uintptr(unsafe.Pointer(&ids.Real)),
		uintptr(unsafe.Pointer(&ids.Effective)), uintptr(unsafe.Pointer(&ids.Saved)), 0, 0, 0)
	return ids
}

// Keep is the ID with which setresuid(2) and setresgid(2) leave an ID as it is.
const Keep = ^uint32(0)

// Setresuid is setresuid(2) for the calling thread.
func Setresuid(ids IDs) Errno {
	return errno(Call(sysSetresuid, uintptr(ids.Real), uintptr(ids.Effective),
		uintptr(ids.Saved), 0, 0, 0))
}

// Setresgid is setresgid(2) for the calling thread.
func Setresgid(ids IDs) Errno {
	return errno(Call(sysSetresgid, uintptr(ids.Real), uintptr(ids.Effective),
		uintptr(ids.Saved), 0, 0, 0))
}

// Getgroups is getgroups(2). EINVAL if there are more than p can hold.
func Getgroups(p []uint32) (int, Errno) {
	return result(Call(sysGetgroups, uintptr(len(p)),
		uintptr(unsafe.Pointer(unsafe.SliceData(p))), 0, 0, 0, 0))
}

// Setgroups is setgroups(2) for the calling thread.
func Setgroups(groups []uint32) Errno {
	return errno(Call(sysSetgroups, uintptr(len(groups)),
		uintptr(unsafe.Pointer(unsafe.SliceData(groups))), 0, 0, 0, 0))
}

// Capabilities are three of the capability sets of a thread (capabilities(7)), 64 bits in two
// parts.
type Capabilities [2]unix.CapUserData

const full = ^uint32(0)

// capHeader is the caller, and the format of Capabilities.
func capHeader() unix.CapUserHeader {
	return unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
}

// Capget is capget(2) for the calling thread. If a seccomp filter only makes it seem to succeed,
// the sets are full.
func Capget(sets *Capabilities) Errno {
	header := capHeader()
	for i := range sets {
		sets[i] = unix.CapUserData{Effective: full, Permitted: full, Inheritable: full}
	}
	return errno(Call(unix.SYS_CAPGET, uintptr(unsafe.Pointer(&header)),
		uintptr(unsafe.Pointer(sets)), 0, 0, 0, 0))
}

// Capset is capset(2) for the calling thread. Whatever leaves the permitted or the inheritable set
// leaves the ambient set too.
func Capset(sets *Capabilities) Errno {
	header := capHeader()
	return errno(Call(unix.SYS_CAPSET, uintptr(unsafe.Pointer(&header)),
		uintptr(unsafe.Pointer(sets)), 0, 0, 0, 0))
}

// HasNoNewPrivs is prctl(2) with PR_GET_NO_NEW_PRIVS.
func HasNoNewPrivs() bool {
	return Call(unix.SYS_PRCTL, unix.PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0, 0) == 1
}
