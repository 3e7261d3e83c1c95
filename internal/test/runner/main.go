// Runner runs go test with the given arguments. It prints the output of the tests that fail and, at
// the end, what tests have reported with torture.Result, and a list of the skipped tests with the
// reasons.
//
// If tests of early code are among those that the arguments select, it runs them again with other
// programs in the place of util: those of init, and parts of the campaign, with util-init; and on
// amd64 those of early code with util for 386, which the kernel executes too. What it prints of
// these runs begins with "util-init: " or "386: ".
package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"runtime"
	"slices"
	"sort"
	"strings"
)

// again are the further runs. What a variable is for is said in internal/test.
var again = []struct {
	program, variable, value string
	packages                 []string
	onlyOn                   string // this architecture, if not empty
}{
	{
		program: "util-init: ", variable: "UTIL_TEST_ALONE", value: "1",
		packages: []string{
			"util/applets/init", "util/internal/test/torture/chaos", "util/internal/test/torture/faults",
			"util/internal/test/torture/limits",
		},
	},
	{
		program: "386: ", variable: "UTIL_TEST_ARCH", value: "386",
		packages: []string{"util/applets/init", "util/applets/runas", "util/applets/signal"},
		onlyOn:   "amd64",
	},
}

// event is one line of `go test -json` (go doc test2json).
type event struct {
	Action, Package, Test, Output string
}

// results is what is known of the tests so far.
type results struct {
	passed, failed int
	skipped        []string            // each with its reason
	reported       []string            // each with the name of its test
	output         map[string][]string // of each test that has not ended
	explained      map[string]bool     // the packages in which a test has failed
	packages       map[string]bool     // the packages that were selected
	program        string              // what precedes the names of tests
}

func main() {
	r := &results{packages: map[string]bool{}}
	r.run(os.Args[1:])
	selected := maps.Clone(r.packages)
	for _, a := range again {
		packages := slices.DeleteFunc(slices.Clone(a.packages), func(p string) bool {
			return !selected[p]
		})
		if len(packages) == 0 || a.onlyOn != "" && a.onlyOn != runtime.GOARCH {
			continue
		}
		os.Setenv(a.variable, a.value)
		r.program = a.program
		r.run(withPackages(os.Args[1:], packages))
		os.Unsetenv(a.variable)
	}
	r.print()
	if r.failed > 0 {
		os.Exit(1)
	}
}

// withPackages returns the arguments with other packages in the place of theirs.
func withPackages(args, packages []string) []string {
	isPackage := func(arg string) bool {
		return arg == "." || strings.HasPrefix(arg, "./") || strings.HasPrefix(arg, "util/")
	}
	rest := slices.DeleteFunc(slices.Clone(args), isPackage)
	return slices.Insert(rest, max(0, slices.IndexFunc(args, isPackage)), packages...)
}

// run runs go test and adds its results.
func (r *results) run(args []string) {
	r.output, r.explained = map[string][]string{}, map[string]bool{}
	failed := r.failed
	cmd := exec.Command("go", append([]string{"test", "-json"}, args...)...)
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	if err == nil {
		err = cmd.Start()
	}
	if err != nil {
		r.failed++
		fmt.Println("runner:", err)
		return
	}
	scanner := bufio.NewScanner(out)
	scanner.Buffer(nil, 1<<20)
	for scanner.Scan() {
		var e event
		if json.Unmarshal(scanner.Bytes(), &e) != nil {
			fmt.Println(scanner.Text())
			continue
		}
		if e.Test == "" {
			r.addPackage(e)
		} else {
			r.addTest(e)
		}
	}
	if err := scanner.Err(); err != nil {
		r.failed++
		fmt.Println("runner: output of go test:", err)
	}
	if err := cmd.Wait(); err != nil && r.failed == failed { // no test tells why
		r.failed++
		fmt.Println("runner: go test:", err)
	}
	for key, lines := range r.output { // it neither passed nor failed: its program was killed
		fmt.Printf("%s%s did not end:\n%s", r.program, key, strings.Join(lines, ""))
	}
}

// addPackage takes an event of a package.
func (r *results) addPackage(e event) {
	r.packages[e.Package] = true
	switch e.Action {
	case "output", "build-output":
		fmt.Print(r.program + e.Output)
	case "fail":
		if !r.explained[e.Package] { // it did not build, or TestMain failed
			r.failed++
		}
	}
}

// addTest takes an event of a test.
func (r *results) addTest(e event) {
	key := e.Package + " " + e.Test
	switch e.Action {
	case "output":
		r.output[key] = append(r.output[key], r.program+e.Output)
		if _, result, ok := strings.Cut(e.Output, ": result: "); ok {
			r.reported = append(r.reported, r.program+e.Test+": "+strings.TrimSpace(result))
		}
		return
	case "pass":
		r.passed++
	case "fail":
		r.failed++
		r.explained[e.Package] = true
		fmt.Print(strings.Join(r.output[key], ""))
	case "skip":
		// test.NotAlone and test.NotOther have left out others: nothing is missing.
		why := reason(r.output[key])
		leftOut := ": " + strings.TrimSuffix(r.program, ": ") + " has not: "
		if r.program == "" || !strings.HasPrefix(why, leftOut) {
			r.skipped = append(r.skipped, r.program+e.Test+why)
		}
	default:
		return
	}
	delete(r.output, key)
}

// print prints what is known at the end.
func (r *results) print() {
	if len(r.reported) > 0 {
		fmt.Printf("\nResults:\n  %s\n", strings.Join(r.reported, "\n  "))
	}
	if len(r.skipped) > 0 {
		sort.Strings(r.skipped)
		fmt.Printf("\nCould not run here:\n  %s\n", strings.Join(r.skipped, "\n  "))
	}
	fmt.Printf("\n%d passed, %d failed, %d skipped\n", r.passed, r.failed, len(r.skipped))
}

// reason returns why a test was skipped: the line of its output that names a position in a file.
func reason(lines []string) string {
	for _, line := range lines {
		if _, why, ok := strings.Cut(line, ".go:"); ok {
			_, why, _ = strings.Cut(why, ": ")
			return ": " + strings.TrimSpace(why)
		}
	}
	return ""
}
