// Package machine has the tests that only an emulated machine can run (see package kernels): those
// of the init that is the machine's own PID 1, and those of cgroups. Elsewhere they do nothing.
package machine
