package become

import (
	"unsafe"

	"util/internal/ascii"
	"util/internal/files"
	"util/internal/sys"

	"golang.org/x/sys/unix"
)

// Options say who to become.
type Options struct {
	User       string // a name or a number
	Group      string // a name or a number; "" for that of the user
	KeepGroups bool   // leave the supplementary groups as they are
	NoNewPrivs bool   // no set-user-ID program and no file capability will give privileges
}

// ParseUser reads USER, USER: or USER:GROUP. A word of digits is a number, even where a user or a
// group has it as its name.
func (o *Options) ParseUser(text string) Reason {
	var colon bool
	o.User, o.Group, colon = ascii.Cut(text, ':')
	_, _, second := ascii.Cut(o.Group, ':')
	_, validUser := parseID(o.User)
	_, validGroup := parseID(o.Group)
	switch {
	case o.User == "" && colon && o.Group != "":
		return NoGroup
	case o.User == "":
		return NoUser
	case second:
		return TwoGroups
	case isNumber(o.User) && !validUser:
		return BadUserID
	case isNumber(o.Group) && !validGroup:
		return BadGroupID
	}
	return None
}

// maxGroups is NGROUPS_MAX, the most supplementary groups that a process can have (getgroups(2)).
const maxGroups = 65536

// noHome is the home directory of a user that has none, as engines and gosu set it.
const noHome = "/"

// identity is who the command will be.
type identity struct {
	uid, gid uint32
	groups   []uint32 // supplementary, sorted, each once
	home     string
}

// Become makes the calling thread what o says. If it returns a problem, the command must not be
// executed, because the thread may be anything between two users. home is the user's directory.
func Become(o *Options) (home string, p Problem) {
	memory, e := sys.MmapAnonymous(2 * maxGroups * int(unsafe.Sizeof(uint32(0))))
	if e != 0 {
		return "", Problem{Reason: NoMemory, Errno: e}
	}
	space := (*[2 * maxGroups]uint32)(memory)[:]
	id := identity{groups: space[:maxGroups]}
	if p = id.find(o); p.Reason != None {
		return "", p
	}
	s := switcher{identity: &id, keep: o.KeepGroups, space: space[maxGroups:]}
	if p = s.change(); p.Reason != None {
		return "", p
	}
	if o.NoNewPrivs {
		// Any time before the exec will do: the flag does not restrict setresuid(2).
		if e := sys.Prctl(unix.PR_SET_NO_NEW_PRIVS, 1); e != 0 {
			return "", Problem{Reason: DeniedPrivs, Errno: e}
		}
		if !sys.HasNoNewPrivs() {
			return "", Problem{Reason: WrongPrivs}
		}
	}
	return id.home, s.verify()
}

// find reads /etc/passwd and, where it matters, /etc/group.
func (id *identity) find(o *Options) Problem {
	passwd, exists, p := load(passwdPath)
	if p.Reason != None {
		return p
	}
	name := o.User
	if isNumber(o.User) {
		name = ""
		id.uid, _ = parseID(o.User)
	}
	u, found, p := findUser(passwd, name, id.uid)
	switch {
	case p.Reason != None:
		return p
	case !found && name != "" && !exists:
		return Problem{Reason: UserNoFile, File: passwdPath[:len(passwdPath)-1]}
	case !found && name != "":
		return Problem{Reason: UnknownUser, File: passwdPath[:len(passwdPath)-1]}
	case found:
		id.uid, id.gid, id.home = u.uid, u.gid, u.home
	}
	if id.home == "" {
		id.home = noHome
	}
	return id.findGroups(o, u.name)
}

// findGroups finds the groups of a user. Without an entry in /etc/passwd, name is "".
func (id *identity) findGroups(o *Options, name string) Problem {
	space := id.groups
	id.groups = space[:0]
	if isNumber(o.Group) {
		id.gid, _ = parseID(o.Group)
		return Problem{}
	}
	if o.Group == "" && (name == "" || o.KeepGroups) {
		return Problem{}
	}
	group, exists, p := load(groupPath)
	if p.Reason != None {
		return p
	}
	if o.Group == "" {
		n, p := memberships(group, name, space)
		id.groups = space[:n]
		return p
	}
	gid, found, p := findGroup(group, o.Group)
	switch {
	case p.Reason != None:
		return p
	case !exists:
		return Problem{Reason: GroupNoFile, File: groupPath[:len(groupPath)-1]}
	case !found:
		return Problem{Reason: UnknownGroup, File: groupPath[:len(groupPath)-1]}
	}
	id.gid = gid
	return Problem{}
}

// switcher changes the credentials of the calling thread.
type switcher struct {
	*identity
	keep  bool     // the supplementary groups stay as they are
	space []uint32 // for maxGroups groups
	// What the thread was before.
	uid, gid sys.IDs
	caps     sys.Capabilities
}

