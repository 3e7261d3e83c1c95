// Runner runs go test and, at the end, lists the tests that could not run and why.
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
	var passed, failed int
	var skipped []string
	output := map[string][]string{} // by test, as long as it is not known whether it fails
	explained := map[string]bool{}  // packages in which a test failed
	scanner := bufio.NewScanner(out)
	scanner.Buffer(nil, 1<<20)
	for scanner.Scan() {
		var e event
		if json.Unmarshal(scanner.Bytes(), &e) != nil {
			fmt.Println(scanner.Text())
			continue
		}
		key := e.Package + " " + e.Test
		switch e.Action {
		case "output", "build-output":
			if e.Test == "" {
				fmt.Print(e.Output)
			} else {
				output[key] = append(output[key], e.Output)
			}
		case "pass", "fail", "skip":
			if e.Test == "" {
				if e.Action == "fail" && !explained[e.Package] {
					failed++ // it did not build, or its TestMain ended it
				}
				continue
			}
			switch e.Action {
			case "pass":
				passed++
			case "fail":
				failed++
				explained[e.Package] = true
				fmt.Print(strings.Join(output[key], ""))
			case "skip":
				skipped = append(skipped, e.Test+reason(output[key]))
			}
			delete(output, key)
		}
	}
	if err := scanner.Err(); err != nil {
		failed++
		fmt.Println("runner: output of go test:", err)
	}
	for key, lines := range output { // a test that neither passed nor failed: its program was ended
		fmt.Printf("%s did not end:\n%s", key, strings.Join(lines, ""))
	}
	err = cmd.Wait()
	if len(skipped) > 0 {
		sort.Strings(skipped)
		fmt.Printf("\nCould not run here:\n  %s\n", strings.Join(skipped, "\n  "))
	}
	fmt.Printf("\n%d passed, %d failed, %d skipped\n", passed, failed, len(skipped))
	if err != nil || failed > 0 {
		os.Exit(1)
	}
}

// reason finds why a test was skipped: the line with the position in the file.
func reason(lines []string) string {
	for _, line := range lines {
		if _, why, ok := strings.Cut(line, ".go:"); ok {
			_, why, _ = strings.Cut(why, ": ")
			return ": " + strings.TrimSpace(why)
		}
	}
	return ""
}
