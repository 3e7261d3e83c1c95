package chaos

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"util/internal/test"
	"util/internal/test/torture"
)

// mutation is a fault in init that the runs must find. The old text must be in the file once.
type mutation struct {
	file     string // in applets/init
	old, new string
	breaks   string // what is wrong then
}

var mutations = []mutation{
	{
		"supervise/stop.go", "		if p.Group != s.PID {\n			w.Signal", "		if false {\n			w.Signal",
		"with scope container, the stop signal reaches the group only",
	},
	{
		"supervise/stop.go", "if s.stopSentTo != none && s.startedSince(&p, window) {",
		"if s.stopSentTo != none && s.startedSince(&p, window) && false {",
		"what was started after the stop signal gets TERM",
	},
	{
		"supervise/stop.go",
		"if s.stopSentTo < theGroup || s.stopSentTo == theGroup && p.Group != s.PID {", "if true {",
		"what has had the stop signal gets TERM too",
	},
	{
		"supervise/stop.go",
		"		if p.Stopped() {\n			w.Signal(&p, sig.CONT)\n		}\n	}\n	w.Close()\n	return seen",
		"		if false {\n			w.Signal(&p, sig.CONT)\n		}\n	}\n	w.Close()\n	return seen",
		"what is stopped gets no CONT",
	},
	{
		"supervise/stop.go", "	default:\n		s.killDescendants()", "	default:\n		s.signalGroup(sig.KILL)",
		"a subreaper sends KILL to the group only",
	},
	{
		"supervise/stop.go", "if s.stopSentTo < theGroup {\n		s.signalGroup(",
		"if s.stopSentTo < theGroup && false {\n		s.signalGroup(",
		"what is left of the group gets no TERM",
	},
	{
		"supervise/stop.go", "		if proc.Childless(true) {", "		if false {",
		"init does not see that all processes have ended",
	},
	{
		"supervise/act.go", "s.deadline = now() + s.Grace", "s.deadline = now() + s.Grace/2",
		"KILL comes too early",
	},
	{
		"supervise/act.go", "case !s.Single:", "case true:",
		"--single-child does nothing",
	},
	{
		"supervise/act.go", "s.stopSentTo = theCommand", "s.stopSentTo = theGroup",
		"with --single-child, the rest of the group is taken to have had the stop signal",
	},
	{
		"supervise/act.go", "s.stopSentTo = theScope", "s.stopSentTo = theGroup",
		"with scope container, processes get TERM after the stop signal",
	},
	{
		"supervise/act.go", "s.due = now() + s.Delay", "s.due = now() + s.Delay/2",
		"the stop delay is too short",
	},
	{
		"supervise/supervise.go", "		return m.to[status]", "		return status",
		"--exit-code does nothing",
	},
	{
		"supervise/step.go", "	case Drop:\n		a.Do = Ignore", "	case Drop:",
		"a signal that is rewritten to none is forwarded",
	},
	{
		"supervise/step.go", "		a.Signal = sig.Signal(rewriting)", "		a.Signal = signal",
		"--rewrite does nothing",
	},
	{
		"supervise/step.go", " || s.StopSignals.Has(signal)\n", "\n",
		"--stop-signal does nothing",
	},
	{
		"supervise/step.go", "a.Do |= Wake //", "a.Do |= 0 //",
		"a command that is stopped does not act on TERM",
	},
	{
		"supervise/step.go", "return Action{Do: Sweep | End}", "return Action{Do: End}",
		"without a grace period, the rest of the group gets no TERM",
	},
	{
		"supervise/step.go", "return Action{Do: Sweep | StartGrace}", "return Action{Do: StartGrace}",
		"with a grace period, what the command left gets no TERM",
	},
	{
		"supervise/step.go", "first := s.stops == 1 &&", "first := s.stops == 0 &&",
		"--stop-delay does nothing",
	},
	{
		"supervise/step.go", "} else if s.delayed.Do != 0 {", "} else if s.delayed.Do != 0 && false {",
		"a second stop signal does not end the stop delay",
	},
	{
		"supervise/step.go", "		a.Signal = sig.STOP\n		if", "		a.Signal = ev.Signal\n		if",
		"TSTP does not stop the command",
	},
	{
		"supervise/loop.go", "return info.Code <= 0", "return false",
		"a SIGCHLD that a process sent is not forwarded",
	},
	{
		"supervise/loop.go", "return info.Code <= 0", "return true",
		"the kernel's SIGCHLD is forwarded",
	},
	{
		"supervise/loop.go", "child = proc.NextChild() // where", "child = proc.Child{} // where",
		"one SIGCHLD reaps one child",
	},
	{
		"supervise/loop.go",
		"			proc.Detach(child.Pid)\n		case child.Pid == s.PID && !s.Ended:",
		"			return\n		case child.Pid == s.PID && !s.Ended:",
		"a child that makes init its tracer is not continued",
	},
	{
		"supervise/wait.go", "s.commandEnded(proc.FromWait(status), false)",
		"s.commandEnded(proc.FromWait(status&0), false)",
		"the status is lost if the kernel reaps",
	},
	{
		"supervise/wait.go", "	n, e := sys.Sigtimedwait(set, info, timeout)\n",
		"	n, e := sys.Sigtimedwait(set, info, timeout)\n" +
			"	if n >= 40 {\n		_, _ = sys.Sigtimedwait(1<<(n-1), info, new(sys.Timespec))\n	}\n",
		"of two real-time signals of one kind, one is lost",
	},
	{
		"supervise/start.go", "Mask:   s.Mask,", "Mask:   0,",
		"the command does not get the signal mask",
	},
	{
		"supervise/start.go", "sys.CloseRange(first, last)", "sys.CloseRange(first|1<<20, last)",
		"init keeps the files that it inherited",
	},
	{
		"supervise/stop.go", "s.limit = now() + killTimeout", "s.limit = now() + 20*killTimeout",
		"init does not end while a process survives KILL",
	},
	{
		"supervise/loop.go", "	s.Orphans++\n	s.note(Note{Kind: Reaped, Child: child})", "	s.Orphans++",
		"an orphan that is reaped is not reported",
	},
	{
		"descendants/walk.go", "		if child.Parent <= 0 {\n			return false, true",
		"		if child.Parent <= 0 {\n			return true, true",
		"bystanders count as descendants",
	},
	{
		"descendants/walk.go", "		if child.Parent == w.self {\n			return true, true",
		"		if child.Parent == w.self {\n			return child.PID == p.PID, true",
		"only children count as descendants",
	},
	{
		"descendants/status.go", "			return blocked\n", "			return false\n",
		"TSTP stops a command that blocks it",
	},
}