// change changes groups, group, user and capabilities, in this order: without the user, the right
// to change the rest is gone.
//
// Where nothing has to change, as with runAsUser of Kubernetes, this works without any privilege:
// setresuid(2) permits an ID that the thread has, and the right groups may stay as they are.
func (s *switcher) change() Problem {
	s.uid, s.gid = sys.Getresuid(), sys.Getresgid()
	if s.uid.Real != s.uid.Effective || s.gid.Real != s.gid.Effective {
		return Problem{Reason: SetUserID} // it would make anyone root
	}
	if e := sys.Capget(&s.caps); e != 0 {
		return Problem{Reason: DeniedCaps, Errno: e}
	}
	if !s.keep {
		e := sys.Setgroups(s.groups)
		if e == unix.EPERM && s.hasGroups() {
			e = 0
		}
		switch {
		case e == unix.EPERM && s.may(unix.CAP_SETGID) && deniesSetgroups():
			return Problem{Reason: SetgroupsDenied}
		case e == unix.EINVAL:
			return Problem{Reason: UnmappedGroups}
		case e != 0:
			return s.denied(e, unix.CAP_SETGID, DeniedGroups)
		}
	}
	gid, uid := s.identity.gid, s.identity.uid
	// Nothing has changed so far if the groups stay. If this then works and the next call does not,
	// the thread has a new group and its old user. It ends in any case.
	switch e := sys.Setresgid(sys.IDs{Real: gid, Effective: gid, Saved: gid}); e {
	case 0:
	case unix.EINVAL:
		return Problem{Reason: UnmappedGID, ID: gid}
	default:
		return s.denied(e, unix.CAP_SETGID, DeniedGID)
	}
	switch e := sys.Setresuid(sys.IDs{Real: uid, Effective: uid, Saved: uid}); e {
	case 0:
	case unix.EINVAL:
		return Problem{Reason: UnmappedUID, ID: uid}
	default:
		return s.denied(e, unix.CAP_SETUID, DeniedUID)
	}
	if uid == 0 {
		return Problem{}
	}
	// The kernel has cleared the permitted, effective and ambient sets if the user was root before,
	// unless a secure bit forbids it, and never clears the inheritable set (capabilities(7), "Effect
	// of user ID changes on capabilities").
	var empty sys.Capabilities
	if e := sys.Capset(&empty); e != 0 {
		return Problem{Reason: DeniedCaps, Errno: e}
	}
	return Problem{}
}

// may reports whether the thread had a capability.
func (s *switcher) may(capability uint) bool { return s.caps[0].Effective&(1<<capability) != 0 }

// denied is the problem that a call failed with an errno. The call needs a capability.
func (s *switcher) denied(e sys.Errno, needs uint, otherwise Reason) Problem {
	switch {
	case e != unix.EPERM || s.may(needs):
		return Problem{Reason: otherwise, Errno: e}
	case !s.may(unix.CAP_SETUID) && !s.may(unix.CAP_SETGID):
		return Problem{Reason: NeedsBoth}
	case needs == unix.CAP_SETUID:
		return Problem{Reason: NeedsSetuid}
	}
	return Problem{Reason: NeedsSetgid}
}

// deniesSetgroups reports whether the user namespace forbids setgroups(2) (user_namespaces(7)).
func deniesSetgroups() bool {
	var text [8]byte
	n := files.Read("/proc/self/setgroups\x00", text[:])
	return ascii.HasPrefix(unsafe.String(&text[0], n), "deny")
}

// hasGroups reports whether the supplementary groups are the right ones. The group itself gives no
// more rights if it is among them as well; engines put it there.
func (s *switcher) hasGroups() bool {
	n, e := sys.Getgroups(s.space)
	if e != 0 {
		return false
	}
	now := s.space[:compact(s.space[:n])]
	gid := s.identity.gid
	for i, j := 0, 0; ; {
		switch {
		case i < len(now) && now[i] == gid:
			i++
		case j < len(s.groups) && s.groups[j] == gid:
			j++
		case i == len(now) || j == len(s.groups):
			return i == len(now) && j == len(s.groups)
		case now[i] != s.groups[j]:
			return false
		default:
			i++
			j++
		}
	}
}

// isEmpty reports whether there are no capabilities.
func isEmpty(caps *sys.Capabilities) bool {
	low, high := &caps[0], &caps[1]
	return low.Effective|low.Permitted|low.Inheritable == 0 &&
		high.Effective|high.Permitted|high.Inheritable == 0
}

// verify checks what change has done, and that it cannot be undone: a seccomp filter or a security
// module can make a call seem to succeed.
func (s *switcher) verify() Problem {
	uid, gid := s.identity.uid, s.identity.gid
	switch {
	case sys.Getresuid() != sys.IDs{Real: uid, Effective: uid, Saved: uid}:
		return Problem{Reason: WrongUID}
	case sys.Getresgid() != sys.IDs{Real: gid, Effective: gid, Saved: gid}:
		return Problem{Reason: WrongGID}
	case !s.keep && !s.hasGroups():
		return Problem{Reason: WrongGroups}
	}
	if uid == 0 {
		return Problem{} // root may become anyone
	}
	var caps sys.Capabilities
	if e := sys.Capget(&caps); e != 0 || !isEmpty(&caps) {
		return Problem{Reason: WrongCaps}
	}
	// Root, and whoever this was before.
	for _, back := range [...]uint32{0, s.uid.Real, s.uid.Effective, s.uid.Saved} {
		if back != uid &&
			sys.Setresuid(sys.IDs{Real: sys.Keep, Effective: back, Saved: sys.Keep}) == 0 {
			return Problem{Reason: UserComesBack}
		}
	}
	for _, back := range [...]uint32{0, s.gid.Real, s.gid.Effective, s.gid.Saved} {
		if back != gid &&
			sys.Setresgid(sys.IDs{Real: sys.Keep, Effective: back, Saved: sys.Keep}) == 0 {
			return Problem{Reason: GroupComesBack}
		}
	}
	return Problem{}
}
