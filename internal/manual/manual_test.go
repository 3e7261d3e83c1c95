package main

import (
	"bytes"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"util/applets"
	"util/applets/init/options"
	"util/internal/test"
)

func TestMain(m *testing.M) { test.Main(m, applets.Main) }

// makePages writes the pages and returns their paths, by the names of the applets. "" is util
// itself.
func makePages(t *testing.T) map[string]string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "man")
	test.Must(t, write(dir, "1.2-3-gabc-dirty", "2026-11-29T03:16:11Z"))
	paths := map[string]string{"": filepath.Join(dir, "util.1")}
	_, list, _ := test.Run(t, exec.Command(test.Whole(t), "--list"))
	for name := range strings.FieldsSeq(list) {
		paths[name] = filepath.Join(dir, "util-"+name+".1")
	}
	return paths
}

// rendered returns a page as a terminal of 80 columns shows it.
func rendered(t *testing.T, path string) string {
	t.Helper()
	cmd := exec.Command(test.Tool(t, "man"), "-E", "UTF-8", "-l", path)
	cmd.Env = append(os.Environ(), "MANWIDTH=80", "LC_ALL=C.UTF-8", "PAGER=cat")
	text := output(t, cmd)
	// Overstrikes, as in ul(1), which man writes for bold and italic where escapes are off.
	return regexp.MustCompile(".\b|\x1b\\[[0-9;]*m").ReplaceAllString(text, "")
}

// output runs a command that must not write to stderr.
func output(t *testing.T, cmd *exec.Cmd) string {
	t.Helper()
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil || stderr.Len() > 0 {
		t.Errorf("%q: %v: %s%s", cmd.Args, err, out, stderr.String())
	}
	return string(out)
}

func TestLint(t *testing.T) {
	mandoc, man := test.Tool(t, "mandoc"), test.Tool(t, "man")
	test.Tool(t, "groff")
	for _, path := range makePages(t) {
		if out := output(t, exec.Command(mandoc, "-Tlint", path)); out != "" {
			t.Error(out)
		}
		output(t, exec.Command(man, "--warnings", "-E", "UTF-8", "-l", path))
		text, err := os.ReadFile(path)
		test.Must(t, err)
		if i := bytes.IndexFunc(text, func(r rune) bool { return r >= utf8.RuneSelf }); i >= 0 {
			t.Errorf("%s: is not ASCII: %q", path, text[i:min(i+40, len(text))])
		}
	}
}

type part struct {
	name     string
	required bool
}

// order is that of man-pages(7). A page must have the sections that are true here.
var order = []part{
	{"NAME", true},
	{"SYNOPSIS", true},
	{"DESCRIPTION", true},
	{"OPTIONS", true},
	{"EXIT STATUS", true},
	{"ENVIRONMENT", false},
	{"FILES", true},
	{"NOTES", false},
	{"CAVEATS", false},
	{"EXAMPLES", true},
	{"SEE ALSO", true},
}

func TestSections(t *testing.T) {
	for _, path := range makePages(t) {
		sections := split(t, path)
		at := -1
		for _, s := range sections {
			index := slices.IndexFunc(order, func(o part) bool { return o.name == s.name })
			if index <= at {
				t.Errorf("%s: section %q: unknown, or not in the order of man-pages(7)", path, s.name)
			}
			at = max(at, index)
			if strings.TrimSpace(s.text) == "" {
				t.Errorf("%s: section %q is empty", path, s.name)
			}
		}
		for _, o := range order {
			if o.required && find(sections, o.name) == "" {
				t.Errorf("%s: section %q is missing", path, o.name)
			}
		}
	}
}

// section is a section of a page that was rendered.
type section struct{ name, text string }

