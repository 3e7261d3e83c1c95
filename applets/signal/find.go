package sendsig

import (
	"errors"
	"path/filepath"
	"slices"
	"strings"

	"util/internal/procfs"

	"golang.org/x/sys/unix"
)

// finder finds the processes that the options select.
type finder struct {
	*Options
	fs         *procfs.FS // nil without /proc: then only PIDs and process groups can be given
	self       int
	ownName    string // sendsig's command name
	ancestors  []procfs.Stat
	family     map[int]uint64 // --tree: PID and start time of all processes found in it so far
	namespace  procfs.File    // --ns
	last       []procfs.Stat  // what scan read
	program    procfs.File    // the file of --exe, if there is one at that path
	unanswered map[id]bool    // processes about which the kernel did not answer in time
	unread     error          // why something about a process could not be read
}

func newFinder(o *Options, fs *procfs.FS) *finder {
	f := &finder{
		Options:    o,
		fs:         fs,
		self:       unix.Getpid(),
		family:     map[int]uint64{},
		unanswered: map[id]bool{},
	}
	if o.Exe != "" {
		f.program = fs.FileAt(o.Exe)
	}
	if fs != nil {
		own, _ := fs.Stat(f.self)
		f.ownName = own.Name
	}
	for pid := unix.Getppid(); pid != 0; {
		st := procfs.Stat{PID: pid}
		if fs != nil {
			st, _ = fs.Stat(pid)
		} else {
			st.Group, _ = unix.Getpgid(pid)
		}
		f.ancestors = append(f.ancestors, st)
		pid = st.Parent
	}
	return f
}

// searches reports whether all processes must be examined, not only those named by PID.
func (f *finder) searches() bool {
	return len(f.PIDs) == 0 || len(f.Groups) > 0 || len(f.Sessions) > 0 || f.All
}

// scan examines all processes and returns those that are selected.
func (f *finder) scan() (found []procfs.Stat, err error) {
	all, err := f.fs.All()
	if err != nil {
		return nil, err
	}
	f.last = all
	if f.Tree != 0 {
		f.learnFamily(all)
	}
	for i := range all {
		if f.match(&all[i]) {
			found = append(found, all[i])
		}
	}
	return found, nil
}

// learnFamily finds the processes that belong to the tree. It needs the list of all processes,
// because whether a process belongs depends on its parent and session.
func (f *finder) learnFamily(stats []procfs.Stat) {
	all := make(map[int]*procfs.Stat, len(stats))
	for i := range stats {
		all[stats[i].PID] = &stats[i]
	}
	if root := all[f.Tree]; root != nil && len(f.family) == 0 {
		f.family[root.PID] = root.Start
	}
	seen := make(map[int]bool, len(all))
	for _, st := range all {
		f.descends(st, all, seen)
	}
}

// descends reports whether a process belongs to the tree, and records it in family if so. A process
// belongs if its parent does. When its parent ends, a process becomes a child of PID 1 or of a
// subreaper. It then still belongs if it was found before, or if its session leader belongs: only
// descendants of the leader can be in its session.
func (f *finder) descends(st *procfs.Stat, all map[int]*procfs.Stat, seen map[int]bool) bool {
	if f.inFamily(st) {
		return true
	}
	if seen[st.PID] {
		return false
	}
	seen[st.PID] = true
	parent := all[st.Parent]
	yes := parent != nil && parent.Start <= st.Start && f.descends(parent, all, seen)
	if !yes && st.Session != st.PID {
		leader := all[st.Session]
		start, known := f.family[st.Session]
		if leader != nil {
			yes = f.descends(leader, all, seen)
		} else {
			yes = known && start <= st.Start
		}
	}
	if yes {
		f.family[st.PID] = st.Start
	}
	return yes
}

func (f *finder) inFamily(st *procfs.Stat) bool {
	start, known := f.family[st.PID]
	return known && start == st.Start
}

// match reports whether a process is one of the targets and matches all selectors. The cheap tests
// come first.
func (f *finder) match(st *procfs.Stat) bool {
	return f.targeted(st) && !f.spared(st) &&
		(f.Pidfile == "" || st.PID == f.inPidfile.PID) &&
		(f.Parent == 0 || st.Parent == f.Parent) &&
		(f.Tree == 0 || f.inFamily(st)) &&
		!f.unanswered[id{st.PID, st.Start}] &&
		(f.Name == "" || f.named(st)) &&
		(f.User == nil || f.hasUser(st)) &&
		(f.NS == 0 || f.inNamespace(st)) &&
		(f.Exe == "" || f.executes(st)) &&
		(f.Cmdline == nil || f.hasCmdline(st))
}

