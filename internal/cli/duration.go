package cli

import (
	"errors"
	"strings"
	"time"
)

// ParseDuration reads a duration such as "500ms", "2m" or "1h30m", or a plain number of seconds
// such as "5" or "0.5". It must not be negative.
func ParseDuration(text string) (time.Duration, error) {
	if text != "" && strings.Trim(text, "0123456789.") == "" {
		text += "s"
	}
	d, err := time.ParseDuration(text)
	switch {
	case err != nil:
		return 0, errors.New("is not a valid duration (use 500ms, 30s, 2m or plain seconds)")
	case d < 0:
		return 0, errors.New("is negative")
	}
	return d, nil
}
