package runas

import (
	"fmt"

	"util/applets/runas/become"
	"util/internal/cli"
	"util/internal/proc"
)

// explain is the error for a problem.
func explain(o *Options, p become.Problem) error {
	status := proc.ExitFailed
	if p.Reason.IsUsage() {
		status = proc.ExitUsage
	}
	return &cli.Exit{Status: status, Err: fmt.Errorf("%s", text(o, p))}
}

// text says what a problem is.
func text(o *Options, p become.Problem) string {
	const range32 = "is not a number from 0 to 4294967294"
	who := fmt.Sprintf("user %q", o.User)
	if p.File == "/etc/group" {
		who = fmt.Sprintf("group %q", o.Group)
		if o.Group == "" {
			who = fmt.Sprintf("the groups of user %q", o.User)
		}
	}
	entry := fmt.Sprintf("%s: %s, line %d: ", who, p.File, p.Line)
	switch p.Reason {
	case become.NoUser:
		return fmt.Sprintf("user %q: is empty", o.Who)
	case become.NoGroup:
		return fmt.Sprintf("user %q: has a group, but no user", o.Who)
	case become.TwoGroups:
		return fmt.Sprintf("user %q: has more than one colon", o.Who)
	case become.BadUserID:
		return who + ": " + range32
	case become.BadGroupID:
		return fmt.Sprintf("group %q: %s", o.Group, range32)
	case become.NoMemory:
		return "mmap: " + p.Errno.Error()
	case become.Unreadable:
		return p.File + ": " + p.Errno.Error()
	case become.NotRegular:
		return p.File + ": is not a regular file"
	case become.TooLarge:
		return p.File + ": is larger than 16 MB"
	case become.UnknownUser, become.UnknownGroup:
		return who + ": not found in " + p.File + " (a number needs no entry)"
	case become.UserNoFile, become.GroupNoFile:
		return who + ": there is no " + p.File + " here (a number needs none)"
	case become.FewFields:
		return entry + "has too few fields"
	case become.EntryUserID:
		return entry + "the user ID " + range32
	case become.EntryGroupID:
		return entry + "the group ID " + range32
	case become.EntryHome:
		return entry + "the home directory has a NUL byte"
	case become.ManyGroups:
		return fmt.Sprintf("the groups of user %q: are more than 65536", o.User)
	}
	return fmt.Sprintf("user %q: %s", o.Who, refusal(p))
}

// refusal says why a user could not be become.
func refusal(p become.Problem) string {
	const notRun = "; the command was not run"
	denied := func(call, needs string) string {
		return fmt.Sprintf("%s: %v, although run-as has %s: a seccomp filter or a security "+
			"module forbids it", call, p.Errno, needs)
	}
	unmapped := func(kind string) string {
		return fmt.Sprintf("%s %d is not mapped in this user namespace (see /proc/self/%s_map)",
			kind, p.ID, kind)
	}
	switch p.Reason {
	case become.SetUserID:
		return "real and effective IDs differ: util must not be installed set-user-ID or " +
			"set-group-ID, which would make anyone root"
	case become.NeedsBoth:
		return "needs root, or CAP_SETUID and CAP_SETGID"
	case become.NeedsSetuid:
		return "needs CAP_SETUID (CAP_SETGID is there)"
	case become.NeedsSetgid:
		return "needs CAP_SETGID (CAP_SETUID is there)"
	case become.SetgroupsDenied:
		return `this user namespace forbids setgroups (/proc/self/setgroups is "deny"): ` +
			"use --keep-groups to keep the supplementary groups"
	case become.DeniedGroups:
		return denied("setgroups", "CAP_SETGID")
	case become.DeniedGID:
		return denied("setresgid", "CAP_SETGID")
	case become.DeniedUID:
		return denied("setresuid", "CAP_SETUID")
	case become.DeniedCaps:
		return "capabilities: " + p.Errno.Error()
	case become.DeniedPrivs:
		return "no_new_privs: " + p.Errno.Error()
	case become.UnmappedGroups:
		return "one of the supplementary groups is not mapped in this user namespace " +
			"(see /proc/self/gid_map)"
	case become.UnmappedGID:
		return unmapped("gid")
	case become.UnmappedUID:
		return unmapped("uid")
	case become.WrongUID:
		return "setresuid succeeded, but the user is another one" + notRun
	case become.WrongGID:
		return "setresgid succeeded, but the group is another one" + notRun
	case become.WrongGroups:
		return "setgroups succeeded, but the supplementary groups are others" + notRun
	case become.WrongCaps:
		return "capabilities are left" + notRun
	case become.WrongPrivs:
		return "no_new_privs was set, but is not in effect" + notRun
	case become.UserComesBack:
		return "setresuid gave the former user back" + notRun
	case become.GroupComesBack:
		return "setresgid gave the former group back" + notRun
	}
	return fmt.Sprintf("problem %d", p.Reason)
}
