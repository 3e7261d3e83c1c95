package become

import (
	"unsafe"

	"util/internal/ascii"
	"util/internal/files"
	"util/internal/sys"

	"golang.org/x/sys/unix"
)

// The files of users and groups (passwd(5), group(5)), as C strings.
const (
	passwdPath = "/etc/passwd\x00"
	groupPath  = "/etc/group\x00"
)

// maxFile is how large a file may be. It is read as a whole, so that no line is too long. 16 MiB
// are some 200,000 users.
const maxFile = 16 << 20

// maxID is the largest ID. The next number is (uid_t)-1, which setresuid(2) takes for "as it is".
const maxID = 1<<32 - 2

// load reads a file. exists is false if there is none.
func load(path string) (text string, exists bool, p Problem) {
	name := path[:len(path)-1]
	// O_NONBLOCK: opening a FIFO must not wait for a writer.
	const flags = unix.O_RDONLY | unix.O_CLOEXEC | unix.O_NONBLOCK | unix.O_NOCTTY
	fd, e := files.AboveStdio(sys.Open(unsafe.StringData(path), flags, 0))
	switch e {
	case 0:
	case unix.ENOENT, unix.ENOTDIR: // an image without users
		return "", false, Problem{}
	default:
		return "", false, Problem{Reason: Unreadable, File: name, Errno: e}
	}
	text, p = read(fd)
	sys.Close(fd)
	if p.Reason != None && p.Reason != NoMemory {
		p.File = name
	}
	return text, true, p
}

// fileStat is a package variable because it is large, and the stack may be small.
var fileStat unix.Stat_t

// read reads an open file into memory that is never freed, since an exec follows.
func read(fd int) (text string, p Problem) {
	if e := sys.Fstat(fd, &fileStat); e != 0 {
		return "", Problem{Reason: Unreadable, Errno: e}
	}
	if fileStat.Mode&unix.S_IFMT != unix.S_IFREG {
		return "", Problem{Reason: NotRegular}
	}
	// Not more than needed, because there may be a limit (RLIMIT_AS, getrlimit(2)).
	const spare = 4 << 10
	size := min(fileStat.Size, maxFile) + spare
	for {
		memory, e := sys.MmapAnonymous(int(size))
		if e != 0 {
			return "", Problem{Reason: NoMemory, Errno: e}
		}
		*(*byte)(memory) = 0 // shows the compiler that it is not nil
		text, complete, e := readInto(unsafe.Slice((*byte)(memory), size), fd)
		switch {
		case e != 0:
			return "", Problem{Reason: Unreadable, Errno: e}
		case len(text) > maxFile:
			return "", Problem{Reason: TooLarge}
		case complete:
			return text, Problem{}
		}
		size = min(2*size, maxFile+spare) // the file has grown, or is one of /proc
	}
}

// readInto reads a file from its beginning. complete is false if it does not fit.
func readInto(buffer []byte, fd int) (text string, complete bool, e sys.Errno) {
	e = sys.Rewind(fd)
	for n := 0; e == 0 && n < len(buffer); {
		var more int
		more, e = sys.Read(fd, buffer[n:])
		switch {
		case e == unix.EINTR:
			e = 0
		case e == 0 && more == 0:
			return unsafe.String(&buffer[0], n), true, 0
		case e == 0:
			n += more
		}
	}
	return unsafe.String(&buffer[0], len(buffer)), false, e
}

// entries reads the lines of a file that are entries.
type entries struct {
	rest string
	line int // the number of the last line
}

// next returns the next entry, without blanks before it. Empty lines, comments and the lines of NIS
// (nsswitch.conf(5), "Compatibility mode") are not entries.
func (s *entries) next() (entry string, ok bool) {
	for s.rest != "" {
		s.line++
		entry, s.rest, _ = ascii.Cut(s.rest, '\n')
		if n := len(entry); n > 0 && entry[n-1] == '\r' {
			entry = entry[:n-1]
		}
		entry = trim(entry)
		if entry != "" && entry[0] != '#' && entry[0] != '+' && entry[0] != '-' {
			return entry, true
		}
	}
	return "", false
}

// trim removes the blanks at the beginning of a text.
func trim(text string) string {
	for text != "" && (text[0] == ' ' || text[0] == '\t') {
		text = text[1:]
	}
	return text
}

// field returns the nth field of an entry, counted from 0.
func field(entry string, n int) (text string, ok bool) {
	ok = true
	for ; n >= 0; n-- {
		if !ok {
			return "", false
		}
		text, entry, ok = ascii.Cut(entry, ':')
	}
	return text, true
}

