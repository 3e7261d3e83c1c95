package main

// See layout.go.
import (
	_ "encoding/csv"

	_ "util/applets/init/options"
)
