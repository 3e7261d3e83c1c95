package report

import (
	"encoding/json"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"

	"util/internal/printable"
	"util/internal/test"
)

// FuzzCgroup gets texts of /proc/self/cgroup and of the file with the count of kills.
func FuzzCgroup(f *testing.F) {
	own, err := os.ReadFile("/proc/self/cgroup")
	test.Must(f, err)
	f.Add(string(own), "low 0\nhigh 0\nmax 4\noom 1\noom_kill 1\noom_group_kill 0\n")
	f.Add("0::/\n", "oom_kill_disable 0\nunder_oom 0\noom_kill 12")
	f.Add("4:memory:/a:b\n0::/c (deleted)\n1:name=systemd:/\n", "oom_kill 99999999999\n")
	f.Add("0:\n:\n::\n:::\n5:cpu,memory:/x", "oom_kill \n"+"oom_kill 3")
	f.Fuzz(func(t *testing.T, cgroups, events string) {
		v1, v2 := memoryPaths(cgroups)
		var want1, want2 string
		for row := range strings.SplitSeq(cgroups, "\n") {
			if fields := strings.SplitN(row, ":", 3); len(fields) == 3 {
				switch fields[1] {
				case "":
					want2 = fields[2]
				case "memory":
					want1 = fields[2]
				}
			}
		}
		if v1 != want1 || v2 != want2 {
			t.Errorf("%q: %q, %q, want %q, %q", cgroups, v1, v2, want1, want2)
		}
		if tryMemory(true, "/no/such"+v1) {
			t.Errorf("%q: a cgroup that is not there", cgroups)
		}

		want := int64(-1)
		rows := strings.Split(events, "\n")
		is := func(row string) bool { return strings.HasPrefix(row, "oom_kill ") }
		if at := slices.IndexFunc(rows, is); at >= 0 {
			digits := strings.TrimPrefix(rows[at], "oom_kill ")
			n, err := strconv.ParseUint(digits, 10, 64)
			if err == nil && len(digits) <= 10 {
				want = int64(n)
			}
		}
		if got := oomKillsIn(events); got != want {
			t.Errorf("%q: %d, want %d", events, got, want)
		}
	})
}

// FuzzLine gets texts from outside, such as names of processes, and makes lines of them. A line is
// one line, whatever the texts are, and shows no character that could disturb. In the format json
// it is an object, whose fields have the texts.
func FuzzLine(f *testing.F) {
	f.Add("sleep", "exit status 3", "UTIL_INIT_GRAEC")
	f.Add("\x1b[31m\"\\\x00\xff\u202e", strings.Repeat(`"\`, 700), strings.Repeat("é", 300))
	f.Add(strings.Repeat("x", 2000), strings.Repeat("日本", 300), "\"")
	f.Fuzz(func(t *testing.T, name, sentence, value string) {
		for _, isJSON := range []bool{false, true} {
			line := NewLine()
			line.prefix(isJSON)
			line.str(`command "`)
			line.Plain(name)
			line.str(`": `)
			line.quoted(value)
			line.escaped(sentence)
			line.field("name", name)
			line.fieldNum("number", 7)
			line.field("value", value)
			line.Finish()
			text := line.Text()
			rest, ended := strings.CutSuffix(text, "\n")
			if !ended || len(text) > len(line.buf) {
				t.Errorf("%q: no line", text)
			}
			for rest != "" {
				n, ok := printable.First(rest)
				if !ok {
					t.Errorf("%q shows %q", text, rest[:n])
				}
				rest = rest[n:]
			}
			if !isJSON {
				continue
			}
			var object struct {
				Message, Name, Value string
				Number               int
			}
			err := json.Unmarshal([]byte(text), &object)
			if err != nil || object.Number != 7 || !strings.HasPrefix(object.Message, `command "`) ||
				object.Name != shown(name) || object.Value != shown(value) {
				t.Errorf("%q: %v, %+v", text, err, object)
			}
		}
	})
}

// shown is what a field shows of a text.
func shown(text string) string {
	shown := printable.Text(upTo(text, maxValue))
	return strings.NewReplacer(`"`, "?", `\`, "?").Replace(shown)
}
