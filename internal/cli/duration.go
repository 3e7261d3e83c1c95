package cli

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/pflag"
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

// Duration returns the value of an option: a duration as in [ParseDuration], not less than least.
func Duration(value *time.Duration, least time.Duration) pflag.Value {
	return duration{value, least}
}

type duration struct {
	value *time.Duration
	least time.Duration
}

func (d duration) Type() string { return "DURATION" }

func (d duration) String() string {
	if d.value == nil || *d.value == 0 {
		return ""
	}
	return d.value.String()
}

// Set reads a duration.
func (d duration) Set(text string) error {
	v, err := ParseDuration(text)
	switch {
	case err != nil:
		return err
	case v < d.least:
		return fmt.Errorf("is less than %v", d.least)
	}
	*d.value = v
	return nil
}
