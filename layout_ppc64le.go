package main

// See layout.go.
import (
	_ "regexp"

	_ "util/applets/init/options"
)
