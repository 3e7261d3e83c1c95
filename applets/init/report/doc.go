// Package report puts into words what init does: lines on stderr as text or JSON, the last line
// that says why init ended, and the termination log. Its facts are the plain values of package
// supervise. The words of other inits are package compat's.
//
//	report.go       what happens: started, forwarded, dropped, delayed, reaped, KILL
//	failure.go      why nothing could be started; usage errors
//	ended.go        the last line
//	cgroup.go       what the memory cgroup says, for the last line
//	termination.go  the termination log
//	line.go         a line under construction, as text or JSON
//	logger.go       writing lines without blocking
//	errno.go        error numbers in words
//
// It runs before the Go runtime, under the rule of package entry. Its functions are not inlined,
// and its large buffers are package variables: a plain run touches neither.
package report
