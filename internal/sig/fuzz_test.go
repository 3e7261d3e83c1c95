package sig

import (
	"regexp"
	"strconv"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

var realtime = regexp.MustCompile(`^(?:RTMIN\+|RTMAX-)([0-9]{1,3})$`)

// reference is a second implementation of Parse.
func reference(text string) (Signal, bool) {
	if len(text) <= 3 {
		if n, err := strconv.ParseUint(text, 10, 16); err == nil {
			return Signal(n), n >= 1 && n <= 64
		}
	}
	name := upper(text)
	if short, ok := strings.CutPrefix(name, "SIG"); ok && short != "" {
		name = short
	}
	switch name {
	case "CLD", "IOT", "POLL", "UNUSED":
		return map[string]Signal{"CLD": 17, "IOT": 6, "POLL": 29, "UNUSED": 31}[name], true
	case "RTMIN":
		return 34, true
	case "RTMAX":
		return 64, true
	}
	if match := realtime.FindStringSubmatch(name); match != nil {
		n, _ := strconv.Atoi(match[1])
		if strings.HasPrefix(name, "RTMAX") {
			return Signal(64 - n), n <= 30
		}
		return Signal(34 + n), n <= 30
	}
	s := unix.SignalNum("SIG" + name)
	return Signal(s), s != 0
}

// upper converts ASCII letters to upper case. strings.ToUpper would convert others too.
func upper(text string) string {
	return strings.Map(func(r rune) rune {
		if r >= 'a' && r <= 'z' {
			return r + 'A' - 'a'
		}
		return r
	}, text)
}

// FuzzParse compares Parse with the reference. What it reads has a name that it reads again.
func FuzzParse(f *testing.F) {
	for _, text := range []string{
		"TERM", "sigKill", "15", "64", "0", "65", "SIGRTMIN+3", "rtmax-30", "RTMIN+31", "CLD", "SIG",
		"SIGSIGHUP", "007", "0015", "+1", "", "RTMIN+-1", "sigſ", "RTMIN+030",
	} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		got, ok := Parse(text)
		want, wantOK := reference(text)
		if ok != wantOK || ok && got != want {
			t.Fatalf("%q: %d, %v, want %d, %v", text, got, ok, want, wantOK)
		}
		if !ok {
			return
		}
		if again, ok := Parse(got.Name()); !ok || again != got || !All.Has(got) {
			t.Errorf("%q: %d has the name %q, which is %d", text, got, got.Name(), again)
		}
	})
}

// FuzzMaskIn gets texts of /proc/PID/status. The first line has the name of the process, which may
// be like a line of the masks, but a newline in it is shown as "\n".
func FuzzMaskIn(f *testing.F) {
	const masks = "SigPnd:\t0000000000000000\nShdPnd:\t0000000000004000\n" +
		"SigBlk:\t0000000000010000\nSigIgn:\t0000000000000004\nSigCgt:\t0000000043817efb\n"
	f.Add("cat", "State:\tS (sleeping)\nGroups:\t0 27 \n"+masks)
	f.Add("SigCgt:\tfffffff", "State:\tR (running)\n"+masks)
	f.Add("x", "SigCgt:\t")
	f.Add("x", "SigCgt:\t10000000000000000\nSigCgt:\t1\n")
	f.Fuzz(func(t *testing.T, name, rest string) {
		name = strings.ReplaceAll(name, "\n", `\n`)
		text := "Name:\t" + name + "\n" + rest
		for _, key := range []string{"SigPnd", "ShdPnd", "SigBlk", "SigCgt"} {
			if got, want := MaskIn(text, key+":\t"), referenceMask(text, key); got != want {
				t.Errorf("%q: %s is %#x, want %#x", text, key, got, want)
			}
		}
	})
}

// referenceMask is a second implementation of MaskIn. The kernel writes sixteen digits. Of more,
// the last sixteen count.
func referenceMask(text, key string) Set {
	for line := range strings.SplitSeq(text, "\n") {
		if value, ok := strings.CutPrefix(line, key+":\t"); ok {
			digits := regexp.MustCompile("^[0-9a-f]*").FindString(value)
			n, _ := strconv.ParseUint("0"+digits[max(0, len(digits)-16):], 16, 64)
			return Set(n)
		}
	}
	return 0
}
