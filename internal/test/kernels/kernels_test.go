package main

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"util/internal/test"
)

// What an archive contains arrives where a program that reads the format unpacks it.
func TestArchive(t *testing.T) {
	from := t.TempDir()
	test.Must(t, os.MkdirAll(filepath.Join(from, "deep/er"), 0o755))
	test.Must(t, os.WriteFile(filepath.Join(from, "deep/er/five"), []byte("five5"), 0o750))
	var b bytes.Buffer
	a := archive{w: &b}
	a.link("init", "/bin/one")
	a.copy("copied", from)
	for _, n := range []string{"", "1", "22", "333", "4444"} { // each padding
		a.file("bin/f"+n, 0o644, []byte(n))
	}
	a.dir("root")
	test.Must(t, a.end())
	if b.Len()%4 != 0 {
		t.Errorf("%d bytes", b.Len())
	}

	to := t.TempDir()
	cmd := exec.Command(test.Tool(t, "busybox"), "cpio", "-i")
	cmd.Dir, cmd.Stdin = to, &b
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	for name, want := range map[string]string{
		"bin/f": "", "bin/f1": "1", "bin/f22": "22", "bin/f333": "333", "bin/f4444": "4444",
		"copied/deep/er/five": "five5",
	} {
		if got, err := os.ReadFile(filepath.Join(to, name)); err != nil || string(got) != want {
			t.Errorf("%s: %q, %v", name, got, err)
		}
	}
	if target, err := os.Readlink(filepath.Join(to, "init")); err != nil || target != "/bin/one" {
		t.Errorf("link to %q, %v", target, err)
	}
	for name, want := range map[string]os.FileMode{
		"root": os.ModeDir | 0o755, "copied/deep/er/five": 0o750,
	} {
		if info, err := os.Stat(filepath.Join(to, name)); err != nil || info.Mode() != want {
			t.Errorf("%s: %v, %v", name, info, err)
		}
	}
}

func TestReadConsole(t *testing.T) {
	c, err := readConsole(strings.NewReader("SeaBIOS\r\n" +
		"@@guest| release 6.1.0\r\n" +
		"util init: a line of PID 1\r\n" +
		"@@init| \x16=== RUN   TestOne\r\n" +
		"no newline before this@@init| \x16--- PASS: TestOne (0.00s)\r\n" +
		"@@init\r\n@@init| \r\n" +
		"@@guest| end init: exit status 1\r\n" +
		"[    8.791426] Kernel panic - not syncing: Attempted to kill init! exitcode=0x00002a00\r\n"))
	test.Must(t, err)
	if c.release != "6.1.0" || c.ends["init"] != "exit status 1" {
		t.Errorf("%+v", c)
	}
	if want := "\x16=== RUN   TestOne\n\x16--- PASS: TestOne (0.00s)\n\n"; c.outputs["init"] != want {
		t.Errorf("output %q, want %q", c.outputs["init"], want)
	}
	if status, err := c.status(); status != 42 || err != nil {
		t.Errorf("status %d, %v", status, err)
	}
	if _, err := readConsole(strings.NewReader(strings.Repeat("x", longestLine+1))); err == nil {
		t.Error("a line without an end is accepted")
	}
}

func TestStatusOfPID1(t *testing.T) {
	for message, action := range map[string]string{
		"Attempted to kill init! exitcode=0x00002a00": "pass",
		"Attempted to kill init! exitcode=0x00000000": "fail",
		"Attempted to kill init! exitcode=0x0000000b": "fail", // by a signal
		"Attempted to kill init! exitcode=0x00002a0b": "fail",
		"VFS: Unable to mount root fs":                "fail",
		"":                                            "fail",
	} {
		if got := (console{panicked: message}).statusResult(); got.action != action {
			t.Errorf("%q: %v, want %s", message, got, action)
		}
	}
}

func TestReadResults(t *testing.T) {
	all, err := readResults("\x16=== RUN   TestA\n\x16=== RUN   TestA/sub\n" +
		"    a_test.go:7: missing: X: why\n" +
		"\x16--- SKIP: TestA/sub (0.00s)\n\x16--- PASS: TestA (0.00s)\n\x16=== RUN   TestB\n" +
		"--- PASS: TestC (0.00s)\n    b_test.go:8: wrong\n\x16--- FAIL: TestB (0.00s)\n" +
		"\x16=== RUN   TestD\n")
	test.Must(t, err)
	for name, want := range map[string]string{
		"TestA": "pass", "TestA/sub": "skip", "TestB": "fail", "TestC": "", "TestD": "", "TestE": "",
	} {
		if got := all[name].action; got != want {
			t.Errorf("%s: %q, want %q", name, got, want)
		}
	}
	if why := all["TestA/sub"].reason(); why != "missing: X: why" {
		t.Errorf("reason %q", why)
	}
	if !strings.Contains(all["TestB"].output, "b_test.go:8: wrong") {
		t.Errorf("output %q", all["TestB"].output)
	}
}

