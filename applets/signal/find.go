package sendsig

import (
	"errors"
	"path/filepath"
	"slices"
	"strings"

	"util/internal/procfs"

	"golang.org/x/sys/unix"
)

// finder finds the processes that the options mean.
type finder struct {
	*Options
	fs        *procfs.FS // nil: there is none, and then only numbers of processes and groups are asked for
	self      int
	ownName   string // sendsig's command name
	ancestors []procfs.Stat
	family    map[int]uint64 // --tree: the number and start of all that were ever seen to belong to the tree
	namespace procfs.File    // --ns
	program   procfs.File    // --exe, where there is one at that path
	silent    map[id]bool    // processes about which the kernel does not answer
	unread    error          // why something about a process could not be read
}

func newFinder(o *Options, fs *procfs.FS) *finder {
	f := &finder{Options: o, fs: fs, self: unix.Getpid(), family: map[int]uint64{}, silent: map[id]bool{}}
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

// searches reports whether all processes have to be looked at, rather than those named by number.
func (f *finder) searches() bool {
	return len(f.PIDs) == 0 || len(f.Groups) > 0 || len(f.Sessions) > 0 || f.All
}

// scan looks at all processes and returns those that are meant.
func (f *finder) scan() (found []procfs.Stat, err error) {
	all, err := f.fs.All()
	if err != nil {
		return nil, err
	}
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

// learnFamily finds out who belongs to the tree. All processes have to be known before one can be judged.
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

// descends reports whether a process belongs to the tree, and notes it in family if so. It does if its parent does.
// One whose parent has ended has become a child of PID 1 or of a subreaper; it is still known if it was seen before,
// or if the leader of its session belongs to the tree: only descendants can be in a session.
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
		yes = leader == nil && known && start <= st.Start || leader != nil && f.descends(leader, all, seen)
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

// match reports whether a process is one of the targets and matches all selectors. What is cheap to know comes first.
func (f *finder) match(st *procfs.Stat) bool {
	return f.targeted(st) && !f.spared(st) &&
		(f.Pidfile == "" || st.PID == f.inPidfile.PID) &&
		(f.Parent == 0 || st.Parent == f.Parent) &&
		(f.Tree == 0 || f.inFamily(st)) &&
		!f.silent[id{st.PID, st.Start}] &&
		(f.Name == "" || f.named(st)) &&
		(f.User == nil || f.hasUser(st)) &&
		(f.NS == 0 || f.inNamespace(st)) &&
		(f.Exe == "" || f.executes(st)) &&
		(f.Cmdline == nil || f.hasCmdline(st))
}

func (f *finder) targeted(st *procfs.Stat) bool {
	return f.All || len(f.PIDs)+len(f.Groups)+len(f.Sessions) == 0 ||
		f.byNumber(st.PID) || slices.Contains(f.Groups, st.Group) || slices.Contains(f.Sessions, st.Session)
}

func (f *finder) byNumber(pid int) bool {
	return slices.ContainsFunc(f.PIDs, func(t Target) bool { return t.PID == pid })
}

// spared reports whether a process is not to be touched whatever it matches: sendsig itself; its ancestors, or the
// shell that runs `sendsig --cmdline x` would match as well; kernel threads, which take no signals. --all alone is what
// kill -1 does: everything but sendsig and PID 1.
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

// named compares the command name. The kernel keeps 15 bytes of it; longer ones are compared with the base name of
// argv[0], or of the script that an interpreter was given.
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
	return f.Name == st.Name // the process has changed its name: nothing longer is known
}

func (f *finder) hasUser(st *procfs.Stat) bool {
	status, err := f.fs.Status(st.PID)
	f.note(st, err)
	return err == nil && status.UID == *f.User
}

// executes reports whether a process executes the program: the file that the path leads to, through whatever links, in the file
// system of sendsig or of the process; or one that was there when it was executed, and has been replaced or deleted since.
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

// note keeps why something could not be read, to be said if nothing matches.
func (f *finder) note(st *procfs.Stat, err error) {
	switch {
	case err == nil, errors.Is(err, procfs.ErrGone):
	case errors.Is(err, procfs.ErrSilent):
		f.silent[id{st.PID, st.Start}] = true
		fallthrough
	default:
		f.unread = err
	}
}

// namesake returns a process that is not called Name, but was executed under that name or executes a program of that name: the
// main thread of a program can give itself any other. It is nil if there is none.
func (f *finder) namesake() (st *procfs.Stat, as string) {
	all, err := f.fs.All()
	if err != nil {
		return nil, ""
	}
	anyName, others := *f.Options, *f
	anyName.Name = ""
	others.Options = &anyName
	for i := range all {
		st := &all[i]
		if !others.match(st) {
			continue
		}
		if args, _ := f.fs.Cmdline(st.PID); len(args) > 0 && filepath.Base(args[0]) == f.Name {
			return st, args[0]
		}
		if exe, _ := f.fs.Exe(st.PID); filepath.Base(exe) == f.Name {
			return st, exe
		}
	}
	return nil, ""
}
