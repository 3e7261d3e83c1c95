package report

import (
	"unsafe"

	"util/internal/ascii"
	"util/internal/files"
	"util/internal/sys"

	"golang.org/x/sys/unix"
)

// memory appends what is in a file of the memory cgroup: a number or a word.
func (t *Line) memory(file int) { t.Plain(upTo(memoryText(file), 32)) }

// The files of the memory cgroup, version 2 and 1.
const (
	limitFile = iota
	peakFile
	countFile
)

// memoryCgroup is where init's memory cgroup is. It is a package variable because it is rarely
// used.
var memoryCgroup struct {
	n    int  // the length of its path; 0 if it is not known
	v1   bool // cgroup version 1
	path [4096]byte
	text [4096]byte
}

// oomKills returns how many processes the kernel has killed in init's memory cgroup for lack of
// memory, or -1 if that cannot be read (cgroup v2: memory.events since Linux 4.13; v1:
// memory.oom_control).
//
//go:noinline
func oomKills() int64 {
	if memoryCgroup.n == 0 && !findMemory() {
		return -1
	}
	return oomKillsIn(memoryText(countFile))
}

// oomKillsIn is oomKills for the text of the file.
func oomKillsIn(text string) int64 {
	const key = "oom_kill "
	for more := true; more; {
		var row string
		row, text, more = ascii.Cut(text, '\n')
		if ascii.HasPrefix(row, key) {
			return ascii.ParseDecimal(row[len(key):])
		}
	}
	return -1
}

// findMemory finds the memory cgroup: by its path in /proc/self/cgroup below the mount; or, where
// the mount shows only the container's own part of the hierarchy, at the mount itself.
func findMemory() bool {
	n := files.Read("/proc/self/cgroup\x00", memoryCgroup.text[:])
	v1, v2 := memoryPaths(unsafe.String(&memoryCgroup.text[0], n))
	return tryMemory(false, v2) || tryMemory(false, "") || tryMemory(true, v1) || tryMemory(true, "")
}

// memoryPaths returns the paths of the memory cgroup of version 1, and of the cgroup of version 2,
// in a text of /proc/self/cgroup (cgroups(7)).
func memoryPaths(text string) (v1, v2 string) {
	for more := true; more; {
		var row string
		row, text, more = ascii.Cut(text, '\n')
		_, row, _ = ascii.Cut(row, ':')
		controllers, path, ok := ascii.Cut(row, ':')
		switch {
		case !ok:
		case controllers == "":
			v2 = path
		case controllers == "memory":
			v1 = path
		}
	}
	return v1, v2
}

// tryMemory reports whether the cgroup's files are below path, and records that.
func tryMemory(v1 bool, path string) bool {
	mount := "/sys/fs/cgroup"
	if v1 {
		mount = "/sys/fs/cgroup/memory"
	}
	if len(path) > 3000 {
		return false
	}
	if path == "/" {
		path = ""
	}
	memoryCgroup.v1 = v1
	memoryCgroup.n = copy(memoryCgroup.path[:], mount)
	memoryCgroup.n += copy(memoryCgroup.path[memoryCgroup.n:], path)
	fd, e := files.AboveStdio(sys.Open(memoryPath(countFile), unix.O_RDONLY|unix.O_CLOEXEC, 0))
	if e != 0 {
		memoryCgroup.n = 0
		return false
	}
	sys.Close(fd)
	return true
}

// memoryPath returns the path of a file of the memory cgroup.
func memoryPath(file int) *byte {
	name := ""
	switch {
	case memoryCgroup.v1 && file == countFile:
		name = "/memory.oom_control\x00"
	case memoryCgroup.v1 && file == limitFile:
		name = "/memory.limit_in_bytes\x00"
	case memoryCgroup.v1:
		name = "/memory.max_usage_in_bytes\x00"
	case file == countFile:
		name = "/memory.events\x00"
	case file == limitFile:
		name = "/memory.max\x00"
	default:
		name = "/memory.peak\x00" // since Linux 5.19
	}
	copy(memoryCgroup.path[memoryCgroup.n:], name)
	return &memoryCgroup.path[0]
}

// memoryText returns what is in a file of the memory cgroup, without the newline at the end. It
// is valid until the next call.
func memoryText(file int) string {
	fd, e := files.AboveStdio(sys.Open(memoryPath(file), unix.O_RDONLY|unix.O_CLOEXEC, 0))
	if e != 0 {
		return "unknown"
	}
	n, e := sys.Read(fd, memoryCgroup.text[:])
	sys.Close(fd)
	if e != 0 || n == 0 {
		return "unknown"
	}
	if memoryCgroup.text[n-1] == '\n' {
		n--
	}
	return unsafe.String(&memoryCgroup.text[0], n)
}
