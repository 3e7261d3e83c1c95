package become

import "util/internal/ascii"

const (
	range32 = "is not a number from 0 to 4294967294"
	notRun  = "; the command was not run"
	filter  = ": a seccomp filter or a security module forbids it"
	whoIs   = "user %w: "
	inEntry = "%k%n: %f, line %l: "
)

// words are the sentences for the reasons, where a percent sign and a letter stand for
//
//	%w  USER[:GROUP], in quotes
//	%k  "user ", "group " or "the groups of user "
//	%n  USER or GROUP, in quotes
//	%f  the file
//	%l  the line
//	%i  the ID
//	%e  what the error number means
var words = [...]string{
	NoUser:     whoIs + "is empty",
	NoGroup:    whoIs + "has a group, but no user",
	TwoGroups:  whoIs + "has more than one colon",
	BadUserID:  "%k%n: " + range32,
	BadGroupID: "%k%n: " + range32,

	NoMemory:   whoIs + "mmap: %e",
	Unreadable: "%f: %e",
	NotRegular: "%f: is not a regular file",
	TooLarge:   "%f: is larger than 16 MiB",

	UnknownUser:  "%k%n: not found in %f (a number needs no entry)",
	UnknownGroup: "%k%n: not found in %f (a number needs no entry)",
	UserNoFile:   "%k%n: there is no %f here (a number needs none)",
	GroupNoFile:  "%k%n: there is no %f here (a number needs none)",
	FewFields:    inEntry + "has too few fields",
	EntryUserID:  inEntry + "the user ID " + range32,
	EntryGroupID: inEntry + "the group ID " + range32,
	EntryHome:    inEntry + "the home directory has a NUL byte",
	ManyGroups:   "%k%n: are more than 65536",

	SetUserID: whoIs + "util must not be installed set-user-ID, set-group-ID or with file " +
		"capabilities, which would make anyone root",
	NeedsBoth:     whoIs + "needs root, or CAP_SETUID and CAP_SETGID",
	RootNeedsBoth: whoIs + "root has neither CAP_SETUID nor CAP_SETGID here",
	NeedsSetuid:   whoIs + "needs CAP_SETUID (CAP_SETGID is there)",
	NeedsSetgid:   whoIs + "needs CAP_SETGID (CAP_SETUID is there)",
	OtherGID:      whoIs + "the group is %i, and to change it needs CAP_SETGID",
	OtherGroups: whoIs + "the process has supplementary groups that the user does not have, or " +
		"lacks some: to change them needs CAP_SETGID, to keep them --keep-groups",
	SetgroupsDenied: whoIs + "this user namespace forbids setgroups " +
		`(/proc/self/setgroups is "deny"): ` + "use --keep-groups to keep the supplementary groups",
	DeniedGroups: whoIs + "setgroups: %e, although run-as has CAP_SETGID" + filter,
	DeniedGID:    whoIs + "setresgid: %e, although run-as has CAP_SETGID" + filter,
	DeniedUID:    whoIs + "setresuid: %e, although run-as has CAP_SETUID" + filter,
	DeniedCaps:   whoIs + "capabilities: %e",
	DeniedPrivs:  whoIs + "no_new_privs: %e",
	UnmappedGroups: whoIs + "one of the supplementary groups is not mapped in this user namespace " +
		"(see /proc/self/gid_map)",
	UnmappedGID: whoIs + "gid %i is not mapped in this user namespace (see /proc/self/gid_map)",
	UnmappedUID: whoIs + "uid %i is not mapped in this user namespace (see /proc/self/uid_map)",

	WrongUID:       whoIs + "setresuid succeeded, but the user is another one" + notRun,
	WrongGID:       whoIs + "setresgid succeeded, but the group is another one" + notRun,
	WrongGroups:    whoIs + "setgroups succeeded, but the supplementary groups are others" + notRun,
	WrongCaps:      whoIs + "capabilities are left" + notRun,
	WrongPrivs:     whoIs + "no_new_privs was set, but is not in effect" + notRun,
	UserComesBack:  whoIs + "setresuid gave the former user back" + notRun,
	GroupComesBack: whoIs + "setresgid gave the former group back" + notRun,
}

// Sentence is what a problem is, in pieces: code before the runtime cannot join them.
type Sentence struct {
	options *Options
	problem *Problem
	rest    string
}

// Explain begins the sentence for a problem.
func (o *Options) Explain(p *Problem) Sentence {
	return Sentence{options: o, problem: p, rest: words[p.Reason]}
}

// Piece is a piece of a sentence.
type Piece struct {
	Kind   Kind
	Text   string
	Number int
}

// Kind is the kind of a piece.
type Kind uint8

// The kinds.
const (
	Plain  Kind = iota // Text
	Quoted             // Text, which is from outside, in quotes
	Number             // Number
	Errno              // what the error number of the problem means
)

// IsOver reports whether there are no more pieces.
func (s *Sentence) IsOver() bool { return s.rest == "" }

// Next returns the next piece.
func (s *Sentence) Next() (next Piece) {
	if s.rest[0] != '%' {
		next.Text, _, _ = ascii.Cut(s.rest, '%')
		s.rest = s.rest[len(next.Text):]
		return next
	}
	letter := s.rest[1]
	s.rest = s.rest[2:]
	switch letter {
	case 'w':
		next.Kind, next.Text = Quoted, s.options.Who
	case 'k':
		next.Text, _ = s.subject()
	case 'n':
		next.Kind = Quoted
		_, next.Text = s.subject()
	case 'f':
		next.Text = s.problem.File
	case 'l':
		next.Kind, next.Number = Number, s.problem.Line
	case 'i':
		next.Kind, next.Number = Number, int(s.problem.ID)
	case 'e':
		next.Kind = Errno
	}
	return next
}

// subject is whom a sentence is about: the user, the group, or the groups of the user.
//
//go:noinline
func (s *Sentence) subject() (kind, name string) {
	o, p := s.options, s.problem
	inGroup := p.File == groupPath[:len(groupPath)-1]
	switch {
	case p.Reason == BadGroupID || inGroup && o.Group != "":
		return "group ", o.Group
	case p.Reason == ManyGroups || inGroup:
		return "the groups of user ", o.User
	}
	return "user ", o.User
}
