// Package limits_test lets init live through every scenario of the campaign with little of what the
// kernel gives: files, processes, signals, memory, /proc, a terminal, a stderr that takes its
// messages. What init does then is a table, in table_amd64_test.go.
package limits_test

import (
	"testing"

	"util/applets"
	"util/internal/test"
)

func TestMain(m *testing.M) { test.Main(m, applets.Main) }

// smallEnvironment is the environment of init.
var smallEnvironment = []string{"PATH=/usr/bin:/bin", "HOME=/"}

// The most that execve(2) takes: for a string with its NUL byte (MAX_ARG_STRLEN), and for all
// strings and pointers to them, which is a quarter of the stack's limit of 8 MB.
const (
	maxString = 128 << 10
	maxBytes  = 2 << 20
)
