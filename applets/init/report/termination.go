package report

import (
	"unsafe"

	"util/applets/init/options"
	"util/internal/files"
	"util/internal/sys"

	"golang.org/x/sys/unix"
)

// This file writes the termination log. The command's user may own the directory of the log, and
// could put a link there to make init, often root, overwrite another file.

// termination is where the termination log is. It is a package variable because it is rarely used.
var termination struct {
	n    int // the length of the path; 0 if it is not known
	path [2 * unix.PathMax]byte
}

// locateTerminationLog records the path of the termination log. A relative one is relative to the
// working directory that init was started in, which it leaves.
//
//go:noinline
func (r *Reporter) locateTerminationLog() {
	name := r.Options.TerminationLog
	if name == "" || termination.n > 0 {
		return
	}
	path := termination.path[:]
	n := 0
	if name[0] != '/' {
		length, e := sys.Getcwd(path[:unix.PathMax])
		if e != 0 {
			r.reportTerminationLog(e)
			return
		}
		n = length
		path[n-1] = '/' // replaces the NUL byte
	}
	if n+len(name) >= unix.PathMax {
		r.reportTerminationLog(unix.ENAMETOOLONG)
		return
	}
	n += copy(path[n:], name)
	path[n] = 0
	termination.n = n
}

// writeTerminationLog replaces what the termination log held by a line.
//
//go:noinline
func (r *Reporter) writeTerminationLog(t *Line) {
	if termination.n == 0 {
		return
	}
	fd, e := openTrusted(termination.path[:])
	if e == 0 {
		_, e = sys.Write(fd, t.buf[:t.n])
		discardRaised(e)
		sys.Close(fd)
	}
	if e != 0 {
		r.reportTerminationLog(e)
	}
}

// openTrusted opens a file to write to, and creates it if it does not exist. path holds an
// absolute path that ends with a NUL byte, and is altered. The path is resolved name by name, and
// so is what a symbolic link leads to. A link is followed only if no user but root and init's own
// can have made it; else the result is ELOOP, as for O_NOFOLLOW (open(2)). The file is truncated,
// unless it is one of init's standard streams: to that, the line is appended.
func openTrusted(path []byte) (fd int, e sys.Errno) {
	const maxLinks = 40 // as in the kernel (path_resolution(7))
	dir, e := openRoot()
	links := 0
	for from := 0; e == 0; {
		for path[from] == '/' {
			from++
		}
		to := from
		for path[to] != '/' && path[to] != 0 {
			to++
		}
		last := path[to] == 0
		path[to] = 0
		name := &path[from]
		kind := classify(dir, name)
		switch {
		case kind == untrustedLink || kind == trustedLink && links == maxLinks:
			e = unix.ELOOP
		case kind == trustedLink:
			links++
			e = follow(dir, path, from, to, last)
			if from = 0; e == 0 && path[0] == '/' {
				sys.Close(dir)
				dir, e = openRoot()
			}
			continue
		case last:
			fd, e = openLast(dir, name)
			sys.Close(dir)
			return fd, e
		}
		below := -1
		if e == 0 {
			below, e = files.AboveStdio(sys.Openat(dir, name, unix.O_PATH|unix.O_DIRECTORY|unix.O_CLOEXEC,
				0))
		}
		path[to] = '/'
		sys.Close(dir)
		dir, from = below, to
	}
	return -1, e
}

func openRoot() (fd int, e sys.Errno) {
	return files.AboveStdio(sys.Open(unsafe.StringData("/\x00"),
		unix.O_PATH|unix.O_DIRECTORY|unix.O_CLOEXEC,
		0))
}

// linkKind is what a name in a directory is.
type linkKind uint8

const (
	noLink        linkKind = iota // not a symbolic link, missing, or a link of procfs to an open file
	trustedLink                   // a link that only root or init's own user can have made
	untrustedLink                 // any other link
)

