package sendsig_test

import (
	"testing"

	"util/internal/test"
)

// TestScripts runs the cases in testdata/script: options, messages and exit statuses.
func TestScripts(t *testing.T) { test.Scripts(t) }