func split(t *testing.T, path string) (all []section) {
	t.Helper()
	lines := slices.Collect(strings.Lines(rendered(t, path)))
	if len(lines) < 3 {
		t.Fatalf("%s: is empty", path)
	}
	for _, line := range lines[1 : len(lines)-1] { // without header and footer
		switch name := strings.TrimSuffix(line, "\n"); {
		case name != "" && name[0] != ' ':
			all = append(all, section{name: name, text: "\n"})
		case len(all) > 0:
			all[len(all)-1].text += line
		}
	}
	return all
}

func find(sections []section, name string) string {
	for _, s := range sections {
		if s.name == name {
			return s.text
		}
	}
	return ""
}

// joined is a text in one line, for a search of words that can be in two lines.
func joined(text string) string { return strings.Join(strings.Fields(text), " ") }

// Everything that a list in --help has is in the page: options, exit statuses, examples.
func TestComplete(t *testing.T) {
	util := test.Whole(t)
	option := regexp.MustCompile(`(?m)^  (-\w, |    )(--\S+(?: [A-Z@:]+)?)(?:  |$)`)
	status := regexp.MustCompile(`(?m)^  ([\dn+, ]*[\dn])  `)
	for name, path := range makePages(t) {
		_, help, _ := test.Run(t, exec.Command(util, strings.Fields(name+" --help")...))
		sections := split(t, path)
		found := option.FindAllStringSubmatch(help, -1)
		if len(found) < 4 {
			t.Errorf("%s: options in the help: %q", name, found)
		}
		for _, m := range found {
			line := strings.TrimSpace(m[1]) + " " + m[2]
			form := `(?m)^       ` + regexp.QuoteMeta(strings.TrimSpace(line)) + `( |$)`
			if !regexp.MustCompile(form).MatchString(find(sections, "OPTIONS")) {
				t.Errorf("%s: option %q is not in the page", name, line)
			}
		}
		description := joined(find(sections, "DESCRIPTION"))
		for _, m := range status.FindAllStringSubmatch(help, -1) {
			if !strings.Contains(find(sections, "EXIT STATUS"), "\n       "+m[1]) {
				t.Errorf("%s: exit status %q is not in the page", name, m[1])
			}
		}
		if strings.Contains(description, "Exit status") {
			t.Errorf("%s: the exit statuses are in the description", name)
		}
		_, examples, _ := strings.Cut(help, "\nExamples:\n")
		for line := range strings.Lines(examples) {
			line = strings.TrimSpace(line)
			if !strings.HasPrefix(line, "# ") && !strings.Contains(find(sections, "EXAMPLES"), line+"\n") {
				t.Errorf("%s: example %q is not in the page", name, line)
			}
		}
	}
}

// The document of an applet has the options of the help and the exit statuses of the page in its
// tables, and no others.
func TestDocuments(t *testing.T) {
	util := test.Whole(t)
	var (
		inHelp  = regexp.MustCompile(`(?m)^  (?:-\w, |    )--([a-z-]+)`)
		cell    = regexp.MustCompile(`(?m)^\| ([^|]*) \|`)
		option  = regexp.MustCompile("`--([a-z-]+)")
		status  = regexp.MustCompile(`(?m)^\| ([\dn+, ]+) \|`)
		inPage  = regexp.MustCompile(`(?m)^       ([\dn+, ]*[\dn])(?:  |$)`)
		general = []string{"help", "version"} // docs/util.md has them
	)
	for name, path := range makePages(t) {
		if name == "" {
			continue
		}
		file := filepath.Join("../../docs", name+".md")
		document, err := os.ReadFile(file)
		test.Must(t, err)
		_, statuses, _ := strings.Cut(string(document), "\n## Exit status\n")
		statuses, _, _ = strings.Cut(statuses, "\n## ")

		var got, want []string
		for _, m := range cell.FindAllStringSubmatch(string(document), -1) {
			for _, o := range option.FindAllStringSubmatch(m[1], -1) {
				if !slices.Contains(general, o[1]) {
					got = append(got, "--"+o[1])
				}
			}
		}
		_, help, _ := test.Run(t, exec.Command(util, name, "--help"))
		for _, m := range inHelp.FindAllStringSubmatch(help, -1) {
			if !slices.Contains(general, m[1]) {
				want = append(want, "--"+m[1])
			}
		}
		compare(t, file, got, want)

		got, want = nil, nil
		for _, m := range status.FindAllStringSubmatch(statuses, -1) {
			got = append(got, m[1])
		}
		for _, m := range inPage.FindAllStringSubmatch(find(split(t, path), "EXIT STATUS"), -1) {
			want = append(want, m[1])
		}
		compare(t, file, got, want)
	}
}

