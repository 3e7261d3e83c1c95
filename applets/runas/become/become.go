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
	Who        string // USER[:GROUP]
	User       string // a name or a number
	Group      string // a name or a number; "" for that of the user
	KeepGroups bool   // leave the supplementary groups as they are
	NoNewPrivs bool   // no set-user-ID program and no file capability will give privileges
	Secure     bool   // what the kernel says about this program ([Secure])
}

// Secure is the key of AT_SECURE in the auxiliary vector, which is set for a program that has
// privileges from its file (getauxval(3)). A transition of SELinux sets it as well, and engines
// make one when they start a container. So it counts only where there are privileges.
const Secure = 23

// ParseUser reads USER, USER: or USER:GROUP. A word of digits is a number, even where a user or a
// group has it as its name.
func (o *Options) ParseUser(text string) Reason {
	var colon bool
	o.Who = text
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
	s := switcher{identity: &id, Options: o, space: space[maxGroups:]}
	if p = s.change(); p.Reason != None {
		return "", p
	}
	if o.NoNewPrivs && !sys.HasNoNewPrivs() {
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
	*Options
	space   []uint32 // for maxGroups groups
	set     bool     // setgroups(2) has succeeded
	changed bool     // there was something to change
	// What the thread was before.
	uid, gid sys.IDs
	caps     sys.Capabilities
}

// change changes groups, group, user and capabilities, in this order: without the user, the right
// to change the rest is gone.
//
// Where nothing has to change, as with runAsUser of Kubernetes, this works without any privilege.
// Where only capabilities have to go, too: setresuid(2) permits an ID that the thread has, and the
// right groups may stay as they are.
func (s *switcher) change() Problem {
	s.uid, s.gid = sys.Getresuid(), sys.Getresgid()
	if e := sys.Capget(&s.caps); e != 0 {
		return Problem{Reason: DeniedCaps, Errno: e}
	}
	if s.uid.Real != s.uid.Effective || s.gid.Real != s.gid.Effective ||
		s.Secure && s.uid.Real != 0 && !isEmpty(&s.caps) {
		return Problem{Reason: SetUserID} // it would make anyone root
	}
	if s.isRight() {
		return Problem{} // no call, which a seccomp filter might punish
	}
	s.changed = true
	if !s.KeepGroups {
		e := sys.Setgroups(s.groups)
		s.set = e == 0
		switch {
		case e == 0 || s.hasGroups(false):
		case e == unix.EPERM && s.may(unix.CAP_SETGID) && deniesSetgroups():
			return Problem{Reason: SetgroupsDenied}
		case e == unix.EINVAL:
			return Problem{Reason: UnmappedGroups}
		default:
			return s.denied(e, unix.CAP_SETGID, DeniedGroups)
		}
	}
	gid, uid := s.identity.gid, s.identity.uid
	// Nothing has changed so far if the groups stay. If this then works and the next call does not,
	// the thread has a new group and its old user. It ends in any case.
	switch e := sys.Setresgid(all(gid)); e {
	case 0:
	case unix.EINVAL:
		return Problem{Reason: UnmappedGID, ID: gid}
	default:
		return s.denied(e, unix.CAP_SETGID, DeniedGID)
	}
	switch e := sys.Setresuid(all(uid)); e {
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

// all are three IDs that are the same.
func all(id uint32) sys.IDs { return sys.IDs{Real: id, Effective: id, Saved: id} }

// isRight reports whether there is nothing to change.
func (s *switcher) isRight() bool {
	gid, uid := s.identity.gid, s.identity.uid
	return s.uid == all(uid) && s.gid == all(gid) && (uid == 0 || isEmpty(&s.caps)) &&
		uid != unmapped("/proc/sys/kernel/overflowuid\x00", "/proc/self/uid_map\x00") &&
		gid != unmappedGID() && (s.KeepGroups || s.hasGroups(uid == 0))
}

func unmappedGID() uint32 {
	return unmapped("/proc/sys/kernel/overflowgid\x00", "/proc/self/gid_map\x00")
}

// unmapped returns what the kernel says instead of an ID that is not mapped in this user namespace
// (user_namespaces(7), "Unmapped user and group IDs"). It may mean the ID of that number as well.
// If all IDs are mapped, as outside of user namespaces, the result is no ID. The arguments are
// files.
func unmapped(overflow, mapping string) uint32 {
	const (
		usual  = 65534
		mapped = "         0          0 4294967295"
	)
	var text [len(mapped)]byte
	n := ascii.ParseDecimal(unsafe.String(&text[0], files.Read(overflow, text[:])))
	if n < 0 {
		n = usual
	}
	if unsafe.String(&text[0], files.Read(mapping, text[:])) == mapped {
		return sys.Keep
	}
	return uint32(n)
}

// may reports whether the thread had a capability.
func (s *switcher) may(capability uint) bool { return s.caps[0].Effective&(1<<capability) != 0 }

// denied is the problem that a call failed with an errno. The call needs a capability.
func (s *switcher) denied(e sys.Errno, needs uint, otherwise Reason) Problem {
	p := Problem{Reason: otherwise, Errno: e, ID: s.gid.Real}
	isUser := s.uid.Real == s.identity.uid && needs == unix.CAP_SETGID
	isGroup := s.gid.Real == s.identity.gid && otherwise == DeniedGroups
	switch {
	case s.may(needs):
	case isUser && isGroup:
		p.Reason = OtherGroups
	case isUser:
		p.Reason = OtherGID
	case s.may(unix.CAP_SETUID):
		p.Reason = NeedsSetgid
	case s.may(unix.CAP_SETGID):
		p.Reason = NeedsSetuid
	case s.uid.Real == 0:
		p.Reason = RootNeedsBoth
	default:
		p.Reason = NeedsBoth
	}
	return p
}

// deniesSetgroups reports whether the user namespace forbids setgroups(2) (user_namespaces(7)).
func deniesSetgroups() bool {
	var text [8]byte
	n := files.Read("/proc/self/setgroups\x00", text[:])
	return ascii.HasPrefix(unsafe.String(&text[0], n), "deny")
}

// hasGroups reports whether the supplementary groups are the right ones.
//
// Unless exact, the group itself may be among them, because it gives no more rights; engines put it
// there. If they have not been set, a group that may be another one, because it is not mapped, is
// wrong.
func (s *switcher) hasGroups(exact bool) bool {
	n, e := sys.Getgroups(s.space)
	if e != 0 {
		return false
	}
	now := s.space[:compact(s.space[:n])]
	own, unsure := s.identity.gid, sys.Keep // Keep is never a group
	if exact {
		own = sys.Keep
	}
	if !s.set {
		unsure = unmappedGID()
	}
	for i, j := 0, 0; ; {
		switch {
		case i < len(now) && now[i] == unsure:
			return false
		case i < len(now) && now[i] == own:
			i++
		case j < len(s.groups) && s.groups[j] == own:
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
	case sys.Getresuid() != all(uid):
		return Problem{Reason: WrongUID}
	case sys.Getresgid() != all(gid):
		return Problem{Reason: WrongGID}
	case !s.KeepGroups && !s.hasGroups(s.set):
		return Problem{Reason: WrongGroups}
	}
	if uid == 0 {
		return Problem{} // root may become anyone
	}
	var caps sys.Capabilities
	if e := sys.Capget(&caps); e != 0 || !isEmpty(&caps) {
		return Problem{Reason: WrongCaps}
	}
	if !s.changed {
		return Problem{}
	}
	// Root, and whoever this was before: execve(2) has made the saved ID the effective one, and the
	// real ID was the same. A call that only seems to succeed does no harm.
	for _, back := range [...]uint32{0, s.uid.Real} {
		if back != uid &&
			sys.Setresuid(sys.IDs{Real: sys.Keep, Effective: back, Saved: sys.Keep}) == 0 &&
			sys.Getresuid() != all(uid) {
			return Problem{Reason: UserComesBack}
		}
	}
	for _, back := range [...]uint32{0, s.gid.Real} {
		if back != gid &&
			sys.Setresgid(sys.IDs{Real: sys.Keep, Effective: back, Saved: sys.Keep}) == 0 &&
			sys.Getresgid() != all(gid) {
			return Problem{Reason: GroupComesBack}
		}
	}
	return Problem{}
}
