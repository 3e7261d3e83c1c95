// Package wire is what the driver of package chaos and its actors say to each other. Each message
// is a struct that is written at once, so it arrives as a whole.
package wire

// The files of an actor. Each has a number, and reads orders from its own pipe.
const (
	Reports = 3 // a socket for all reports, whose receiver is told the sender's PID
	Orders  = 4 // the pipe of actor 0; the next files are those of the next actors
	Actors  = 20
)

// Op is what an actor does. It answers with [Done], unless another answer is named.
type Op int32

// The operations. A to D are the fields of the order.
const (
	Ping      Op = iota + 1 // [Pong]
	Fork                    // make actor Other, in the way A (see [Way]), which answers with [Born]
	Setsid                  // lead a new session
	Setpgid                 // lead a new process group
	Setuid                  // become user A
	Traceme                 // make the parent the tracer
	Exec                    // execute itself; answers with [Born]
	Take                    // wait for the signals of the set A, ignore those of the set B
	Kill                    // send signal B to process A, C times
	Queue                   // send signal B to process A with sigqueue(3), with C and D in the siginfo
	Orphans                 // make A orphans that end at once, B: while their parents run
	Zombies                 // make A children that end at once
	Exit                    // exit with status A; no answer
	Die                     // end by signal A; no answer
	MountProc               // mount the /proc of this PID namespace
	PIDMax                  // let the PIDs of this namespace be below A
	Init                    // execute init; A: in a child that the actor waits for: [Ended]
)

// Way is how an actor makes another one: one of the first four, and some of the others.
type Way int64

// The ways.
const (
	Plain     Way = iota
	VFork         // the parent sleeps until the child executes the actor again
	Sibling       // the child of the parent's parent (CLONE_PARENT)
	Orphan        // its parent has ended
	Kinds         // how many kinds there are
	InSession Way = 8
	InGroup   Way = 16
)

// Order is what the driver says to an actor.
type Order struct {
	Op         Op
	Other      int32
	A, B, C, D int64
}

// Kind is what a report is about.
type Kind int32

// The kinds of reports. A to E are the fields of the report.
const (
	Done  Kind = iota + 1 // A: the Op; B: an errno
	Born                  // PID, parent, process group, session, ignored signals; F: blocked signals
	Pong                  // PID, parent, process group, session
	Got                   // A: a signal that arrived; B: its si_code
	Ended                 // A: PID of init; B: its status as wait(2) returns it
)

// Report is what an actor says to the driver.
type Report struct {
	Actor            int32
	Kind             Kind
	A, B, C, D, E, F int64
}
