package faults_test

import (
	"syscall"

	"golang.org/x/sys/unix"
)

func unixName(e syscall.Errno) string { return unix.ErrnoName(e) }
