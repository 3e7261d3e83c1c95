package cli

import (
	"errors"
	"strconv"
	"time"
)

// ParseDuration reads a time span as people write it: "500ms", "2m", "1h30m", or plain seconds such as "5" or "0.5". It
// cannot be negative.
func ParseDuration(text string) (time.Duration, error) {
	d, err := time.ParseDuration(text)
	if err != nil {
		seconds, number := strconv.ParseFloat(text, 64)
		if number != nil || !(seconds < 1e9) {
			return 0, errors.New("is no duration such as 500ms, 2m or 5 (seconds)")
		}
		d = time.Duration(seconds * float64(time.Second))
	}
	if d < 0 {
		return 0, errors.New("is negative")
	}
	return d, nil
}
