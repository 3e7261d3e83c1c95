package callgraph_test

import (
	"regexp"
	"slices"
	"strings"
	"testing"

	"util/internal/test"
	"util/internal/test/callgraph"
)

func TestMain(m *testing.M) { test.Main(m, nil) }

// TestBreaches gives the checker a program that breaks every rule.
func TestBreaches(t *testing.T) {
	for _, arch := range []string{"amd64", "arm64"} {
		t.Run(arch, func(t *testing.T) {
			program := test.Build(t, "./testdata/early", "-E _rt0_bad", arch)
			breaches, err := callgraph.Check(program, "_rt0_bad", callgraph.Policy{
				Packages: []string{"main"},
				Functions: map[string]string{
					"_rt0_" + arch + "_linux":       "the way out",
					"runtime.morestack_noctxt.abi0": "cold",
					"runtime.gcWriteBarrier1":       "cold",
					"runtime.gcWriteBarrier2":       "cold",
				},
				Variables: map[string]string{"runtime.writeBarrier": "false"},
			})
			if err != nil {
				t.Fatal(err)
			}
			const way = `^_rt0_bad → main\.early\.abi0 → main\.early → main\.`
			want := []string{
				way + `allocates \(main\.go:\d+: CALL .*\) → runtime\.newobject$`,
				way + `looksUp \(main\.go:\d+: CALL .*\) → runtime\.mapaccess1`,
				way + `callsInterface \(main\.go:\d+: CALL \S+\) calls or jumps to a computed address$`,
				way + `callsValue \(main\.go:\d+: CALL \S+\) calls or jumps to a computed address$`,
				way + `defers \(main\.go:\d+: CALL .*\) → runtime\.deferproc$`,
				way + `defers \(main\.go:\d+: CALL .*\) → runtime\.deferreturn$`,
				way + `concatenates \(main\.go:\d+: CALL .*\) → runtime\.concatstring2$`,
				way + `starts \(main\.go:\d+: CALL .*\) → runtime\.newproc$`,
				way + `panics \(main\.go:\d+: CALL .*\) → runtime\.gopanic$`,
				`^main\.init: the package has variables that need code`,
			}
			if arch == "amd64" {
				want = append(want, way+`foreignVariable \(main\.go:\d+: MOVQ .*\) uses the variable os\.Args$`)
			}
			for _, pattern := range want {
				if !slices.ContainsFunc(breaches, regexp.MustCompile(pattern).MatchString) {
					t.Errorf("not found: %s", pattern)
				}
			}
			for _, breach := range breaches {
				if strings.Contains(breach, "main.switches") || strings.Contains(breach, "twice") || strings.Contains(breach, "main.methods") {
					t.Errorf("no breach: %s", breach)
				}
			}
			if t.Failed() {
				t.Logf("found:\n%s", strings.Join(breaches, "\n"))
			}
		})
	}
}

// TestDepth gives the measure of the stack a program that has no depth, and parts of it that have one.
func TestDepth(t *testing.T) {
	program := test.Build(t, "./testdata/early", "-E _rt0_bad", "amd64")
	policy := callgraph.Policy{Packages: []string{"main"}, Functions: map[string]string{"runtime.morestack_noctxt.abi0": "cold"}}
	if bytes, way, err := callgraph.Depth(program, "main.recurses", policy); err == nil || !strings.Contains(err.Error(), "main.recurses calls itself") {
		t.Errorf("%d, %v, %v", bytes, way, err)
	}
	bytes, way, err := callgraph.Depth(program, "main.methods", policy)
	if err != nil || len(way) != 2 || !strings.HasPrefix(way[1], "main.number.twice (") || bytes < 16 || bytes > 64 {
		t.Errorf("%d, %v, %v", bytes, way, err)
	}
}

// TestUnusable gives the checker what it cannot read.
func TestUnusable(t *testing.T) {
	stripped := test.Build(t, "./testdata/early", "-s -w -E _rt0_bad", "amd64")
	for _, c := range []struct{ path, entry, want string }{
		{stripped, "_rt0_bad", "no symbol section"},
		{"/nonexistent", "_rt0_bad", "no such file"},
		{test.Build(t, "./testdata/early", "-E _rt0_bad", "amd64"), "_rt0_other", "has no function _rt0_other"},
	} {
		if _, err := callgraph.Check(c.path, c.entry, callgraph.Policy{}); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: error %v, want one that contains %q", c.path, err, c.want)
		}
	}
}