// TestMutations proves that the runs can fail: each mutation of init must make one fail within a
// minute, or within as many runs as a machine that does nothing else makes in that time. In make
// test, it tries some of them, in an order that depends on the seed.
func TestMutations(t *testing.T) {
	if os.Getenv(runVar) != "" {
		t.Skip("one run is repeated")
	}
	root, err := exec.Command("go", "list", "-m", "-f", "{{.Dir}}").Output()
	test.Must(t, err)
	p := toolchain(t)
	seed := torture.Seed(t)
	list := slices.Clone(mutations)
	swap := func(i, j int) { list[i], list[j] = list[j], list[i] }
	torture.Random(seed, len(list)).Shuffle(len(list), swap)
	var found []string
	tried := 0
	begin := time.Now()
	for _, m := range list {
		if !torture.Long() && time.Since(begin) > 5*time.Second {
			break
		}
		t.Run(m.breaks, func(t *testing.T) {
			tried++
			mutant := p
			mutant.util = m.build(t, strings.TrimSpace(string(root)))
			start := time.Now()
			const inMinute = 1000
			runs, _, f := campaign(mutant, hasty, seed, func(runs int) bool {
				return runs < inMinute || time.Since(start) < time.Minute
			})
			if f == nil {
				t.Errorf("%s: %q for %q: not found in %d runs", m.file, m.new, m.old, runs)
				return
			}
			t.Logf("found by run %d, after %v: %v\n%v", f.number, time.Since(start), f.err, &f.config)
			found = append(found, fmt.Sprint(f.number))
		})
	}
	torture.Result(t, "seed %d: %d of %d mutations found, of %d in the list; by run %s", seed,
		len(found), tried, len(mutations), strings.Join(found, ", "))
}

// build builds util with the mutation, and returns its path.
func (m *mutation) build(t *testing.T, root string) string {
	t.Helper()
	file := filepath.Join(root, "applets/init", m.file)
	text, err := os.ReadFile(file)
	test.Must(t, err)
	if n := strings.Count(string(text), m.old); n != 1 {
		t.Fatalf("%s has %q %d times, not once", m.file, m.old, n)
	}
	dir := t.TempDir()
	mutated := filepath.Join(dir, "mutated.go")
	text = []byte(strings.Replace(string(text), m.old, m.new, 1))
	test.Must(t, os.WriteFile(mutated, text, 0o644))
	overlay, err := json.Marshal(map[string]any{"Replace": map[string]string{file: mutated}})
	test.Must(t, err)
	list, path := filepath.Join(dir, "overlay.json"), filepath.Join(dir, "util")
	test.Must(t, os.WriteFile(list, overlay, 0o644))
	cmd := exec.Command("go", "build", "-trimpath", "-overlay", list, "-ldflags", "-s -w "+test.Early,
		"-o", path, "util")
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%q: %v\n%s", cmd.Args, err, out)
	}
	return path
}