// lookAt finds out what a name in a directory is.
func classify(dir int, name *byte) linkKind {
	fd, e := files.AboveStdio(sys.Openat(dir, name, unix.O_PATH|unix.O_NOFOLLOW|unix.O_CLOEXEC, 0))
	if e != 0 {
		return noLink
	}
	var of, in unix.Stat_t
	e = sys.Fstat(fd, &of)
	sys.Close(fd)
	if e != 0 || of.Mode&unix.S_IFMT != unix.S_IFLNK {
		return noLink
	}
	const others = unix.S_IWGRP | unix.S_IWOTH
	if sys.Fstat(dir, &in) != 0 || !isTrusted(in.Uid) || !isTrusted(of.Uid) || in.Mode&others != 0 &&
		in.Mode&unix.S_ISVTX == 0 {
		return untrustedLink
	}
	var fs unix.Statfs_t
	if sys.Fstatfs(dir, &fs) == 0 && fs.Type == unix.PROC_SUPER_MAGIC {
		return noLink
	}
	return trustedLink
}

// rest is what follows a link in a path. It is a package variable because it is large and rarely
// used.
var rest [unix.PathMax]byte

// follow replaces path up to a link, whose name is path[from:to], by what the link leads to. The
// walk continues at the beginning.
func follow(dir int, path []byte, from, to int, last bool) sys.Errno {
	n := 0
	if !last {
		path[to] = '/'
		n = copy(rest[:], sys.String(&path[to]))
	}
	if n == len(rest) {
		return unix.ENAMETOOLONG
	}
	rest[n] = 0
	path[to] = 0
	var name [256]byte // NAME_MAX and the NUL byte
	if to-from >= len(name) {
		return unix.ENAMETOOLONG
	}
	copy(name[:], path[from:to])
	length, e := sys.Readlinkat(dir, &name[0], path[:unix.PathMax])
	if e == 0 && (length == 0 || length+n >= unix.PathMax) {
		e = unix.ENAMETOOLONG
	}
	if e != 0 {
		return e
	}
	copy(path[length:], rest[:n+1])
	return 0
}

func isTrusted(user uint32) bool { return user == 0 || user == sys.Geteuid() }

// openLast opens the file itself.
func openLast(dir int, name *byte) (fd int, e sys.Errno) {
	const flags = unix.O_WRONLY | unix.O_APPEND | unix.O_NONBLOCK | unix.O_NOCTTY
	nofollow := unix.O_NOFOLLOW
	var fs unix.Statfs_t
	// A link such as /proc/self/fd/2 leads to an open file.
	if sys.Fstatfs(dir, &fs) == 0 && fs.Type == unix.PROC_SUPER_MAGIC {
		nofollow = 0
	}
	fd, e = files.AboveStdio(sys.Openat(dir, name, flags|nofollow|unix.O_CLOEXEC, 0))
	if e == unix.ENOENT {
		return files.AboveStdio(sys.Openat(dir, name, flags|unix.O_CREAT|unix.O_NOFOLLOW|unix.O_CLOEXEC,
			0o644))
	}
	if e != 0 {
		return fd, e
	}
	var st unix.Stat_t
	if e = sys.Fstat(fd, &st); e == 0 && st.Mode&unix.S_IFMT == unix.S_IFREG {
		switch stream := standardStream(&st); stream {
		case -1:
			e = sys.Empty(fd)
		case 1, 2: // written by the stream itself, whose file offset all that share it see
			sys.Close(fd)
			return sys.FcntlDupfd(stream, 3)
		}
	}
	if e != 0 {
		sys.Close(fd)
	}
	return fd, e
}

// standard returns which standard stream a file is, or -1.
func standardStream(st *unix.Stat_t) int {
	var stream unix.Stat_t
	for fd := 2; fd >= 0; fd-- {
		if sys.Fstat(fd, &stream) == 0 && stream.Dev == st.Dev && stream.Ino == st.Ino {
			return fd
		}
	}
	return -1
}

//go:noinline
func (r *Reporter) reportTerminationLog(e sys.Errno) {
	t := &noticeLine // another line may be under construction
	t.clear()
	t.prefix(r.Options.LogFormat == options.LogJSON)
	t.str("termination log ")
	t.quoted(r.Options.TerminationLog)
	t.str(": ")
	switch e {
	case unix.ELOOP:
		t.str("leads through a symbolic link that another user may have put there")
	case unix.ENXIO:
		t.str("a pipe that no process reads, or a socket")
	default:
		t.errno(e)
	}
	t.field("event", "no termination log")
	t.WriteTo(&r.log)
}
