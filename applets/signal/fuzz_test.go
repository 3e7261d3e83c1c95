package sendsig

import (
	"bytes"
	"fmt"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"util/internal/test"
)

var firstWord = regexp.MustCompile(`^[ \t\r\n]*([^\n\x00]*)`)

// FuzzPidfile gets the contents of pidfiles. What is read is the first word of the first line that
// has one, and that is a target.
func FuzzPidfile(f *testing.F) {
	for _, text := range []string{
		"1234\n", "  77 \n/usr/lib/postgresql\n1\n", "\n\r\n12:345\r\n", "12\x0034", "", " \n", "-1", "0",
		"+5", "1e3", "12:0", "4294967297", "12 34", strings.Repeat(" ", 4095) + "12",
		strings.Repeat("\n", 4090) + "123456", "12\v", "12\u00a0x",
	} {
		f.Add([]byte(text))
	}
	pidfile := test.NewFile(f, filepath.Join(f.TempDir(), "pidfile"))
	f.Fuzz(func(t *testing.T, text []byte) {
		test.Rewrite(t, pidfile, text)
		file, err := openPidfile(pidfile.Name())
		test.Must(t, err)
		defer file.Close()
		got, err := readTarget(file)
		if len(text) > 4096 {
			text = text[:4096]
		}
		word := ""
		line := bytes.Fields(firstWord.FindSubmatch(text)[1])
		if len(line) > 0 {
			word = string(line[0])
		}
		want, wrong := parseTarget(word)
		cut := len(text) == 4096 && bytes.HasSuffix(text, []byte(word))
		switch {
		case (err != nil) != (wrong != nil || cut):
			t.Errorf("%q: %v, want %v", text, err, wrong)
		case err == nil && got != want:
			t.Errorf("%q: %v, want %v", text, got, want)
		case err != nil && (len(err.Error()) > 500 || strings.ContainsAny(err.Error(), "\n\x00\x1b")):
			t.Errorf("%q: the message is %q", text, err)
		}
	})
}

// FuzzTarget gets words of the command line. A target that is accepted is written as it is read.
func FuzzTarget(f *testing.F) {
	for _, text := range []string{
		"1", "2147483647", "2147483648", "12:34", "12:18446744073709551615", "12:0", "-5", "-1", "--1",
		"-01", "0", "+1", "", "1:", ":1", "1_0", "0x1", "٣",
	} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, word string) {
		var o Options
		if o.addTarget(word) != nil {
			return
		}
		written := ""
		switch {
		case len(o.PIDs) == 1 && len(o.Groups) == 0 && o.PIDs[0].PID > 0:
			if written = fmt.Sprint(o.PIDs[0].PID); strings.Contains(word, ":") {
				written += fmt.Sprint(":", o.PIDs[0].Inode)
			}
		case len(o.PIDs) == 0 && len(o.Groups) == 1 && o.Groups[0] > 1:
			written = fmt.Sprint("-", o.Groups[0])
		}
		// A number may begin with zeros.
		if regexp.MustCompile(`\b0+`).ReplaceAllString(word, "") != written {
			t.Errorf("%q: %+v", word, o)
		}
	})
}