// A cell is good only if each test of the row has a result, and what is left out is known to be
// missing in that kernel.
func TestJudge(t *testing.T) {
	pass, fail := result{action: "pass"}, result{action: "fail"}
	skip := func(why string) result { return result{"skip", "    x_test.go:1: " + why + "\n"} }
	const inodes = "missing: inodes of pidfds: they need Linux 6.9"
	const old, newest = "6.1-amd64", "7.2-amd64"
	for _, tc := range []struct {
		name   string
		kernel string
		tests  string
		all    results
		want   string
		notes  int
	}{
		{"all pass", old, "A B", results{"A": pass, "B": pass}, good, 0},
		{"a hole", old, "A B", results{"A": pass}, bad, 0},
		{"began only", old, "A", results{"A": {}}, bad, 0},
		{"the program did not run", old, "A", nil, bad, 0},
		{"no test", old, "", results{"A": pass}, bad, 0},
		{"one fails", old, "A B", results{"A": fail, "B": pass}, bad, 0},
		{"a subtest fails", old, "A", results{"A": pass, "A/x": fail}, bad, 0},
		{"a subtest of another", old, "A", results{"A": pass, "AB/x": fail}, good, 0},
		{"a row with a subtest", old, "A/x", results{"A": fail, "A/x": pass}, good, 0},
		{"left out", old, "A", results{"A": skip(inodes)}, leftOut, 1},
		{"partly", old, "A B", results{"A": skip(inodes), "B": pass}, good, 1},
		{
			"all subtests left out", old, "A",
			results{"A": pass, "A/x": skip(inodes), "A/y": skip(inodes)},
			leftOut, 2,
		},
		{"left out on a new kernel", newest, "A", results{"A": skip(inodes)}, bad, 0},
		{"an unknown reason", old, "A", results{"A": skip("missing: tini: not found")}, bad, 0},
		{"no reason", old, "A", results{"A": {action: "skip"}}, bad, 0},
		{"not in util-init", old, "A", results{"A": skip("util-init has not: help")}, leftOut, 0},
	} {
		list, err := selected([]string{tc.kernel})
		test.Must(t, err)
		r := row{"", "p", words(tc.tests)}
		c := r.judge(list[0], map[string]results{"p": tc.all})
		if c.text != tc.want || len(c.reasons) != tc.notes {
			t.Errorf("%s: %+v, want %s", tc.name, c, tc.want)
		}
		if explained := len(c.wrong) > 0; explained != (c.text == bad) {
			t.Errorf("%s: %+v: not explained", tc.name, c)
		}
	}
}

func TestTable(t *testing.T) {
	tab := table{kernels: []string{"5.10", "7.2"}}
	tab.line("one", []cell{{text: good, reasons: []string{"b", "a", "b"}}, {text: bad}})
	tab.line("another", []cell{{text: leftOut, reasons: []string{"b"}}, {text: good}})
	const want = `| test    | 5.10       | 7.2  |
| ------- | ---------- | ---- |
| one     | ok (1) (2) | FAIL |
| another | - (2)      | ok   |

1. a
2. b
`
	if got := tab.String(); got != want {
		t.Errorf("got:\n%swant:\n%s", got, want)
	}
}

func TestSelected(t *testing.T) {
	if list, err := selected(nil); err != nil || len(list) != len(kernels) {
		t.Errorf("%v, %v", list, err)
	}
	if _, err := selected([]string{"6.1-amd64", "2.6-i386"}); err == nil ||
		!strings.Contains(err.Error(), `"2.6-i386"`) {
		t.Errorf("error %v", err)
	}
}

func TestKernelDependency(t *testing.T) {
	for _, tc := range []struct{ description, want string }{
		{"Depends: linux-image-6.1.0-50 (= 6.1.176-1)\n", "linux-image-6.1.0-50"},
		{
			"Pre-Depends: linux-base\nDepends: dracut | x, linux-base-7, linux-binary-7 (= 7.2)\n",
			"linux-binary-7",
		},
		{"Depends: kmod, linux-base (>= 4.3~)\nBreaks: linux-image-x\n", ""},
		{"", ""},
	} {
		if got := kernelDependency(tc.description); got != tc.want {
			t.Errorf("%q: %q, want %q", tc.description, got, tc.want)
		}
	}
}

// The tests that the rows name exist, and so do the rows and kernels that the document shows.
func TestRows(t *testing.T) {
	const root = "../../.."
	for _, r := range rows {
		text := "func " + statusTest + "(" // what this program and package guest report
		pkg, found := packages[r.program]
		if !found {
			pkg = "internal/test/kernels/guest"
		}
		files, err := filepath.Glob(filepath.Join(root, pkg, "*.go"))
		test.Must(t, err)
		for _, file := range files {
			data, err := os.ReadFile(file)
			test.Must(t, err)
			text += regexp.MustCompile(`name = "(Test\w+)"`).ReplaceAllString(string(data), "func $1(")
		}
		for _, name := range r.tests {
			name, _, _ = strings.Cut(name, "/")
			if !strings.Contains(text, "func "+name+"(") {
				t.Errorf("%s: %s has no %s", r.what, pkg, name)
			}
		}
	}
	for _, what := range again {
		if !slices.ContainsFunc(rows, func(r row) bool {
			return r.what == what && r.program == initTests
		}) {
			t.Errorf("%q: no row of init", what)
		}
	}
	data, err := os.ReadFile(filepath.Join(root, "docs/kernels.md"))
	test.Must(t, err)
	var documented []string
	for line := range strings.Lines(string(data)) {
		if cells := strings.Split(line, " | "); strings.HasPrefix(line, "| ") {
			documented = append(documented, strings.TrimSpace(strings.TrimPrefix(cells[0], "| ")))
		}
	}
	for _, r := range allRows() {
		if !slices.Contains(documented, r.what) {
			t.Errorf("docs/kernels.md: the table has no row %q", r.what)
		}
	}
	for _, name := range allNames() {
		if !strings.Contains(string(data), " "+name+" ") {
			t.Errorf("docs/kernels.md: kernel %q is not there", name)
		}
	}
}
