// Package sig has the signals of Linux: their numbers, their names and how people write them.
// Sending, masking and waiting for signals is done elsewhere.
//
// It is usable before the Go runtime boots: nothing here allocates.
package sig

import "util/internal/ascii"

// Signal is a signal number as the kernel counts it, 1 to 64, the same on amd64 and arm64
// (signal(7)). 0 is not a signal.
type Signal uint8

// The signals that the code refers to by name.
const (
	HUP   Signal = 1
	INT   Signal = 2
	QUIT  Signal = 3
	TRAP  Signal = 5
	KILL  Signal = 9
	USR1  Signal = 10
	PIPE  Signal = 13
	TERM  Signal = 15
	CHLD  Signal = 17
	CONT  Signal = 18
	STOP  Signal = 19
	TSTP  Signal = 20
	TTIN  Signal = 21
	TTOU  Signal = 22
	XFSZ  Signal = 25
	WINCH Signal = 28
	PWR   Signal = 30
	RTMin Signal = 34 // as in glibc and shells: 32 and 33 serve threading libraries
	Max   Signal = 64
)

// names holds the canonical name of each number, without "SIG". 32 and 33 have none.
var names = [Max + 1]string{
	1: "HUP", 2: "INT", 3: "QUIT", 4: "ILL", 5: "TRAP", 6: "ABRT", 7: "BUS", 8: "FPE",
	9: "KILL", 10: "USR1", 11: "SEGV", 12: "USR2", 13: "PIPE", 14: "ALRM", 15: "TERM", 16: "STKFLT",
	17: "CHLD", 18: "CONT", 19: "STOP", 20: "TSTP", 21: "TTIN", 22: "TTOU", 23: "URG", 24: "XCPU",
	25: "XFSZ", 26: "VTALRM", 27: "PROF", 28: "WINCH", 29: "IO", 30: "PWR", 31: "SYS",
	32: "32", 33: "33",
	34: "RTMIN", 35: "RTMIN+1", 36: "RTMIN+2", 37: "RTMIN+3", 38: "RTMIN+4", 39: "RTMIN+5",
	40: "RTMIN+6", 41: "RTMIN+7", 42: "RTMIN+8", 43: "RTMIN+9", 44: "RTMIN+10",
	45: "RTMIN+11", 46: "RTMIN+12", 47: "RTMIN+13", 48: "RTMIN+14", 49: "RTMIN+15",
	50: "RTMAX-14", 51: "RTMAX-13", 52: "RTMAX-12", 53: "RTMAX-11", 54: "RTMAX-10",
	55: "RTMAX-9", 56: "RTMAX-8", 57: "RTMAX-7", 58: "RTMAX-6", 59: "RTMAX-5",
	60: "RTMAX-4", 61: "RTMAX-3", 62: "RTMAX-2", 63: "RTMAX-1", 64: "RTMAX",
}

// aliases are the further names of signal(7).
var aliases = [...]struct {
	name string
	is   Signal
}{{"CLD", 17}, {"IOT", 6}, {"POLL", 29}, {"UNUSED", 31}}

// Name returns the canonical name of s without "SIG": "TERM", "RTMIN+2". For 32 and 33, which
// have none, it is the number; for anything else it is "0".
func (s Signal) Name() string {
	if s == 0 || s > Max {
		return "0"
	}
	return names[s]
}

// Parse reads a signal as people write it: a number from 1 to 64, a name in any case with or
// without "SIG", RTMIN+n or RTMAX-n.
func Parse(text string) (Signal, bool) {
	if n, ok := number(text); ok {
		return Signal(n), n >= 1 && n <= int(Max)
	}
	if len(text) > 3 && ascii.EqualFold(text[:3], "SIG") {
		text = text[3:]
	}
	if len(text) >= 5 && (ascii.EqualFold(text[:5], "RTMIN") || ascii.EqualFold(text[:5], "RTMAX")) {
		return parseRealtime(text)
	}
	for s := HUP; s <= 31; s++ {
		if ascii.EqualFold(text, names[s]) {
			return s, true
		}
	}
	for i := range aliases {
		if ascii.EqualFold(text, aliases[i].name) {
			return aliases[i].is, true
		}
	}
	return 0, false
}

// parseRealtime reads RTMIN, RTMIN+n, RTMAX and RTMAX-n. The caller has checked the first five
// letters.
func parseRealtime(text string) (Signal, bool) {
	base, sign := int(RTMin), byte('+')
	if text[4]|0x20 == 'x' {
		base, sign = int(Max), '-'
	}
	if len(text) == 5 {
		return Signal(base), true
	}
	n, ok := number(text[6:])
	if text[5] != sign || !ok || n > int(Max-RTMin) {
		return 0, false
	}
	if sign == '-' {
		n = -n
	}
	return Signal(base + n), true
}

// number reads a decimal number of at most three digits.
func number(text string) (n int, ok bool) {
	if len(text) > 3 {
		return 0, false
	}
	n = int(ascii.ParseDecimal(text))
	return n, n >= 0
}

// Set is a set of signals as the kernel lays it out: bit n-1 is signal n.
type Set uint64

// All holds every signal.
const All = ^Set(0)

// Of returns the set that holds s alone.
func Of(s Signal) Set { return 1 << (s - 1) }

// Has reports whether s is in the set.
func (set Set) Has(s Signal) bool { return set&Of(s) != 0 }

// Names lists the canonical names in the order of the numbers.
func Names() []string { return names[HUP:] }

// MaskIn returns the set of signals in the line of a text of /proc/PID/status that begins with a
// key such as "SigCgt:\t" (proc_pid_status(5)). It is empty if there is no such line. A key
// elsewhere does not count: it may be in the name of the process.
func MaskIn(status, key string) (set Set) {
	for more := true; more; {
		var line string
		line, status, more = ascii.Cut(status, '\n')
		if ascii.HasPrefix(line, key) {
			return maskOf(line[len(key):])
		}
	}
	return 0
}

// maskOf reads a set of signals in hexadecimal, up to the first other character.
func maskOf(digits string) (set Set) {
	for _, c := range []byte(digits) {
		switch {
		case c >= '0' && c <= '9':
			set = set<<4 | Set(c-'0')
		case c >= 'a' && c <= 'f':
			set = set<<4 | Set(c-'a'+10)
		default:
			return set
		}
	}
	return set
}
