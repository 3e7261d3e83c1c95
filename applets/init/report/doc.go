// Package report puts into words what init does: lines on stderr as text or JSON, the last line
// that says why init ended, and the termination log. Its facts are the plain values of package
// supervise. The words of other inits are package compat's.
//
// It runs before the Go runtime, under the rule of package entry. Its functions are not inlined,
// and its large buffers are package variables: a plain run touches neither.
package report
