package sendsig

import (
	"errors"
	"fmt"
	"math"
	"os/user"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"unicode/utf8"

	"util/internal/ascii"
	"util/internal/cli"
	"util/internal/sig"

	"golang.org/x/sys/unix"
)

// This file reads the values of options and arguments.

func parseTarget(word string) (t Target, err error) {
	pid, inode, both := strings.Cut(word, ":")
	if t.PID, err = parseID(pid); err != nil {
		return t, err
	}
	if both {
		if t.Inode, err = strconv.ParseUint(inode, 10, 64); err != nil || t.Inode == 0 {
			return t, errors.New("is not of the form PID:INODE")
		}
	}
	return t, nil
}

var errTwice = errors.New("is given twice")

// parseID reads the ID of a process, process group or session.
func parseID(text string) (int, error) {
	n, err := strconv.ParseInt(text, 10, 32)
	switch {
	case text == "-1":
		return 0, errors.New("means every process: use --all")
	case err != nil, !ascii.IsDigit(text[0]): // no sign
		return 0, errors.New("is not a valid process or process group ID")
	case n == 0:
		// The group has the ID 0 if its leader is outside this PID namespace.
		if own := unix.Getpgrp(); own != 0 {
			return 0, fmt.Errorf("means the process group of sendsig itself: use --group %d", own)
		}
		return 0, errors.New("means the process group of sendsig itself: " +
			"give the PIDs of its members")
	}
	return int(n), nil
}

// parseSignal is sig.Parse with an error message. It also accepts 0, with which kill(2) only checks
// whether it could send a signal.
func parseSignal(text string) (sig.Signal, error) {
	if s, ok := sig.Parse(text); ok {
		return s, nil
	}
	if text != "" && strings.Trim(text, "0") == "" {
		return 0, nil
	}
	if text != "" && ascii.IsDigit(text[0]) {
		return 0, errors.New("unknown: the signal comes first (1 to 64, or a name), " +
			"then the targets")
	}
	return 0, errors.New("unknown" + cli.DidYouMean(text, sig.Names()))
}

func parseStage(text string) (Stage, error) {
	name, after, ok := strings.Cut(text, "@")
	if !ok {
		return Stage{}, errors.New("is not of the form SIG@DURATION")
	}
	s, err := parseSignal(name)
	if err != nil {
		return Stage{}, fmt.Errorf("signal %q: %w", name, err)
	}
	if s == 0 {
		return Stage{}, fmt.Errorf("signal %q: sends nothing", name)
	}
	d, err := cli.ParseDuration(after)
	if err != nil {
		return Stage{}, fmt.Errorf("%q %w", after, err)
	}
	return Stage{s, d}, nil
}

// parseValue reads the value of --queue, an int as in sigqueue(3).
func parseValue(text string) (*int32, error) {
	n, err := strconv.ParseInt(text, 0, 32)
	if err != nil {
		return nil, fmt.Errorf("is not a number from %d to %d", math.MinInt32, math.MaxInt32)
	}
	value := int32(n)
	return &value, nil
}

func parseRegexp(text string) (*pattern, error) {
	if _, err := notEmpty(text); err != nil {
		return nil, err // it would match every process
	}
	p := &pattern{bytes: !utf8.ValidString(text)}
	// Arguments can contain newlines, which "." must match too.
	re, err := regexp.Compile("(?s)" + p.widen(text))
	if err != nil {
		return nil, fmt.Errorf("is not a valid regular expression: %w", err)
	}
	p.re = re
	return p, nil
}

// pattern is the regular expression of --cmdline.
type pattern struct {
	re    *regexp.Regexp
	bytes bool // the expression is not valid UTF-8
}

func (p *pattern) matches(text string) bool { return p.re.MatchString(p.widen(text)) }

// widen converts every byte of text to the character with that number, if the expression is not
// valid UTF-8. Package regexp accepts only UTF-8.
func (p *pattern) widen(text string) string {
	if !p.bytes {
		return text
	}
	wide := make([]rune, len(text))
	for i := range wide {
		wide[i] = rune(text[i])
	}
	return string(wide)
}

// parseUser reads a user ID, or a user name from /etc/passwd.
func parseUser(text string) (*uint32, error) {
	if n, err := strconv.ParseUint(text, 10, 32); err == nil {
		uid := uint32(n)
		return &uid, nil
	}
	u, err := user.Lookup(text)
	if err != nil {
		return nil, errors.New("no such user in /etc/passwd (a numeric user ID works without it)")
	}
	return parseUser(u.Uid)
}

func notEmpty(text string) (string, error) {
	if text == "" {
		return "", errors.New("is empty")
	}
	return text, nil
}

func absolute(text string) (string, error) {
	if !filepath.IsAbs(text) {
		return "", errors.New("is not an absolute path")
	}
	return text, nil
}
