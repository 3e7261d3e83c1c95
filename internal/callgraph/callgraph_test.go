package callgraph_test

import (
	"regexp"
	"slices"
	"strings"
	"testing"

	"util/internal/callgraph"
	"util/internal/test"
)

func TestMain(m *testing.M) { test.Main(m, nil) }

// archs are all architectures that have an early entry.
var archs = []string{"386", "amd64", "arm", "arm64", "loong64", "ppc64le", "riscv64", "s390x"}

// TestViolations checks a program that has each kind of violation that a compiler can produce.
func TestViolations(t *testing.T) {
	for _, arch := range archs {
		t.Run(arch, func(t *testing.T) {
			t.Parallel()
			program := test.Build(t, "./testdata/early", "-E _rt0_bad", arch)
			violations, err := callgraph.Check(program, "_rt0_bad", callgraph.Policy{
				Packages: []string{"main"},
				Functions: map[string]string{
					"runtime.concatstring2": "calls a function that is not listed",
				},
				NotExecuted: map[string]string{
					"_rt0_" + arch + "_linux":       "where early code jumps to boot the runtime",
					"runtime.morestack_noctxt.abi0": "not reached",
					"runtime.morestack_noctxt":      "not reached",
					"runtime.gcWriteBarrier1":       "not reached",
					"runtime.gcWriteBarrier2":       "not reached",
				},
				Variables: map[string]string{"runtime.writeBarrier": "always false"},
			})
			if err != nil {
				t.Fatal(err)
			}
			const (
				chain = `^_rt0_bad (→ main\.early\.abi0 )?→ main\.early → main\.`
				call  = ` \(main\.go:\d+: \S.*\) `
			)
			want := []string{
				chain + `allocates` + call + `→ runtime\.newobject$`,
				chain + `looksUp` + call + `→ runtime\.mapaccess1`,
				chain + `callsInterface` + call + `calls or jumps to a computed address$`,
				chain + `callsValue` + call + `calls or jumps to a computed address$`,
				chain + `defers` + call + `→ runtime\.deferproc$`,
				chain + `defers` + call + `→ runtime\.deferreturn$`,
				chain + `concatenates → runtime\.concatstring2 \(.*\) → runtime\.concatstrings$`,
				chain + `starts` + call + `→ runtime\.newproc$`,
				chain + `panics` + call + `→ runtime\.gopanic$`,
				`^main\.init: the package has an init function, or variables that code initializes$`,
				`^main\.init\.0: the package has an init function, or variables that code initializes$`,
			}
			if arch == "amd64" || arch == "386" {
				want = append(want,
					chain+`foreignVariable`+call+`uses the variable os\.Args$`)
			}
			for _, pattern := range want {
				if !slices.ContainsFunc(violations, regexp.MustCompile(pattern).MatchString) {
					t.Errorf("not reported: %s", pattern)
				}
			}
			allowed := regexp.MustCompile(`main\.switches|twice|main\.methods`)
			for _, violation := range violations {
				if allowed.MatchString(violation) {
					t.Errorf("reported, but allowed: %s", violation)
				}
			}
			if t.Failed() {
				t.Logf("all reports:\n%s", strings.Join(violations, "\n"))
			}
		})
	}
}

// TestDepth checks that Depth rejects a recursive function, and measures one that is not recursive.
func TestDepth(t *testing.T) {
	for _, arch := range archs {
		t.Run(arch, func(t *testing.T) {
			t.Parallel()
			program := test.Build(t, "./testdata/early", "-E _rt0_bad", arch)
			policy := callgraph.Policy{Packages: []string{"main"}}
			bytes, chain, err := callgraph.Depth(program, "main.recurses", policy)
			if err == nil || !strings.Contains(err.Error(), "main.recurses calls itself") {
				t.Errorf("recursive function: %d bytes, chain %v, error %v", bytes, chain, err)
			}
			bytes, chain, err = callgraph.Depth(program, "main.deep", policy)
			if err != nil {
				t.Fatal(err)
			}
			if len(chain) != 2 || !strings.HasPrefix(chain[1], "main.large (") {
				t.Errorf("chain %v, want main.deep and main.large", chain)
			}
			if bytes < 5000 || bytes > 5200 { // an array, and two small frames
				t.Errorf("%d bytes, want 5000 to 5200", bytes)
			}
		})
	}
}

// TestUnusable checks the errors for programs that cannot be checked.
func TestUnusable(t *testing.T) {
	program := test.Build(t, "./testdata/early", "-E _rt0_bad", "amd64")
	stripped := test.Build(t, "./testdata/early", "-s -w -E _rt0_bad", "amd64")
	for _, c := range []struct{ path, entry, want string }{
		{stripped, "_rt0_bad", "no symbol section"},
		{"/nonexistent", "_rt0_bad", "no such file"},
		{program, "_rt0_other", "has no function _rt0_other"},
	} {
		_, err := callgraph.Check(c.path, c.entry, callgraph.Policy{})
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: error is %v, and must contain %q", c.path, err, c.want)
		}
	}
}
