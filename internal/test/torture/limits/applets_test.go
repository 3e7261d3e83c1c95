package limits_test

import (
	"fmt"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"testing"

	"util/internal/test"
	"util/internal/test/torture"

	"golang.org/x/sys/unix"
)

// The other applets do their work, or say in a line what they lack. Those that need the Go runtime
// find out before that boots, because it ends with a stack trace. The short run is a third of this.
func TestApplets(t *testing.T) {
	test.NotAlone(t, "the other applets")
	probe, util := test.Probe(t), test.Whole(t)
	type result struct {
		status         int
		stdout, stderr string
	}
	run := func(t *testing.T, limit, command []string) result {
		t.Helper()
		words := slices.Concat(limit, []string{"exec", util}, command)
		cmd := exec.Command(probe, words...)
		cmd.Env = smallEnvironment
		status, stdout, stderr := test.Run(t, cmd)
		return result{status, stdout, stderr}
	}
	// The target of sendsig belongs to the same user.
	const user = "60999"
	target := test.Start(t, exec.Command(probe, "setuid", user, "say", "ready", "pause"))
	target.Expect("ready")
	pid := strconv.Itoa(target.Process.Pid)
	commands := [][]string{
		{"sendsig", "0", pid},
		{"sendsig", "-v", "CONT", pid},
		{"sendsig", "-v", "CONT", "--tree", pid},
		{"run-as", user, probe, "say", "done"},
		{"run-as", "nobody", probe, "say", "done"},
		{"reap-once", probe, "say", "done"},
		{"healthcheck", "-t", "100ms", "tcp://127.0.0.1:1"},
		{"wait-for-port", "-t", "100ms", "127.0.0.1:1", "--", probe},
		{"--list"},
		{"help", "sendsig"},
	}
	// The limits, as words of the probe.
	limits := [][]string{}
	for n := range 13 {
		limits = append(limits, []string{"openlimit", strconv.Itoa(n)})
		if n > 0 {
			limits = append(limits, []string{"tasklimit", strconv.Itoa(n), "setuid", user})
		}
	}
	for _, resource := range []int{unix.RLIMIT_AS, unix.RLIMIT_DATA} {
		for megabytes := 8; megabytes <= 2048; megabytes += megabytes / 2 {
			limits = append(limits, []string{
				"rlimit", strconv.Itoa(resource), strconv.Itoa(megabytes << 20),
			})
		}
	}
	limits = append(
		limits,
		[]string{"stacklimit", strconv.Itoa(128 << 10)}, []string{"stacklimit", "-1"},
		[]string{"filelimit", "0"}, []string{"rlimit", strconv.Itoa(unix.RLIMIT_SIGPENDING), "0"},
	)
	random := torture.Random(torture.Seed(t), 0)
	same, refused := 0, 0
	for _, command := range commands {
		want := run(t, nil, command)
		for _, limit := range limits {
			if !torture.Long() && random.IntN(3) > 0 {
				continue
			}
			got := run(t, limit, command)
			if got == want {
				same++
				continue
			}
			refused++
			if got.status > 126 || strings.Count(got.stderr, "\n") != 1 || got.stdout != "" ||
				strings.Contains(got.stderr, "runtime") {
				t.Errorf("%q of %q: status %d, stdout %q, stderr %.800s", limit, command, got.status,
					got.stdout, got.stderr)
			}
			t.Log(fmt.Sprint(limit, command, got))
		}
	}
	torture.Result(t, "%d runs of other applets: %d as without the limit, %d say in a line what is "+
		"missing", same+refused, same, refused)
}
