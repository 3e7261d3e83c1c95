package main

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
)

// archive writes an archive in the format newc of cpio(5), from which the kernel unpacks its first
// file system (Documentation/driver-api/early-userspace/buffer-format.rst). It is not compressed:
// under emulation, to decompress takes longer than to read.
type archive struct {
	w     io.Writer
	err   error // the first
	inode int
	made  map[string]bool // the directories
}

// The kinds of files, as in st_mode.
const (
	isDirectory = 0o040000
	isFile      = 0o100000
	isLink      = 0o120000
	isDevice    = 0o020000
)

// entry writes a file of any kind. major and minor are the numbers of a device.
func (a *archive) entry(name string, mode uint32, data []byte, major, minor int) {
	a.inode++
	header := fmt.Sprintf("070701%08X%08X%08X%08X%08X%08X%08X%08X%08X%08X%08X%08X%08X",
		a.inode, mode, 0, 0, 1, 0, len(data), 0, 0, major, minor, len(name)+1, 0)
	a.write(padded(header + name + "\x00"))
	a.write(padded(string(data)))
}

// padded returns text with zeros up to a multiple of four bytes. The header has 110 bytes, so a
// header with a name is padded as one.
func padded(text string) string { return text + strings.Repeat("\x00", -len(text)&3) }

func (a *archive) write(text string) {
	if a.err == nil {
		_, a.err = io.WriteString(a.w, text)
	}
}

// parents writes the directories above a file that are not there yet: the kernel does not make
// them.
func (a *archive) parents(name string) {
	if a.made == nil {
		a.made = map[string]bool{}
	}
	if dir := filepath.Dir(name); dir != "." && !a.made[dir] {
		a.parents(dir)
		a.made[dir] = true
		a.entry(dir, isDirectory|0o755, nil, 0, 0)
	}
}

// dir writes an empty directory.
func (a *archive) dir(name string) { a.parents(filepath.Join(name, "x")) }

// file writes a file with the permissions perm.
func (a *archive) file(name string, perm uint32, data []byte) {
	a.parents(name)
	a.entry(name, isFile|perm, data, 0, 0)
}

// link writes a symbolic link.
func (a *archive) link(name, to string) {
	a.parents(name)
	a.entry(name, isLink|0o777, []byte(to), 0, 0)
}

// device writes a character device.
func (a *archive) device(name string, perm uint32, major, minor int) {
	a.parents(name)
	a.entry(name, isDevice|perm, nil, major, minor)
}

// copy writes all files of a directory of this machine.
func (a *archive) copy(name, from string) {
	err := filepath.WalkDir(from, func(path string, d os.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		data, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		relative, err := filepath.Rel(from, path)
		a.file(filepath.Join(name, relative), uint32(info.Mode().Perm()), data)
		return err
	})
	if a.err == nil {
		a.err = err
	}
}

// end writes what ends an archive, and returns the first error.
func (a *archive) end() error {
	a.entry("TRAILER!!!", 0, nil, 0, 0)
	return a.err
}
