package runas

import (
	"errors"
	"strconv"

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
	var text []byte
	sentence := o.Explain(&p)
	for !sentence.IsOver() {
		next := sentence.Next()
		piece := next.Text
		switch next.Kind {
		case become.Quoted:
			piece = strconv.Quote(piece)
		case become.Number:
			piece = strconv.Itoa(next.Number)
		case become.Errno:
			piece = p.Errno.Error()
		}
		text = append(text, piece...)
	}
	return &cli.Exit{Status: status, Err: errors.New(string(text))}
}
