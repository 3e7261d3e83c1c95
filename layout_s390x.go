package main

// See layout.go.
import (
	_ "os/user"

	_ "util/applets/init/options"

	_ "util/internal/pidfd"
	_ "util/internal/procfs"
)
