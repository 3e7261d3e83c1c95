package become

import "util/internal/sys"

// Problem is why the command must not be executed. The zero value is no problem.
type Problem struct {
	Reason Reason
	File   string    // for problems with a file: its path
	Line   int       // for an entry of a file: its line
	ID     uint32    // the user or group ID that is not mapped, or not right
	Errno  sys.Errno // what the kernel said
}

// Reason is the kind of a problem.
type Reason uint8

// The reasons. Those up to BadGroupID are mistakes in the command line.
const (
	None       Reason = iota
	NoUser            // USER is empty
	NoGroup           // GROUP without USER
	TwoGroups         // a second colon
	BadUserID         // USER is a number out of range
	BadGroupID        // GROUP is a number out of range

	NoMemory // mmap(2)

	// Reading File.
	Unreadable // Errno says why
	NotRegular // not a regular file
	TooLarge   // more than maxFile bytes

	// Names.
	UnknownUser  // not in File
	UnknownGroup // not in File
	UserNoFile   // there is no File
	GroupNoFile  // there is no File
	FewFields    // the entry has no field for an ID
	EntryUserID  // the user ID of the entry is not one
	EntryGroupID // the group ID of the entry is not one
	EntryHome    // the home directory has a NUL byte
	ManyGroups   // the user is in more than maxGroups groups

	// Permission.
	SetUserID       // the program is installed set-user-ID, set-group-ID or with capabilities
	NeedsBoth       // neither CAP_SETUID nor CAP_SETGID
	RootNeedsBoth   // the same, and it is root
	NeedsSetuid     // only CAP_SETGID
	NeedsSetgid     // only CAP_SETUID
	OtherGID        // no CAP_SETGID, and the user is right, but not the group, which is ID
	OtherGroups     // no CAP_SETGID, and only the supplementary groups are not right
	SetgroupsDenied // by this user namespace
	DeniedGroups    // setgroups failed with Errno, and the capability is there
	DeniedGID       // the same, setresgid
	DeniedUID       // the same, setresuid
	DeniedCaps      // the same, capset
	DeniedPrivs     // the same, no_new_privs
	UnmappedGroups  // one of the groups has no mapping in this user namespace
	UnmappedGID     // nor has ID
	UnmappedUID     // nor has ID

	// Verification.
	WrongUID
	WrongGID
	WrongGroups
	WrongCaps
	WrongPrivs
	UserComesBack
	GroupComesBack
)

// IsUsage reports whether the command line is wrong.
func (r Reason) IsUsage() bool { return r > None && r <= BadGroupID }
