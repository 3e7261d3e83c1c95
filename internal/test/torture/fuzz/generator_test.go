package fuzz

import (
	"fmt"
	"math/rand/v2"
	"strings"
)

// generator makes command lines and environments, most of them nearly right.
type generator struct{ *rand.Rand }

func (g generator) oneOf(words ...string) string { return words[g.IntN(len(words))] }

// sometimes is true once in n times.
func (g generator) sometimes(n int) bool { return g.IntN(n) == 0 }

// line makes a command line and an environment of an original.
func (g generator) line(p peer) (args, env []string) {
	for !g.sometimes(3) {
		args = append(args, g.option(p.short, p.long, p.values)...)
	}
	args = append(args, g.rest()...)
	if g.sometimes(4) {
		args = append(args, g.option(p.short, p.long, p.values)...)
	}
	for g.sometimes(2) {
		env = append(env, g.mangle(g.oneOf(p.env...)))
	}
	return args, env
}

// option makes one option, or several letters in one word.
func (g generator) option(short string, long, values []string) []string {
	value := g.strange()
	if len(values) > 0 && !g.sometimes(6) {
		value = g.oneOf(values...)
	}
	switch g.IntN(8) {
	case 0, 1, 2, 3:
		word := "-"
		for {
			letter := short[g.IntN(len(short))]
			if letter == ':' {
				continue
			}
			word += string(letter)
			takes := strings.Contains(short, string(letter)+":")
			switch {
			case takes && g.sometimes(2):
				return []string{g.mangle(word + value)}
			case takes:
				return []string{g.mangle(word), value}
			case g.sometimes(2):
				return []string{g.mangle(word)}
			}
		}
	case 4, 5, 6:
		name, takes := strings.CutSuffix(g.oneOf(long...), "=")
		if g.sometimes(3) {
			name = name[:g.IntN(len(name)+1)]
		}
		word := "--" + name
		switch {
		case takes && g.sometimes(2), g.sometimes(12):
			return []string{g.mangle(word + "=" + value)}
		case takes:
			return []string{g.mangle(word), value}
		}
		return []string{g.mangle(word)}
	}
	return []string{g.strange()}
}

// rest makes what follows the options: usually a harmless command.
func (g generator) rest() (words []string) {
	if g.sometimes(3) {
		words = append(words, "--")
	}
	switch g.IntN(12) {
	case 0:
		return words
	case 1:
		none := g.oneOf("/no/such", "nowhere", "/etc", "/etc/passwd", "/etc/passwd/x", "", "-")
		return append(words, none)
	case 2:
		return append(words, g.command())
	case 3, 4:
		return append(words, "true", g.strange())
	case 5:
		return append(words, "probe", "raise", g.oneOf("1", "2", "9", "15", "34", "64"), "exit", "7")
	case 6:
		return append(words, "probe", "say", g.oneOf("x", "-v", "--", "-g", ""), "exit", "9")
	case 7:
		return append(words, "probe", "env", "TINI_SUBREAPER", "env", "UTIL_INIT_GRACE", "env", "PATH")
	}
	return append(words, "probe", "exit", fmt.Sprint(g.IntN(256)))
}

// command makes the name of a command that does not exist.
func (g generator) command() string { return "/no/" + g.strange() }

// strange makes a word that is no option.
func (g generator) strange() string {
	switch g.IntN(8) {
	case 0:
		return ""
	case 1:
		return "--"
	case 2:
		return g.oneOf("-", "---", "-=", "--=", "-é", "--é=", "\xff", "-\xff", "\x1b[31m", "\"", "%s",
			"\\n")
	case 3:
		// A name that no file can have is ENAMETOOLONG for the originals, and not found for util, which
		// then tries the next directory. With a slash it is a path, for which both fail at once.
		return g.oneOf("", "-", "--", "--x=") + "/" + long
	case 4:
		word := make([]byte, g.IntN(20))
		for i := range word {
			word[i] = byte(1 + g.IntN(255))
		}
		return string(word)
	}
	return g.oneOf("x", "true", "a b", "a=b", "0", "-1", "15", "TERM")
}

// mangle changes a byte of some words.
func (g generator) mangle(word string) string {
	if !g.sometimes(10) {
		return word
	}
	i := g.IntN(len(word) + 1)
	inserted := g.oneOf("", "-", "=", ":", "0", "a", "\xff", " ", "é")
	return word[:i] + inserted + word[min(i+g.IntN(2), len(word)):]
}

// The command line of util init, without what makes it wait or write a file.
const ownShort = "cr:p:g:e:vwh"

var (
	ownLong = []string{
		"single-child", "rewrite=", "parent-death=", "grace=", "stop-signal=", "stop-delay=", "scope=",
		"exit-code=", "log-format=", "verbose", "warn-reaped", "compat=", "help", "version",
	}
	ownValues = []string{
		"TERM", "TERM:INT", "9:3", "KILL", "RTMIN+3:none", "8s", "5", "1h2m", "1x", "876001h", "group",
		"ordered", "container", "text", "json", "xml", "3:0", "any:5", "TERM:1,INT:2", "143:999", "tini",
		"catatonit", "yes", "no", "2",
	}
)

// ownLine makes a command line and an environment of util init.
func (g generator) ownLine() (args, env []string) {
	for !g.sometimes(3) {
		args = append(args, g.option(ownShort, ownLong, ownValues)...)
	}
	args = append(args, g.rest()...)
	for g.sometimes(2) {
		name := strings.TrimSuffix(ownLong[g.IntN(len(ownLong)-2)], "=")
		name = g.mangle(strings.ToUpper(strings.ReplaceAll(name, "-", "_")))
		env = append(env, g.mangle("UTIL_INIT_"+name+"="+g.oneOf(ownValues...)))
	}
	return args, env
}
