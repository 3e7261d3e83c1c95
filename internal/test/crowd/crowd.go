// Crowd makes many small processes for tests. It runs without the Go runtime: a fork then takes a
// few microseconds, and a child has a few kilobytes of memory. The first argument says what to
// make, the second how many:
//
//	sleepers N  N children that wait until they are killed
//	zombies N   N children that have ended and are not reaped
//	storm N     a tree of processes that fork all the time; each rests between two forks once there
//	            are N of them
//	rhythm N    300 children that wait, one every N microseconds
//	vforks N    one child after another, by vfork(2), each of which ends after N microseconds
//	nap N       no children: it ends after N milliseconds
//
// It prints "ready" when the children are there; rhythm and vforks print it before the first one.
// With "block" as a third argument, zombies blocks SIGCHLD and reaps one child for each SIGCHLD
// that arrives. In a storm every second process blocks SIGTERM, and every eighth leads a session.
package main

func main() {
	panic("crowd must be linked with -E _rt0_crowd")
}
