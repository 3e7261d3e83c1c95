package main

import (
	"fmt"
	"slices"
	"strings"
)

// since has what test.Missing may find missing, and the first kernel that has it. A test that is
// skipped for any other reason, or on a newer kernel, is a hole in the table.
var since = map[string]first{
	"Linux 6.15": {
		version{6, 15}, version{6, 15}, "PIDFD_GET_INFO has the status of a reaped process",
	},
	"inodes of pidfds": {version{6, 9}, version{6, 14}, "pidfds have inode numbers"},
	"pid_max of a namespace": {
		version{6, 14}, version{6, 14}, "a PID namespace has a pid_max of its own",
	},
}

// first is the first kernel that has something, and the first of 32 bits.
type first struct {
	version, narrow version
	note            string
}

// lacks reports whether a kernel lacks what a test was skipped for, and returns a note about that.
func lacks(k kernel, reason string) (note string, ok bool) {
	rest, found := strings.CutPrefix(reason, "missing: ")
	what, _, _ := strings.Cut(rest, ": ")
	first, listed := since[what]
	version, words := first.version, ""
	if k.narrow() && first.narrow != version {
		version, words = first.narrow, ", where a word has 32 bits"
	}
	if !found || !listed || !k.version.before(version) {
		return "", false
	}
	return fmt.Sprintf("%s since Linux %d.%d%s", first.note, version[0], version[1], words), true
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

// statusTest is the test that the program outside makes.
const statusTest = "TestExitStatusOfPID1"

// rows are the rows of the table. allRows adds those for util-init.
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
		words("TestStopContinue TestStopSignalsTaken TestEndStopped"),
	},
	{"parent death", initTests, words("TestParentDeath TestParentDeathBefore")},
	{"the first instructions", initTests, words("TestFirstInstructions TestEarlySignals")},
	{
		"orphans, reaped by init", initTests,
		words("TestOrphans TestOrphansOnce TestInheritedZombies"),
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
	{"the pid of the command is reused", initTests, words("TestCommandPidReused")},
	{
		"the deadline of a stop", initTests,
		words("TestDeadlineForwardDenied TestDeadlineZombie " +
			"TestDeadlineWithoutProc TestDeadlineWithoutWaitid"),
	},
	{"--pause", initTests, words("TestPause")},
	{"terminals", initTests, words("TestTerminalOfSession TestTerminalHangup")},
	// Not "stop and continue": bash 5.2 gives the terminal to no job that bg has continued.
	{
		"an interactive shell", initTests,
		words("TestTerminalOfShell/early/foreground TestTerminalOfShell/early/background " +
			"TestTerminalOfShell/early/pipeline TestTerminalOfShell/early/script"),
	},
	{"ptrace", initTests, words("TestTracedCommand")},
	{"statuses, and what the command inherits", initTests, words("TestExitStatus " +
		"TestExitStatusBySignal TestExecFormat TestEnvironmentEdited TestInherited TestListenPid " +
		"TestSmallStack TestStandardFiles TestStandardFilesStayClosed TestStandardFilesClosed " +
		"TestFilesReleased")},
	{"messages", initTests, words("TestMessages TestLogTrouble " +
		"TestMessagesRaiseNothing TestForwardDenied TestSubreaperRefused TestWhyItEnded " +
		"TestTerminationLog TestFullPipe TestUsageWithoutTasks TestUsageWithoutCopy")},
	{"other inits", initTests, words("TestOtherInits " +
		"TestCompatVariables TestCompatTypedOnce TestDumbInitGroupAfterCommand")},
	{"executed again by the runtime", initTests, words("TestOrphans/re-executed " +
		"TestForward/re-executed TestTerminalOfSession/re-executed")},
	{"memory and page faults", initTests, words("TestWeight TestPageFaults")},
	{
		"sendsig: targets", signalTests,
		words("TestSignalForms TestGroup TestSelectors TestScriptAndAncestors TestExeLinks " +
			"TestPidfileForms TestPidfileOfOtherUser TestCmdlineBytes TestPIDNamespace TestPID1 TestAll"),
	},
	{
		"sendsig: trees", signalTests,
		words("TestTree TestTreeForksRegularly TestTwoSendsigsInTree TestTreeOfVforks"),
	},
	{
		"sendsig: waiting", signalTests,
		words("TestWait TestThen TestRestarted TestWaitForStopped TestIfHandled"),
	},
	{"sendsig: by number", signalTests, words("TestByNumber TestByNumberNotPermitted TestNoFreeTask")},
	{"sendsig: without /proc", signalTests, words("TestWithoutProc")},
	{
		"sendsig: without inodes of pidfds", signalTests,
		words("TestStatus TestSignal0 TestChangedName"),
	},
	{"sendsig: inodes of pidfds", signalTests, words("TestInode TestRepeatedTargets TestReusedPID")},
	{"sendsig: reused pids", signalTests, words("TestReusedPIDs")},
	{
		"reap-once", reapTests,
		words("TestReap TestTimeLimit TestInterrupted TestSignalsOfCommand TestAudit TestNudge " +
			"TestPID1DoesNotReap"),
	},
	{
		"wait-for-port", waitforTests,
		words("TestUpAtOnce TestIPv6 TestTimeout TestLaterUp TestStaleSocket TestAbstractSocket " +
			"TestCommand TestUnderInit TestChanges"),
	},
	{
		"wait-for-port: no connection to itself", waitforTests,
		words("TestNeverConnectsToItself TestSelfConnectionIsDetected"),
	},
	{
		"wait-for-port: the listener", waitforTests,
		words("TestLeavesNoTimeWait TestListenerReadsEndOfFile TestFullBacklog"),
	},
	{
		"wait-for-port: the network", waitforTests,
		words("TestNameLater TestResolverDown TestDownWithoutIPv6"),
	},
	{"wait-for-port: terminals", waitforTests, words("TestTerminal")},
}

func words(text string) []string { return strings.Fields(text) }

// again are the rows of tests of init that util-init has too. The others are about code that is the
// same in both, and make test runs all of them with util-init.
var again = []string{
	"every signal", "orphans, reaped by init", "orphans, reaped by the kernel", "--scope ordered",
	"--scope container", "--scope group", "terminals", "memory and page faults",
}

// allRows returns the rows for util, and then those for util-init.
func allRows() []row {
	all := slices.Clone(rows)
	for _, r := range rows {
		if r.program == machineTests || r.program == guestTests || slices.Contains(again, r.what) {
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
		var text strings.Builder
		text.WriteString(c.text)
		slices.Sort(c.reasons)
		for _, why := range slices.Compact(c.reasons) {
			i := slices.Index(t.notes, why)
			if i < 0 {
				i = len(t.notes)
				t.notes = append(t.notes, why)
			}
			fmt.Fprintf(&text, " (%d)", i+1)
		}
		line = append(line, text.String())
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
