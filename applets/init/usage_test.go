package initcmd_test

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"util/applets/init/options"
	"util/internal/test"

	"golang.org/x/sys/unix"
)

// Help, version and usage errors. (testdata/script has a case for each message.)

// The help is for a terminal of 80 columns, and has each option with its value and its variable.
func TestHelp(t *testing.T) {
	status, help, stderr := test.Run(t, bare(test.Util(t), "--help"))
	if status != 0 || stderr != "" {
		t.Fatalf("status %d, stderr %q", status, stderr)
	}
	for line := range strings.Lines(help) {
		if n := utf8.RuneCountInString(strings.TrimSuffix(line, "\n")); n > 80 {
			t.Errorf("%d columns: %q", n, line)
		}
	}
	_, list, _ := strings.Cut(help, "\nOptions:\n")
	list, _, found := strings.Cut(list, "\n\nExamples:\n")
	if !found {
		t.Fatalf("no options, or no examples, in %q", help)
	}
	var got, want []string
	for line := range strings.SplitSeq(list, "\n") {
		words := strings.Fields(line)
		if strings.HasPrefix(line, strings.Repeat(" ", 8)) { // more about the same option
			got[len(got)-1] += " " + strings.Join(words, " ")
		} else {
			got = append(got, strings.Join(words, " "))
		}
	}
	for _, o := range options.Table {
		text := "--" + o.Long
		if o.Short != 0 {
			text = fmt.Sprintf("-%c, %s", o.Short, text)
		}
		if o.Value != "" {
			text += " " + o.Value
		}
		text += " " + o.Help
		if o.Env != "" {
			text += " (" + options.EnvPrefix + o.Env + ")"
		}
		want = append(want, text)
	}
	if !slices.Equal(got, want) {
		t.Errorf("the options of the help are not those of the table:\n%s\n\n%s",
			strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

// withoutRuntime are command lines of init that do not run a command, and their statuses.
var withoutRuntime = []struct {
	env, line      string
	status         int
	stdout, stderr string // what the output begins with
}{
	{"", "init --help", 0, "Usage: util init ", ""},
	{"", "init --version", 0, "util ", ""},
	{"", "init", 2, "", "util init: command: missing"},
	{"", "init --grcae 5 true", 2, "", `util init: option "--grcae": unknown (did you mean --grace?)`},
	{"", "init -p TREM true", 2, "", `util init: -p: "TREM": signal "TREM": unknown (did you mean `},
	{"UTIL_INIT_GRACE=soon", "init true", 2, "", `util init: UTIL_INIT_GRACE: "soon": `},
	{"UTIL_INIT_GRACE=soon", "tini true", 2, "", `util init: UTIL_INIT_GRACE: "soon": `},
	{"UTIL_INIT_LOG_FORMAT=json", "init", 2, "", `{"time":"`},
}

// Where the Go runtime cannot start a thread, init still says what is wrong with a command line.
func TestUsageWithoutTasks(t *testing.T) {
	if os.Geteuid() != 0 {
		test.Missing(t, "root", "only root can become another user")
	}
	// No other test uses this user, as the limit is the user's: init itself, and no more.
	const user, limit = "54323", "1"
	wantUsage(t, "setuid", user, "tasklimit", limit, "exec", test.Util(t))
}

// Linked without the early entry, init needs no copy of itself for it.
func TestUsageWithoutCopy(t *testing.T) {
	test.NotAlone(t, "a second way into init")
	memfd := test.Number(unix.SYS_MEMFD_CREATE)
	wantUsage(t, "deny", strconv.Itoa(memfd), strconv.Itoa(int(unix.EPERM)), "exec", test.Plain(t))
}

// wantUsage runs the command lines of withoutRuntime by way of words of the probe.
func wantUsage(t *testing.T, words ...string) {
	t.Helper()
	for _, tc := range withoutRuntime {
		cmd := exec.Command(test.Probe(t), append(slices.Clone(words), strings.Fields(tc.line)...)...)
		cmd.Env = []string{"PATH=/usr/bin:/bin", tc.env}
		status, stdout, stderr := test.Run(t, cmd)
		if status != tc.status || !strings.HasPrefix(stdout, tc.stdout) ||
			!strings.HasPrefix(stderr, tc.stderr) || (stdout == "") != (tc.stdout == "") ||
			(stderr == "") != (tc.stderr == "") {
			t.Errorf("%s %s: status %d, stdout %q, stderr %q", tc.env, tc.line, status, stdout, stderr)
		}
	}
}

// Values are quoted as in Go. One that is too long is cut off, and what is said about it is not.
func TestQuotedValues(t *testing.T) {
	log := filepath.Join(t.TempDir(), "log")
	message := func(value string) string {
		t.Helper()
		cmd := bare(test.Util(t), "--exit-code", value+":x,1:1")
		cmd.Env = []string{"UTIL_INIT_TERMINATION_LOG=" + log}
		status, _, stderr := test.Run(t, cmd)
		text, _ := strings.CutSuffix(stderr, "Try 'util init --help'.\n")
		if status != 2 || text != read(t, log) {
			t.Fatalf("%q: status %d, stderr %q, termination log %q", value, status, stderr, read(t, log))
		}
		return text
	}
	var ascii strings.Builder
	for c := byte(1); c < 0x80; c++ {
		if c != ',' && c != ':' {
			ascii.WriteByte(c)
		}
	}
	for _, value := range []string{
		ascii.String()[:40], ascii.String()[40:], `"`, `\`, "é€𝄞中", "\u0085\u00a0\u00ad\u200b\u2028",
		"\ufeff\ufffd\uffff", "\U000e0001\U0010ffff", "\x80", "\xff!", "\xe2\x82", "\xed\xa0\x80",
		"\xc0\xaf", "\xf4\x90\x80\x80", "%v%s%", "",
	} {
		want := fmt.Sprintf("util init: --exit-code: %q: \"x\": is not a status", value+":x,1:1")
		if got := message(value); !strings.HasPrefix(got, want) {
			t.Errorf("got %q, want %q", got, want)
		}
	}
	for _, part := range []string{"a", `"`, "\x01", "é", "\u200b", "\xff", "\U000e0001"} {
		const end = `...": "x": is not a status from 0 to 255 (nor, before the colon, a signal or any)` +
			"\n"
		got := message(strings.Repeat(part, 1000))
		if !strings.HasSuffix(got, end) || len(got) < 300 || len(got) > 400 || !utf8.ValidString(got) {
			t.Errorf("%q: %q", part, got)
		}
	}
}

// In JSON too, what is said about two long values is complete.
func TestLongValuesInJSON(t *testing.T) {
	for _, part := range []string{"a", `"`, `\`, "\x01", "\xff", "\U000e0001"} {
		long := strings.Repeat(part, 1000)
		for _, tc := range []struct{ option, value, end string }{
			{"--exit-code", "1:1," + long + ":1", "a signal or any)"},
			{"--" + long, "", ": unknown"},
			{"--rewrite", "TERM:INT," + long, "is not of the form FROM:TO"},
		} {
			cmd := bare(test.Util(t), tc.option, tc.value)
			cmd.Env = []string{"UTIL_INIT_LOG_FORMAT=json"}
			status, _, stderr := test.Run(t, cmd)
			message, _ := object(t, stderr)["message"].(string)
			if status != 2 || !strings.HasSuffix(message, tc.end) {
				t.Errorf("%q %.20q: status %d, %q", part, tc.option, status, message)
			}
		}
	}
}

// Durations are written as Go writes them.
func TestDurationsInMessages(t *testing.T) {
	for _, text := range []string{
		"1ns", "999ns", "1us", "1500ns", "999999ns", "1ms", "1000001ns", "12.5ms", "1s", "1.5s",
		"59.999999999s", "1m", "61s", "1h", "1h1ns", "26h3m4.05s", "876000h",
	} {
		d, err := time.ParseDuration(text)
		test.Must(t, err)
		want := fmt.Sprintf("util init: --stop-delay (UTIL_INIT_STOP_DELAY): \"%v\": "+
			"must be shorter than the grace period of %v, or ", d, d)
		cmd := bare(test.Util(t), "--stop-delay", text, "--grace", text, "true")
		if status, _, stderr := test.Run(t, cmd); status != 2 || !strings.HasPrefix(stderr, want) {
			t.Errorf("%s: status %d, stderr %q", text, status, stderr)
		}
	}
}