// compare reports what is in one list only. Entries such as "126, 127" count as several.
func compare(t *testing.T, file string, got, want []string) {
	t.Helper()
	set := func(list []string) []string {
		words := strings.ReplaceAll(strings.Join(list, " "), ",", " ")
		return slices.Compact(slices.Sorted(strings.FieldsSeq(words)))
	}
	if got, want := set(got), set(want); !slices.Equal(got, want) || len(got) < 2 {
		t.Errorf("%s has %q, the help or the page has %q", file, got, want)
	}
}

// The statuses of init are prose in its help, and a list in its page.
func TestInit(t *testing.T) {
	sections := split(t, makePages(t)[initName])
	_, help, _ := test.Run(t, exec.Command(test.Whole(t), "init", "--help"))
	_, prose, _ := strings.Cut(help, "\nExit status: ")
	prose, _, _ = strings.Cut(prose, "\n\n")
	numbers := regexp.MustCompile(`\d+`).FindAllString(prose, -1)
	if len(numbers) < 4 {
		t.Errorf("exit statuses in the help: %q", prose)
	}
	for _, n := range numbers {
		if !strings.Contains(find(sections, "EXIT STATUS"), "\n       "+n+" ") {
			t.Errorf("exit status %s is not in the page", n)
		}
	}
	for _, o := range options.Table {
		name := options.EnvPrefix + o.Env
		if o.Env != "" && !strings.Contains(find(sections, "ENVIRONMENT"), "\n       "+name+"\n") {
			t.Errorf("variable %s is not in the page", name)
		}
	}
	for _, name := range options.Aliases {
		if !strings.Contains(joined(find(sections, "NOTES")), name) {
			t.Errorf("the name %s is not in the page", name)
		}
	}
}

func TestUtil(t *testing.T) {
	paths := makePages(t)
	description := joined(find(split(t, paths[""]), "DESCRIPTION"))
	for name := range paths {
		if name != "" && !strings.Contains(description, "util-"+name+"(1)") {
			t.Errorf("util.1 does not refer to the page of %s", name)
		}
	}
	for _, name := range options.Aliases {
		if !strings.Contains(description, name) {
			t.Errorf("util.1 does not have the name %s", name)
		}
	}
}

// A reference to a page of util is to one that exists.
func TestReferences(t *testing.T) {
	paths := makePages(t)
	exists := func(name string) bool {
		return slices.ContainsFunc(slices.Collect(maps.Values(paths)), func(path string) bool {
			return filepath.Base(path) == name+".1"
		})
	}
	reference := regexp.MustCompile(`(util[a-z-]*)\(1\)`)
	for _, path := range paths {
		for _, m := range reference.FindAllStringSubmatch(rendered(t, path), -1) {
			if !exists(m[1]) {
				t.Errorf("%s: %s does not exist", path, m[0])
			}
		}
	}
}

// Lines fit into a terminal, except those of examples, which are not filled.
func TestWidth(t *testing.T) {
	for _, path := range makePages(t) {
		for _, s := range split(t, path) {
			for line := range strings.Lines(s.text) {
				n := utf8.RuneCountInString(strings.TrimSuffix(line, "\n"))
				if n > 80 && s.name != "EXAMPLES" {
					t.Errorf("%s: %s: %d columns: %s", path, s.name, n, line)
				}
			}
		}
	}
}

