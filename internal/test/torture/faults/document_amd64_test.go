package faults_test

import (
	"fmt"
	"os"
	"strings"
	"testing"

	"util/internal/test"
	"util/internal/test/torture/scenario"
)

const (
	document = "../../../../docs/faults.md"
	// begin and end are the lines around the tables in the document.
	begin = "<!-- faults: made by go test ./internal/test/torture/faults -->\n"
	end   = "<!-- end of faults -->"
)

// The document has the tables of this test. With UTIL_TEST_UPDATE they are written there.
func TestDocument(t *testing.T) {
	text, err := os.ReadFile(document)
	test.Must(t, err)
	before, rest, found := strings.Cut(string(text), begin)
	got, after, ended := strings.Cut(rest, end)
	if !found || !ended {
		t.Fatalf("%s has not the lines %q and %q", document, begin, end)
	}
	want := tables()
	if got == want {
		return
	}
	if os.Getenv("UTIL_TEST_UPDATE") == "" {
		t.Fatalf("the tables of %s are not these:\n%s", document, want)
	}
	test.Must(t, os.WriteFile(document, []byte(before+begin+want+end+after), 0o644))
}

// tables returns the tables: what fails in what, and the exceptions.
func tables() string {
	var b strings.Builder
	b.WriteString("\nThe scenarios are:\n\n")
	for _, name := range names() {
		fmt.Fprintf(&b, "- %s\n", name)
	}
	b.WriteString("\n")
	fmt.Fprintf(&b, "| call | what init does with it | errors, besides %s | outcome |\n",
		errnoNames(filter))
	b.WriteString("| --- | --- | --- | --- |\n")
	for i := range calls {
		c := &calls[i]
		var what []string
		for j := range exceptions {
			if exceptions[j].call == c.name {
				what = append(what, fmt.Sprintf("[%d](#exceptions)", j+1))
			}
		}
		outcome := string(same)
		switch {
		case c.elsewhere != "":
			outcome = "not tried: " + c.elsewhere
		case len(what) > 0:
			outcome += ", but for " + strings.Join(what, ", ")
		}
		fmt.Fprintf(&b, "| %s | %s | %s | %s |\n", c.name, c.use, errnoNames(c.errnos), outcome)
	}
	b.WriteString("\n## Exceptions\n\n")
	b.WriteString("| | call | errors | which calls fail | where | outcome | why |\n")
	b.WriteString("| --- | --- | --- | --- | --- | --- | --- |\n")
	for i := range exceptions {
		e := &exceptions[i]
		errors, where := errnoNames(e.errnos), e.where
		if errors == "" {
			errors = "all"
		}
		if where == "" {
			where = "everywhere"
		}
		what := make([]string, 0, len(e.what))
		for _, o := range e.what {
			what = append(what, string(o))
		}
		fmt.Fprintf(&b, "| %d | %s | %s | %s | %s | %s | %s |\n", i+1, e.call, errors, e.when, where,
			strings.Join(what, "; "), e.why)
	}
	return b.String() + "\n"
}

func names() (names []string) {
	for _, sc := range scenario.All() {
		names = append(names, sc.Name)
	}
	return names
}