func (f *finder) targeted(st *procfs.Stat) bool {
	return f.All || len(f.PIDs)+len(f.Groups)+len(f.Sessions) == 0 ||
		f.byNumber(st.PID) ||
		slices.Contains(f.Groups, st.Group) ||
		slices.Contains(f.Sessions, st.Session)
}

func (f *finder) byNumber(pid int) bool {
	return slices.ContainsFunc(f.PIDs, func(t Target) bool { return t.PID == pid })
}

// spared reports whether a process must not be signalled even if it matches. These are sendsig
// itself, kernel threads, which receive no signals, and the ancestors of sendsig, because the shell
// that runs `sendsig --cmdline x` would match too. --all alone is like kill -1, which spares only
// sendsig and PID 1.
func (f *finder) spared(st *procfs.Stat) bool {
	switch {
	case st.PID == f.self:
		return true
	case f.byNumber(st.PID):
		return false
	case f.All && st.PID == 1, st.Kernel:
		return true
	case f.All && len(f.selectors()) == 0:
		return false
	}
	return slices.ContainsFunc(f.ancestors, func(a procfs.Stat) bool { return a.PID == st.PID })
}

// named compares the command name. The kernel keeps only 15 bytes of it. A longer name is compared
// with the base name of argv[0], or of the script that an interpreter executes.
func (f *finder) named(st *procfs.Stat) bool {
	const kept = 15 // TASK_COMM_LEN-1, proc_pid_comm(5)
	if len(f.Name) < kept || len(st.Name) < kept {
		return st.Name == f.Name
	}
	if st.Name != f.Name[:kept] {
		return false
	}
	args, err := f.fs.Cmdline(st.PID)
	f.note(st, err)
	for _, arg := range args[:min(len(args), 3)] { // interpreter, its option, script: execve(2)
		if base := filepath.Base(arg); strings.HasPrefix(base, st.Name) {
			return base == f.Name
		}
	}
	return f.Name == st.Name // the process has changed its name
}

func (f *finder) hasUser(st *procfs.Stat) bool {
	status, err := f.fs.Status(st.PID)
	f.note(st, err)
	return err == nil && status.UID == *f.User
}

// executes reports whether a process executes the program of --exe. That is the file at this path,
// after all links are followed, in the mount namespace of sendsig or in that of the process. It is
// also a file that was at this path when the process executed it and has been replaced or deleted.
func (f *finder) executes(st *procfs.Stat) bool {
	path, err := f.fs.Exe(st.PID)
	if err == nil && path == f.Exe {
		return true
	}
	file, err2 := f.fs.ExeFile(st.PID)
	if err == nil {
		err = err2
	}
	f.note(st, err)
	return err == nil && (file == f.program || file == f.fs.FileOf(st.PID, f.Exe))
}

func (f *finder) inNamespace(st *procfs.Stat) bool {
	ns, err := f.fs.PIDNamespace(st.PID)
	f.note(st, err)
	return err == nil && ns == f.namespace
}

func (f *finder) hasCmdline(st *procfs.Stat) bool {
	args, err := f.fs.Cmdline(st.PID)
	f.note(st, err)
	return len(args) > 0 && f.Cmdline.matches(strings.Join(args, " "))
}

// note records why something could not be read, for the message that nothing matches.
func (f *finder) note(st *procfs.Stat, err error) {
	switch {
	case err == nil, errors.Is(err, procfs.ErrGone):
	case errors.Is(err, procfs.ErrTimeout):
		f.unanswered[id{st.PID, st.Start}] = true
		fallthrough
	default:
		f.unread = err
	}
}

// namesake returns a process whose command name is not Name, but which was executed under that name
// or executes a program of that name. A program can change its command name. The result is nil if
// there is no such process among the first hundred: to read these files takes ten times as long
// as the search did.
func (f *finder) namesake() (st *procfs.Stat, as string) {
	const most = 100
	all := f.last
	if all == nil { // the targets were given by number, so nothing was searched
		var err error
		if all, err = f.fs.All(); err != nil {
			return nil, ""
		}
	}
	anyName, others := *f.Options, *f
	anyName.Name = ""
	others.Options = &anyName
	for i, examined := 0, 0; i < len(all) && examined < most; i++ {
		st := &all[i]
		if !others.match(st) {
			continue
		}
		examined++
		if args, _ := f.fs.Cmdline(st.PID); len(args) > 0 && filepath.Base(args[0]) == f.Name {
			return st, args[0]
		}
		if exe, _ := f.fs.Exe(st.PID); filepath.Base(exe) == f.Name {
			return st, exe
		}
	}
	return nil, ""
}
