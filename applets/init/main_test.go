package initcmd_test

import (
	"testing"

	"util/internal/test"
)

func TestMain(m *testing.M) { test.Main(m) }
