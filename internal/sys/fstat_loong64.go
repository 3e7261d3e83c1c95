package sys

import (
	"unsafe"

	"golang.org/x/sys/unix"
)

// Fstat is fstat(2) by statx(2), because the kernel has no fstat on loong64 before Linux 6.11. It
// fills in what statx calls the basic statistics, without the times.
func Fstat(fd int, st *unix.Stat_t) Errno {
	var (
		empty byte
		is    unix.Statx_t
	)
	e := errno(Call(unix.SYS_STATX, uintptr(fd), uintptr(unsafe.Pointer(&empty)), unix.AT_EMPTY_PATH,
		unix.STATX_BASIC_STATS, uintptr(unsafe.Pointer(&is)), 0))
	if e != 0 {
		return e
	}
	*st = unix.Stat_t{
		Dev:     device(is.Dev_major, is.Dev_minor),
		Ino:     is.Ino,
		Mode:    uint32(is.Mode),
		Nlink:   is.Nlink,
		Uid:     is.Uid,
		Gid:     is.Gid,
		Rdev:    device(is.Rdev_major, is.Rdev_minor),
		Size:    int64(is.Size),
		Blksize: int32(is.Blksize),
		Blocks:  int64(is.Blocks),
	}
	return 0
}

// device is the number of a device, as makedev(3) puts it together.
func device(major, minor uint32) uint64 {
	a, b := uint64(major), uint64(minor)
	return a&^0xfff<<32 | a&0xfff<<8 | b&^0xff<<12 | b&0xff
}
