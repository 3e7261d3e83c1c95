package main

// See layout.go.
import (
	_ "flag"

	_ "util/applets/init/options"

	_ "util/applets/reap"
)
