// Package proc starts a process, reaps children and says how they ended.
//
// It is usable before the Go runtime boots:
// nothing here allocates. Which signals a process gets, and when, is decided by the applets.
package proc
