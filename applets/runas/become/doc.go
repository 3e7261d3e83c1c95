// Package become makes the calling thread another user for good: it finds the user in /etc/passwd
// and /etc/group, changes user, groups and capabilities, and checks that there is no way back.
//
// A plain command line of util run-as is carried out by this package before the Go runtime boots
// (early.go), as init is, and under the same rule (package entry of init): a program that only
// starts another one should not need a runtime. Package runas carries out every other command line
// with the same functions, and prints what went wrong here.
//
// In Linux, credentials belong to a thread (credentials(7); nptl(7) tells how libc hides that).
// Before the runtime there is one thread. Under the runtime, the caller locks its goroutine to one
// thread, and executes the command from it: of a process with several threads, execve(2) leaves the
// one that calls it, with its credentials. So other threads need not be changed in either case.
package become
