package timing_test

import (
	"slices"
	"strconv"
	"strings"
	"time"

	"util/internal/test"
	"util/internal/test/torture/scenario"

	"golang.org/x/sys/unix"
)

// Each event is a list of things that happen while init is held, one after another, separated by
// commas. Each has happened in the kernel before the next one begins:
//
//	HUP, TERM, TSTP, CONT  init gets this signal
//	CHLD                   init gets one that no child has caused
//	RT                     init gets signals 40, 40 and 41
//	end                    the command is killed
//	stop                   the command is stopped
//	orphan, orphans        a child of init is killed, or all are
//	deadline               the time of a grace period passes
//	^C, resize, hang up    happen at the terminal
//	deaf                   the reader of init's stderr ends
var signals = map[string][]unix.Signal{
	"HUP": {unix.SIGHUP}, "TERM": {unix.SIGTERM}, "TSTP": {unix.SIGTSTP}, "CONT": {unix.SIGCONT},
	"CHLD": {unix.SIGCHLD}, "RT": {40, 40, 41},
}

// happen lets the event happen. init is held meanwhile.
func (r *run) happen(l *scenario.Life) {
	for part := range strings.SplitSeq(r.event, ", ") {
		switch part {
		case "end":
			r.endsCommand = isLive(r.command) && kill(r.command, unix.SIGKILL, "ZX?") || r.endsCommand
		case "stop":
			if r.command != 0 {
				kill(r.command, unix.SIGSTOP, "TZX?")
			}
		case "orphan", "orphans":
			for _, child := range test.Children(l.PID()) {
				if child == r.command || !isLive(child) {
					continue
				}
				kill(child, unix.SIGKILL, "ZX?")
				if part == "orphan" {
					break
				}
			}
		case "deadline":
			time.Sleep(l.Grace + 2*time.Millisecond)
		case "^C":
			l.TypeEchoed("\x03")
			r.must(unix.SIGINT)
		case "resize":
			l.Resize(uint16(20+r.at%20), 80)
			r.must(unix.SIGWINCH)
		case "hang up":
			l.HangUp()
			if r.Place == scenario.Job { // only the leader of the session is told
				r.may(unix.SIGHUP)
			} else {
				r.must(unix.SIGHUP)
			}
		case "deaf":
			l.CloseStderr()
		default:
			for _, signal := range signals[part] {
				merges := signal < 32 && isPending(l.PID(), signal)
				if signal == unix.SIGTSTP && r.Terminal && r.command == 0 {
					merges = true // the kernel's CONT, when init gives up the terminal, discards it
				}
				l.Signal(signal)
				if merges || signal == unix.SIGCHLD {
					r.may(signal)
				} else {
					r.must(signal)
				}
			}
		}
	}
	if !r.owned { // between two sessions nobody gets what the terminal sends
		r.lenient = r.lenient || slices.ContainsFunc([]string{"^C", "resize", "hang up"},
			func(part string) bool { return strings.Contains(r.event, part) })
	}
	if r.endsCommand || r.stops() {
		r.lenient = true
	}
}

// isLive reports whether a process runs, or is stopped.
func isLive(pid int) bool { return pid != 0 && test.IsLive(pid) }

// isPending reports whether a signal is pending in a process. Another one merges with it.
func isPending(pid int, signal unix.Signal) bool {
	set, _ := strconv.ParseUint(test.ProcStatus(pid, "ShdPnd"), 16, 64)
	return set&(1<<(signal-1)) != 0
}

// must and may record which signals the command is to print because of the event.
func (r *run) must(signal unix.Signal) { r.musts = append(r.musts, strconv.Itoa(int(signal))) }
func (r *run) may(signal unix.Signal)  { r.mays = append(r.mays, strconv.Itoa(int(signal))) }

// kill kills, or stops, a process, and waits until it is in one of the states. It reports whether
// it is.
func kill(pid int, signal unix.Signal, states string) bool {
	if unix.Kill(pid, signal) != nil {
		return false
	}
	for end := time.Now().Add(patience); time.Now().Before(end); time.Sleep(50 * time.Microsecond) {
		if strings.IndexByte(states, test.ProcState(pid)) >= 0 {
			return true
		}
	}
	return false
}
