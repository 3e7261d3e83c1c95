// Runner runs go test with the given arguments. It prints the output of the tests that fail and, at
// the end, a list of the skipped tests with the reasons.
package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"sort"
	"strings"
)

// event is one line of `go test -json` (go doc test2json).
type event struct {
	Action, Package, Test, Output string
}

// results is what is known of the tests so far.
type results struct {
	passed, failed int
	skipped        []string            // each with its reason
	output         map[string][]string // of each test that has not ended
	explained      map[string]bool     // the packages in which a test has failed
}

func main() {
	cmd := exec.Command("go", append([]string{"test", "-json"}, os.Args[1:]...)...)
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	if err == nil {
		err = cmd.Start()
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "runner:", err)
		os.Exit(1)
	}
	r := results{output: map[string][]string{}, explained: map[string]bool{}}
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
	err = cmd.Wait()
	r.print()
	if err != nil || r.failed > 0 {
		os.Exit(1)
	}
}

// addPackage takes an event of a package.
func (r *results) addPackage(e event) {
	switch e.Action {
	case "output", "build-output":
		fmt.Print(e.Output)
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
		r.output[key] = append(r.output[key], e.Output)
		return
	case "pass":
		r.passed++
	case "fail":
		r.failed++
		r.explained[e.Package] = true
		fmt.Print(strings.Join(r.output[key], ""))
	case "skip":
		r.skipped = append(r.skipped, e.Test+reason(r.output[key]))
	default:
		return
	}
	delete(r.output, key)
}

// print prints what is known at the end.
func (r *results) print() {
	for key, lines := range r.output { // it neither passed nor failed: its program was killed
		fmt.Printf("%s did not end:\n%s", key, strings.Join(lines, ""))
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
