// Probe is the command that tests run under init. It runs before the Go runtime, like init itself, because the runtime
// would alter what is to be seen: the mask, the dispositions, the signals that arrive. Arguments are words that are
// carried out one after another; then the probe exits with status 0.
//
//	state      print pid, parent, group, session, foreground group of the terminal (or -1), mask and ignored signals
//	fds        print the open files below 64
//	catch      block all signals, so that they can be waited for, and print "ready"
//	handle     print the number of each signal, by a handler, and end after signal 64
//	await      print the number of each signal, by sigwait(3) without blocking any, and end after signal 64
//	echo N     print the number of each signal that arrives; go on after signal N
//	fork       go on in a new child; the parent waits for the child to end, and exits with its status
//	orphan     go on in a new child whose parent has exited
//	beside N   carry out the next N words in a new child, which then exits, and go on behind them at once
//	nextpid N  let N be the next pid of this namespace (/proc/sys/kernel/ns_last_pid)
//	flood N    send signal N to PID 1 without a pause, for ever
//	orphans N  have N children of a child end, each after the child: init has to reap them
//	busy N     compute for N microseconds
//	write FILE TEXT  append a line to a file
//	setsid     lead a new session
//	setpgid    lead a new process group
//	pause      wait for ever
//	sleep N    wait for N milliseconds
//	runaway    go on in a new child, whose parent exits, again and again
//	signaltrap send itself TRAP with tgkill(2)
//	chain N    go on in a descendant of the Nth generation; all in between wait for ever
//	hidepid    mount /proc once more, where users see their own processes only
//	traceme    make the parent the tracer (ptrace(2))
//	filelimit N  files may have N bytes (RLIMIT_FSIZE)
//	openlimit N  N files may be open (RLIMIT_NOFILE)
//	stacklimit N  the stack may have N bytes (RLIMIT_STACK)
//	tasklimit N  the user may have N processes and threads (RLIMIT_NPROC); root is exempt
//	deny N E   have the system call N fail with errno E from now on (seccomp(2))
//	bomb       fork for ever, and so do the children: only where the number of processes is limited
//	mountproc  mount the /proc of this PID namespace (in a mount namespace of its own: see test.ProcNamespace)
//	raise N    send signal N to itself
//	exit N     exit with status N
//	say WORD   print WORD
//	env NAME   print the entries of a variable
//	block N    block signal N
//	ignore N   ignore signal N
//	close N    close a file
//	setuid N   become another user for good
//	killparent N  send signal N to the parent
//	exec …     execute the path that follows, with the arguments that follow
//	tty        open /dev/tty and print "tty" to it
package main

func main() {
	panic("the probe must be linked with -E _rt0_probe")
}
