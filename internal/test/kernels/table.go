package main

import (
	"fmt"
	"slices"
	"strings"
)

// since has what test.Missing may find missing, and the first kernel that has it. A test that is
// skipped for any other reason, or on a newer kernel, is a hole in the table.
var since = map[string]version{
	"Linux 6.15":             {6, 15}, // PIDFD_GET_INFO with the exit status
	"inodes of pidfds":       {6, 9},
	"pid_max of a namespace": {6, 14},
}

// lacks reports whether a kernel lacks what a test was skipped for.
func lacks(k kernel, reason string) bool {
	rest, found := strings.CutPrefix(reason, "missing: ")
	what, _, _ := strings.Cut(rest, ": ")
	first, listed := since[what]
	return found && listed && k.version.before(first)
}

// The programs. The name of one that runs with util-init ends with alone.
const (
	initTests    = "init"
	machineTests = "machine"
	guestTests   = "guest" // what protocol.Guest and the kernel report themselves
	signalTests  = "signal"
	waitforTests = "waitfor"
	reapTests    = "reap"
	alone        = "-alone"
)

// row is a row of the table.
type row struct {
	what    string
	program string
	tests   []string
}

// absent returns why a row has no result on a kernel, or "".
func (r row) absent(k kernel) string {
	if strings.HasSuffix(r.program, alone) && !k.machine.utilInit {
		return "util-init does not exist for " + k.arch
	}
	return ""
}

// statusTest is the test that the program outside makes.
const statusTest = "TestExitStatusOfPID1"

// rows are the rows of the table. Those that util-init has too follow again, by allRows.
var rows = []row{
	{"PID 1 of the machine", machineTests, words("TestPID1 TestOrphans")},
	{
		"PID 1 of the machine: every signal, the exit status", guestTests,
		words("TestEverySignal " + statusTest),
	},
	{"memory cgroup: child, cgroup namespace, root", machineTests, words("TestMemory")},
	{
		"every signal", initTests,
		words("TestForward TestManySignals TestRewrite TestSingleChild"),
	},
	{
		"stopped commands", initTests,
		words("TestStopContinue TestStopSignalsTaken TestEndStopped TestStoppedBeforeAsked"),
	},
	{"parent death", initTests, words("TestParentDeath TestParentDeathBefore")},
	{"the first instructions", initTests, words("TestFirstInstructions TestEarlySignals")},
	{
		"orphans, reaped by init", initTests,
		words("TestOrphans TestOrphansOnce TestInheritedZombie TestInheritedZombies TestQuietEnd"),
	},
	{
		"orphans, reaped by the kernel", initTests,
		words("TestQuietOrphans TestQuietGrace TestFileLimitLowered"),
	},
	{
		"--grace", initTests,
		words("TestGraceLetsFinish TestGraceReachesAll TestGraceContinues TestGraceEnds " +
			"TestGraceEndsMany TestStoppedAfterKill TestSecondStopSignal TestStopSignal TestStopDelay"),
	},
	{"--scope ordered", initTests, words("TestScopeOrdered TestStopSignalOnce TestForkedAfterStop")},
	{"--scope container", initTests, words("TestScopeContainer")},
	{"--scope group", initTests, words("TestScopeGroup TestGroupAfterCommand TestEmptyGroup")},
	{"which processes a stop finds", initTests, words("TestDescendants TestCommandPidReused")},
	{
		"the deadline of a stop", initTests,
		words("TestDeadlineForwardDenied TestDeadlineZombie " +
			"TestDeadlineWithoutProc TestDeadlineWithoutWaitid"),
	},
	{"--pause", initTests, words("TestPause")},
	{"terminals", initTests, words("TestTerminalOfSession TestTerminalHangup")},
	{"an interactive shell", initTests, words("TestTerminalOfShell")},
	{"ptrace", initTests, words("TestTracedCommand")},
	{"without system calls", initTests, words("TestWithoutSystemCalls")},
	{"statuses, and what the command inherits", initTests, words("TestExitStatus " +
		"TestExitStatusBySignal TestExecFormat TestEnvironmentEdited TestInherited TestListenPid " +
		"TestSmallStack TestStandardFiles TestStandardFilesStayClosed TestStandardFilesClosed " +
		"TestFilesReleased")},
	{"options and messages", initTests, words("TestScripts TestMessages TestLogTrouble " +
		"TestMessagesRaiseNothing TestForwardDenied TestSubreaperRefused TestWhyItEnded " +
		"TestTerminationLog TestFullPipe TestUsageWithoutTasks TestUsageWithoutCopy")},
	{"other inits", initTests, words("TestOtherInits TestInitNames " +
		"TestCompatVariables TestCompatTypedOnce TestDumbInitGroupAfterCommand")},
	{"executed again by the runtime", initTests, words("TestOrphans/re-executed " +
		"TestScripts/re-executed TestForward/re-executed")},
	{"memory and page faults", initTests, words("TestWeight TestPageFaults")},
	{"sendsig: forms, groups, trees", signalTests, words("TestSignalForms TestGroup TestTree " +
		"TestScriptAndAncestors TestStatus TestScripts TestWait TestThen TestRestarted " +
		"TestIfHandled TestPID1 TestAll TestQueue TestByNumber TestNoFreeTask")},
}

func words(text string) []string { return strings.Fields(text) }

// allRows returns the rows for util, and then those for util-init.
func allRows() []row {
	all := slices.Clone(rows)
	for _, r := range rows {
		if r.program == initTests || r.program == machineTests || r.program == guestTests {
			all = append(all, row{"util-init: " + r.what, r.program + alone, r.tests})
		}
	}
	return all
}

// table is the printed form.
type table struct {
	kernels []string   // the heads of the columns
	lines   [][]string // of each row its name, and its cells
	notes   []string   // the footnotes, numbered from 1
}

// line adds a row.
func (t *table) line(name string, cells []cell) {
	line := []string{name}
	for _, c := range cells {
		text := c.text
		slices.Sort(c.reasons)
		for _, why := range slices.Compact(c.reasons) {
			i := slices.Index(t.notes, why)
			if i < 0 {
				i = len(t.notes)
				t.notes = append(t.notes, why)
			}
			text += fmt.Sprintf(" (%d)", i+1)
		}
		line = append(line, text)
	}
	t.lines = append(t.lines, line)
}

// String returns the table as Markdown.
func (t *table) String() string {
	lines := slices.Concat([][]string{append([]string{"test"}, t.kernels...)}, t.lines)
	widths := make([]int, len(lines[0]))
	for _, line := range lines {
		for i, text := range line {
			widths[i] = max(widths[i], len(text))
		}
	}
	var b strings.Builder
	for i, line := range lines {
		for j, text := range line {
			fmt.Fprintf(&b, "| %-*s ", widths[j], text)
		}
		b.WriteString("|\n")
		if i == 0 {
			for _, n := range widths {
				b.WriteString("| " + strings.Repeat("-", n) + " ")
			}
			b.WriteString("|\n")
		}
	}
	for i, why := range t.notes {
		fmt.Fprintf(&b, "\n%d. %s", i+1, why)
	}
	if len(t.notes) > 0 {
		b.WriteString("\n")
	}
	return b.String()
}