// In the last line there is room for the version beside the date, whatever it is.
func TestFooter(t *testing.T) {
	for version, want := range map[string]string{
		"1.2.3":                            "1.2.3",
		"1.2.3-rc1":                        "1.2.3-rc1",
		"1.2.3-rc1-15-g0123456789ab-dirty": "1.2.3-rc1-15-dirty",
		"0.0.0-20261129074218-bbcd0b139d66-dirty": "0.0.0-20261129074218-dirty",
	} {
		dir := filepath.Join(t.TempDir(), "man")
		test.Must(t, write(dir, version, "2026-11-29"))
		lines := strings.Split(strings.TrimSpace(rendered(t, filepath.Join(dir, "util-run-as.1"))), "\n")
		last := lines[len(lines)-1]
		if !strings.HasPrefix(last, "util "+want+"  ") || !strings.Contains(last, "  2026-11-29  ") {
			t.Errorf("version %s: the last line is %q", version, last)
		}
	}
}

func TestSameBytes(t *testing.T) {
	one, err := pages("1.0", "2026-11-29")
	test.Must(t, err)
	two, err := pages("1.0", "2026-11-29T23:59:59Z")
	test.Must(t, err)
	if !maps.EqualFunc(one, two, bytes.Equal) {
		t.Error("two runs differ")
	}
	if _, err := pages("1.0", "29.11.2026"); err == nil {
		t.Error("a date in another form is accepted")
	}
}

func TestMarkup(t *testing.T) {
	for _, tc := range []struct{ text, want string }{
		{"Use -t or --time-out.", `Use \fB\-t\fR or \fB\-\-time\-out\fR.`},
		{"One. sendsig ends.", "One.\n\\fBsendsig\\fR ends."},
		{"'quoted' first", "\\&'quoted' first"},
		{".hidden", "\\&.hidden"},
		{`a back\slash`, `a back\eslash`},
		{`"x" ~ ^`, `\(dqx\(dq \(ti \(ha`},
		{"a set-user-ID file", "a set-user-ID file"},
		{"`kill -1 'x'` of kill(1).", `\fBkill \-1 \(aqx\(aq\fR of \fBkill\fR(1).`},
		{"(see /etc/group, proc(5))", `(see \fI/etc/group\fR, \fBproc\fR(5))`},
		{"-PID, PID:x", `\fB\-\fR\fIPID\fR, \fIPID\fR\fB:x\fR`},
		{"[HOST:]PID", `[\fIHOST\fR\fB:\fR]\fIPID\fR`},
		{"*PID* and `PID`", `\fIPID\fR and \fBPID\fR`},
		{"CAP_KILL's", `\fBCAP_KILL\fR's`},
		{"option… more", "option... more"},
		{strings.Repeat("1234567 ", 9) + "x… yyyy", strings.Repeat("1234567 ", 9) + "x...\\&\nyyyy"},
	} {
		p := &page{values: []string{"PID", "HOST"}, programs: []string{"sendsig"}}
		p.text([]string{tc.text})
		if got := strings.TrimSuffix(p.String(), "\n"); got != tc.want {
			t.Errorf("%s\ngot  %s\nwant %s", tc.text, got, tc.want)
		}
	}
}

func TestBlocks(t *testing.T) {
	const text = `# ONE
First.

Second,
same.
  -x PID   a term;
    more
  other
    last

    a further paragraph

Third:
` + "```" + `
'a -x
` + "```" + `
## Two
End.`
	const want = `.SH ONE
First.
.PP
Second, same.
.TP
\fB\-x\fR \fIPID\fR
A term; more.
.TP
other
Last.
.IP
a further paragraph
.PP
Third:
.PP
.in +4n
.EX
\(aqa \-x
.EE
.in
.SS Two
End.
`
	p := &page{values: []string{"PID"}}
	p.blocks(strings.Split(text, "\n"))
	if got := p.String(); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}
