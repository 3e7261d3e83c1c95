package initcmd_test

import (
	"os/exec"
	"slices"
	"strings"
	"testing"
	"time"

	"util/internal/test"
)

// TestDockerStop runs docker stop with a grace period. Processes that need some time to finish get
// it, and the others are killed.
func TestDockerStop(t *testing.T) {
	test.Engine(t)
	image := initImage(t, test.Util(t))
	finish := func(words ...string) []string { // a child of the command that needs some time to finish
		return append(words, "catch", "echo", "15", "sleep", "50", "say", "finished")
	}
	for _, tc := range []struct {
		name   string
		grace  string
		words  []string // of the probe
		lines  []string // its output
		status int
		log    string // in the last line of init
	}{
		{
			"a slow process in the group", "1h", finish("fork"),
			[]string{"ready", "15", "finished"},
			143, "",
		},
		{
			"one in a session of its own", "1h", finish("fork", "setsid"),
			[]string{"ready", "15", "finished"},
			143, "",
		},
		{
			"one that ignores TERM", "300ms",
			[]string{"catch", "pause"},
			[]string{"ready"},
			137, "; killed: 1: probe (",
		},
		{
			"one left by the command that ignores TERM", "300ms",
			[]string{"fork", "setsid", "catch", "pause"},
			[]string{"ready"},
			143, "; killed: 1: probe (",
		},
		{
			"a stopped one", "1h",
			[]string{"fork", "setsid", "catch", "raise", "19", "echo", "15", "say", "finished"},
			[]string{"ready", "15", "finished"},
			143, "",
		},
		{
			"a fork bomb at the pids limit", "300ms",
			[]string{"ignore", "15", "say", "ready", "bomb"},
			[]string{"ready"},
			137, "; killed: ",
		},
	} {
		t.Run(tc.name, func(t *testing.T) {
			options := []string{
				"--pids-limit", "50",
				"--env", "UTIL_INIT_GRACE=" + tc.grace, "--env", "UTIL_INIT_LOG_FORMAT=text",
			}
			c := dockerRun(t, image, options, append([]string{"/probe"}, tc.words...)...)
			c.Expect("ready")
			if slices.Contains(tc.words, "raise") {
				c.waitState("/probe fork", "T")
			}
			start := time.Now()
			c.docker("stop", "--time", "3600") // init, not the engine, must kill what is left
			if took := time.Since(start); tc.grace != "1h" && took < 300*time.Millisecond {
				t.Errorf("took %v, less than the grace period", took)
			}
			rest := append([]string{"ready"}, c.Rest()...)
			if !slices.Equal(rest, tc.lines) {
				t.Errorf("output %q, want %q", rest, tc.lines)
			}
			wantStatus(t, c, tc.status)
			killed := strings.Contains(c.Stderr(), "KILL")
			if !strings.Contains(c.Stderr(), tc.log) || tc.log == "" && killed {
				t.Errorf("stderr %q, want %q", c.Stderr(), tc.log)
			}
		})
	}
	t.Run("docker exec", func(t *testing.T) {
		// A process of docker exec gets no TERM. The kernel kills it when PID 1 ends.
		c := dockerRun(t, image, []string{"--env", "UTIL_INIT_GRACE=1h"}, "/probe", "catch", "echo", "15")
		c.Expect("ready")
		outside := test.Start(t, exec.Command("docker", "exec", c.name, "/probe", "catch", "echo", "64"))
		outside.Expect("ready")
		c.docker("stop", "--time", "3600")
		if rest := outside.Rest(); len(rest) != 0 {
			t.Errorf("the process from outside got %q", rest)
		}
		wantStatus(t, c, 0)
	})
}
