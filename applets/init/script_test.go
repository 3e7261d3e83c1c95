package initcmd_test

import (
	"os/exec"
	"testing"

	"util/internal/test"
)

// TestScripts runs the cases in testdata/script: options, messages and exit statuses.
func TestScripts(t *testing.T) {
	// Ends the test as missing where this user cannot make a PID namespace.
	test.Run(t, test.Namespace(exec.Command(test.Probe(t))))
	both(t, test.ScriptsOf)
}
