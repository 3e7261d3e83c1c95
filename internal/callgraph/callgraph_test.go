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

// TestViolations checks a program that has each kind of violation that a compiler can produce.
func TestViolations(t *testing.T) {
	for _, arch := range []string{"amd64", "arm64"} {
		t.Run(arch, func(t *testing.T) {
			program := test.Build(t, "./testdata/early", "-E _rt0_bad", arch)
			violations, err := callgraph.Check(program, "_rt0_bad", callgraph.Policy{
				Packages: []string{"main"},
				Functions: map[string]string{
					"_rt0_" + arch + "_linux":       "where early code jumps to boot the runtime",
					"runtime.morestack_noctxt.abi0": "not reached",
					"runtime.gcWriteBarrier1":       "not reached",
					"runtime.gcWriteBarrier2":       "not reached",
				},
				Variables: map[string]string{"runtime.writeBarrier": "always false"},
			})
			if err != nil {
				t.Fatal(err)
			}
			const chain = `^_rt0_bad → main\.early\.abi0 → main\.early → main\.`
			want := []string{
				chain + `allocates \(main\.go:\d+: CALL .*\) → runtime\.newobject$`,
				chain + `looksUp \(main\.go:\d+: CALL .*\) → runtime\.mapaccess1`,
				chain + `callsInterface \(main\.go:\d+: CALL \S+\) calls or jumps to a computed address$`,
				chain + `callsValue \(main\.go:\d+: CALL \S+\) calls or jumps to a computed address$`,
				chain + `defers \(main\.go:\d+: CALL .*\) → runtime\.deferproc$`,
				chain + `defers \(main\.go:\d+: CALL .*\) → runtime\.deferreturn$`,
				chain + `concatenates \(main\.go:\d+: CALL .*\) → runtime\.concatstring2$`,
				chain + `starts \(main\.go:\d+: CALL .*\) → runtime\.newproc$`,
				chain + `panics \(main\.go:\d+: CALL .*\) → runtime\.gopanic$`,
				`^main\.init: the package has an init function, or variables that code initializes$`,
				`^main\.init\.0: the package has an init function, or variables that code initializes$`,
			}
			if arch == "amd64" {
				want = append(want,
					chain+`foreignVariable \(main\.go:\d+: MOVQ .*\) uses the variable os\.Args$`)
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
	program := test.Build(t, "./testdata/early", "-E _rt0_bad", "amd64")
	policy := callgraph.Policy{
		Packages:  []string{"main"},
		Functions: map[string]string{"runtime.morestack_noctxt.abi0": "not reached"},
	}
	bytes, chain, err := callgraph.Depth(program, "main.recurses", policy)
	if err == nil || !strings.Contains(err.Error(), "main.recurses calls itself") {
		t.Errorf("recursive function: %d bytes, chain %v, error %v", bytes, chain, err)
	}
	bytes, chain, err = callgraph.Depth(program, "main.methods", policy)
	if err != nil {
		t.Fatal(err)
	}
	if len(chain) != 2 || !strings.HasPrefix(chain[1], "main.number.twice (") {
		t.Errorf("chain %v, want main.methods and main.number.twice", chain)
	}
	if bytes < 16 || bytes > 64 { // two return addresses, and two small frames
		t.Errorf("%d bytes, want 16 to 64", bytes)
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
