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
