package cli

import (
	"errors"
	"fmt"

	"util/internal/proc"

	"golang.org/x/sys/unix"
)

// Output is standard output or standard error, without a buffer. It keeps the first error and
// writes nothing after it. So the writers need not check each write: [Output.Check] turns the error
// into an exit status when the program ends.
//
// With os.Stdout a program would not survive its reader: if a write to file 1 or 2 fails with
// EPIPE, package os kills the program with SIGPIPE, whatever it was doing.
type Output struct {
	FD  int
	Err error
}

// Write writes all of p. It waits if the file is non-blocking and full.
func (o *Output) Write(p []byte) (n int, err error) {
	if o.Err == nil && o.FD < len(proc.Inherited.Closed) && proc.Inherited.Closed[o.FD] {
		o.Err = unix.EBADF // the Go runtime has replaced the file with /dev/null
	}
	for n < len(p) && o.Err == nil {
		m, err := unix.Write(o.FD, p[n:])
		switch err {
		case nil:
			n += m
		case unix.EINTR:
		case unix.EAGAIN:
			_, _ = unix.Poll([]unix.PollFd{{Fd: int32(o.FD), Events: unix.POLLOUT}}, -1)
		default:
			o.Err = err
		}
	}
	return n, o.Err
}

// Check returns err, or an error about output that was lost if err has no message. The status is
// that of err unless that is 0.
func (o *Output) Check(err error) error {
	if o.Err == nil {
		return err
	}
	lost := fmt.Errorf("stdout: %w", o.Err)
	var exit *Exit
	switch {
	case err == nil:
		return &Exit{Status: proc.ExitFailed, Err: lost}
	case errors.As(err, &exit) && exit.Err == nil: // a status without a message
		return &Exit{Status: max(exit.Status, proc.ExitFailed), Err: lost}
	}
	return err
}
