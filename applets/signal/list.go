package sendsig

import (
	"fmt"
	"io"
	"strconv"
	"strings"

	"util/internal/cli"
	"util/internal/proc"
	"util/internal/sig"
)

// listSignals is option -l. It lists all signals, or converts each word, one per line.
func listSignals(out io.Writer, l line) error {
	if l.signal != "" {
		return cli.Usagef("signal %q: cannot be combined with -l", l.signal)
	}
	var lines []string
	for _, word := range l.words {
		text, err := convert(word)
		if err != nil {
			return err
		}
		lines = append(lines, text)
	}
	if len(l.words) == 0 {
		for s := sig.HUP; s <= sig.Max; s++ {
			lines = append(lines, fmt.Sprintf("%2d %s", s, s.Name()))
		}
	}
	fmt.Fprintln(out, strings.Join(lines, "\n"))
	return nil
}

// convert converts a name to a number, and a number, an exit status above 128 or a mask to names.
func convert(word string) (string, error) {
	if mask, ok := strings.CutPrefix(strings.ToLower(word), "0x"); ok {
		set, err := strconv.ParseUint(mask, 16, 64)
		if err != nil {
			return "", cli.Usagef("mask %q: is not a hexadecimal number of at most 64 bits", word)
		}
		return setNames(sig.Set(set)), nil
	}
	if n, err := strconv.ParseInt(word, 10, 64); err == nil {
		if n > proc.ExitSignal {
			n -= proc.ExitSignal
		}
		if n < 1 || n > int64(sig.Max) {
			return "", cli.Usagef("number %q: is neither a signal (1 to 64) nor the exit status "+
				"of a process ended by a signal (129 to 192)", word)
		}
		return sig.Signal(n).Name(), nil
	}
	s, ok := sig.Parse(word)
	if !ok {
		return "", cli.Usagef("signal %q: unknown%s", word, cli.DidYouMean(word, sig.Names()))
	}
	return strconv.Itoa(int(s)), nil
}

// setNames lists the signals in a mask, such as those in /proc/PID/status.
func setNames(set sig.Set) string {
	var names []string
	for s := sig.HUP; s <= sig.Max; s++ {
		if set.Has(s) {
			names = append(names, s.Name())
		}
	}
	if names == nil {
		return "none"
	}
	return strings.Join(names, " ")
}
