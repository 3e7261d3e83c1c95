//go:build !util_init

package entry

import (
	"util/applets/init/report"
	"util/applets/runas/become"
	"util/internal/proc"
	"util/internal/sys"

	"golang.org/x/sys/unix"
)

// endRunAs prints why a run-as did not execute its command, and ends the process. This is for where
// the runtime cannot boot; otherwise package runas prints more.
func endRunAs() {
	result := &become.Early
	t := report.NewLine()
	t.Raw("util run-as: ")
	status := proc.ExitFailed
	if result.Problem.Reason == become.None {
		status = cannotExec(t, result)
	} else {
		sentence := result.Options.Explain(&result.Problem)
		for !sentence.IsOver() {
			switch next := sentence.Next(); next.Kind {
			case become.Plain:
				t.Raw(next.Text)
			case become.Quoted:
				quoted(t, next.Text)
			case become.Number:
				t.Num(next.Number)
			case become.Errno:
				meaning(t, result.Problem.Errno)
			}
		}
	}
	t.Finish()
	report.Print(2, t.Text())
	sys.Exit(status)
}

// cannotExec says why the command could not be executed. It returns the exit status.
func cannotExec(t *report.Line, result *become.Outcome) (status int) {
	t.Raw("command ")
	quoted(t, result.Name)
	switch {
	case !result.Found:
		t.Raw(": not found")
		return proc.ExitNotFound
	case result.Errno == unix.ENOENT:
		t.Raw(": found, but the interpreter of its #! line or its dynamic loader is missing")
	default:
		t.Raw(": ")
		meaning(t, result.Errno)
	}
	return proc.ExitCannot
}

// meaning appends what an error number means.
func meaning(t *report.Line, e sys.Errno) {
	if text := report.ErrnoText(e); text != "" {
		t.Raw(text)
		return
	}
	t.Raw("error ")
	t.Num(int(e))
}
