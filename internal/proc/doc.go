// Package proc starts a process, tells how it ended and reaps.
//
// It is the part of the core that knows about children. It is usable before the Go runtime boots: nothing here
// allocates. Which signals a process should get, and when, is the business of the applets.
package proc
