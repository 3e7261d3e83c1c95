package test

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// RemoveCgroups removes the cgroups that match patterns, as engines leave them, with those in them.
// The test fails if processes are in them until the deadline.
func RemoveCgroups(t testing.TB, deadline time.Duration, patterns ...string) {
	t.Helper()
	for end := time.Now().Add(deadline); ; time.Sleep(20 * time.Millisecond) {
		var left []string
		for _, pattern := range patterns {
			found, _ := filepath.Glob(pattern)
			for _, dir := range found {
				left = append(left, removeTree(dir)...)
			}
		}
		if len(left) == 0 {
			return
		}
		if time.Now().After(end) {
			t.Errorf("cgroups are left: %q", left)
			return
		}
	}
}

// removeTree removes cgroups, the inner ones first. It returns those that are not empty.
func removeTree(dir string) (left []string) {
	inner, _ := os.ReadDir(dir)
	for _, entry := range inner {
		if entry.IsDir() {
			left = append(left, removeTree(dir+"/"+entry.Name())...)
		}
	}
	if err := unix.Rmdir(dir); err != nil && err != unix.ENOENT {
		left = append(left, dir)
	}
	return left
}
