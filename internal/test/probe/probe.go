// Probe is the command that tests run under init. It runs without the Go runtime, which would
// change what a test has to see: the signal mask, the dispositions, the signals that arrive. Its
// arguments are words, which it carries out one after another; then it exits with status 0.
//
// What it prints:
//
//	say WORD      print WORD
//	begin WORD    begin each line from now on with WORD
//	state         print the pid, the parent, the process group, the session, the foreground process
//	              group of the terminal (or -1), the signal mask and the ignored signals
//	fds           print the open files below 64
//	env NAME      print the entries of a variable
//	tty           open /dev/tty and print "tty" there
//	write FILE TEXT  append a line to a file
//
// Signals:
//
//	catch         block all signals, so that echo can wait for them, and print "ready"
//	echo N        print the number of each blocked signal that arrives; continue after signal N
//	handle        print the number of each signal in a handler, and exit after signal 64
//	await         print the number of each signal that sigwait(3) returns, with none blocked, and
//	              exit after signal 64
//	block N       block signal N
//	unblock N     do not block signal N
//	ignore N      ignore signal N
//	raise N       send signal N to itself
//	signaltrap    send TRAP to itself with tgkill(2)
//	killparent N  send signal N to the parent
//	flood N       send signal N to PID 1 without a pause until it is killed
//
// Processes:
//
//	fork          continue in a new child; the parent waits for it, and exits with its status
//	orphan        continue in a new child after its parent has exited
//	chain N       continue in a descendant of the Nth generation; its ancestors wait
//	beside N      carry out the next N words in a new child, which then exits; continue after them at
//	              once
//	orphans N     make N children, each of which leaves an orphan that ends after it
//	runaway       continue in a new child whose parent exits, again and again
//	bomb          fork without end, and so do the children: only where processes are limited
//	setsid        lead a new session
//	setpgid       lead a new process group
//	foreground    make its process group the foreground group of the terminal, which is file 3
//	traceme       make the parent the tracer (ptrace(2))
//	setuid N      become user N
//	exec ARG…     execute the path that follows with the arguments that follow
//	exit N        exit with status N
//
// Time:
//
//	sleep N       wait for N milliseconds
//	busy N        compute for N microseconds
//	pause         wait until killed
//
// What the kernel allows:
//
//	close N       close file N
//	filelimit N   limit the size of files to N bytes (RLIMIT_FSIZE)
//	openlimit N   limit the open files to N (RLIMIT_NOFILE)
//	stacklimit N  limit the stack to N bytes (RLIMIT_STACK)
//	tasklimit N   limit the processes and threads of the user to N (RLIMIT_NPROC); root is exempt
//	rlimit R N    limit resource R of getrlimit(2) to N
//	deny N E      make system call N fail with errno E from now on (seccomp(2))
//	nextpid N     make N the next pid of this PID namespace (/proc/sys/kernel/ns_last_pid)
//	mountproc     mount the /proc of this PID namespace (in a mount namespace: test.ProcNamespace)
//	hidepid N     mount /proc again so that users see only their own processes: with 1, of the
//	              others only that they exist
//	empty DIR     mount an empty file system over a directory
//	uncover DIR   unmount what was mounted last on a directory
package main

func main() {
	panic("the probe must be linked with -E _rt0_probe")
}
