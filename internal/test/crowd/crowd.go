// Crowd makes many small processes for tests. It runs before the Go runtime, because a fork then costs some
// microseconds and the child a few kilobytes. Its first argument says what to make, the second how many:
//
//	sleepers N  N children that wait for ever
//	zombies N   N children that have ended, and that nobody reaps
//	storm N     a tree that forks without end: it begins to rest between two forks once it has N processes
//	rhythm N    fork a child every N microseconds, 300 in all; wait for ever
//	vforks N    vfork for ever, children that end after N microseconds
//	nap N       none: it ends by itself after N milliseconds
//
// Once they are all there it prints "ready". With "block" as a third argument SIGCHLD is blocked, and each SIGCHLD that
// arrives makes zombies reap one child. In a storm every second process blocks SIGTERM, and every eighth leads a session.
package main

func main() {
	panic("crowd must be linked with -E _rt0_crowd")
}