// isNumber reports whether a text has nothing but digits.
func isNumber(text string) bool {
	for i := 0; i < len(text); i++ {
		if !ascii.IsDigit(text[i]) {
			return false
		}
	}
	return text != ""
}

// parseID reads a user or group ID. It may have any number of zeros at its beginning.
func parseID(text string) (id uint32, ok bool) {
	for len(text) > 1 && text[0] == '0' {
		text = text[1:]
	}
	n := ascii.ParseDecimal(text)
	if n < 0 || n > maxID {
		return 0, false
	}
	return uint32(n), true
}

// user is an entry of /etc/passwd.
type user struct {
	name     string
	uid, gid uint32
	home     string
}

// findUser finds the first entry of that name, or if it is "", of that user ID.
func findUser(passwd, name string, uid uint32) (u user, found bool, p Problem) {
	for all := (entries{rest: passwd}); ; {
		entry, ok := all.next()
		if !ok {
			return user{}, false, Problem{}
		}
		u.name, _, _ = ascii.Cut(entry, ':')
		id, _ := field(entry, 2)
		n, valid := parseID(id)
		if name != "" && u.name != name || name == "" && (!valid || n != uid || u.name == "") {
			continue
		}
		p.File, p.Line = passwdPath[:len(passwdPath)-1], all.line
		gid, both := field(entry, 3)
		u.uid = n
		u.gid, ok = parseID(gid)
		u.home, _ = field(entry, 5)
		switch {
		case !both:
			p.Reason = FewFields
		case !valid:
			p.Reason = EntryUserID
		case !ok:
			p.Reason = EntryGroupID
		case ascii.Index(u.home, "\x00") >= 0:
			p.Reason = EntryHome
		default:
			return u, true, Problem{}
		}
		return u, true, p
	}
}

// findGroup finds the group ID of the first group of that name.
func findGroup(group, name string) (gid uint32, found bool, p Problem) {
	for all := (entries{rest: group}); ; {
		entry, ok := all.next()
		if !ok {
			return 0, false, Problem{}
		}
		if first, _, _ := ascii.Cut(entry, ':'); first == name {
			gid, p = groupID(entry, all.line)
			return gid, true, p
		}
	}
}

// groupID reads the group ID of an entry of /etc/group.
func groupID(entry string, line int) (gid uint32, p Problem) {
	p.File, p.Line = groupPath[:len(groupPath)-1], line
	text, ok := field(entry, 2)
	if !ok {
		p.Reason = FewFields
		return 0, p
	}
	if gid, ok = parseID(text); !ok {
		p.Reason = EntryGroupID
		return 0, p
	}
	return gid, Problem{}
}

// memberships stores in gids the IDs of all groups that have a member of that name, sorted, each
// once. It returns how many they are.
func memberships(group, name string, gids []uint32) (n int, p Problem) {
	for all := (entries{rest: group}); ; {
		entry, ok := all.next()
		if !ok {
			return n, Problem{}
		}
		if members, _ := field(entry, 3); !hasMember(members, name) {
			continue
		}
		gid, p := groupID(entry, all.line)
		if p.Reason != None {
			return 0, p
		}
		if n = insert(gids, n, gid); n > len(gids) {
			return 0, Problem{Reason: ManyGroups}
		}
	}
}

// hasMember reports whether a list of names with commas has a name. Blanks before a name are not a
// part of it, as for initgroups(3).
func hasMember(members, name string) bool {
	for more := true; more; {
		var member string
		member, members, more = ascii.Cut(members, ',')
		if trim(member) == name {
			return true
		}
	}
	return false
}

// compact sorts IDs, keeps one of each, and returns how many are left.
func compact(ids []uint32) (n int) {
	for _, id := range ids {
		n = insert(ids, n, id)
	}
	return n
}

// insert adds an ID to the first n of ids, which are sorted, each once. It returns how many they
// are then: more than ids has room for if the ID is new and ids is full.
//
//go:noinline
func insert(ids []uint32, n int, id uint32) int {
	low, high := 0, n
	for low < high {
		if middle := (low + high) / 2; ids[middle] < id {
			low = middle + 1
		} else {
			high = middle
		}
	}
	switch {
	case low < n && ids[low] == id:
		return n
	case n < len(ids):
		copy(ids[low+1:n+1], ids[low:n])
		ids[low] = id
	}
	return n + 1
}
