package fuzz

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"util/internal/test"
	"util/internal/test/torture"
)

// target is a function for Go's fuzzing (package testing).
type target struct{ dir, name string }

func (x target) String() string { return filepath.Base(x.dir) + "." + x.name }

// shortRuns is how many inputs a target gets in make test.
const shortRuns = 1000

// Go tries new inputs for each fuzz target of this module, and in make test a few for some of them.
// Inputs that execute new code stay in its cache (go env GOCACHE), where the next run begins. One
// that fails is written to testdata/fuzz of the package; committed, it is a test from then on.
func TestFuzz(t *testing.T) {
	targets := findTargets(t, sources(t))
	tried, amount := targets, fmt.Sprint(shortRuns, "x")
	if torture.Long() {
		amount = torture.Time(t, 0).String()
	} else {
		tried = some(targets, torture.Seed(t))
	}
	inputs := 0
	for _, x := range tried {
		t.Run(x.String(), func(t *testing.T) { inputs += run(t, x, amount) })
	}
	torture.Result(t, "%d of %d fuzz targets, %s each, %d inputs",
		len(tried), len(targets), amount, inputs)
}

// some returns the targets of a few packages, which depend on the seed: to build a package for
// fuzzing, with all that it imports, takes seconds. The inputs that are in the sources are tried
// for all targets in any case, by the tests of their packages.
func some(targets []target, seed uint64) []target {
	const packages = 2
	var dirs []string
	for _, x := range targets {
		dirs = append(dirs, x.dir)
	}
	slices.Sort(dirs)
	dirs = slices.Compact(dirs)
	order := torture.Random(seed, 0).Perm(len(dirs))[:min(packages, len(dirs))]
	return slices.DeleteFunc(slices.Clone(targets), func(x target) bool {
		return !slices.ContainsFunc(order, func(n int) bool { return dirs[n] == x.dir })
	})
}

// sources returns the paths of the test files of this module.
func sources(t *testing.T) []string {
	t.Helper()
	const format = `{{$dir := .Dir}}{{range .TestGoFiles}}{{$dir}}/{{.}}{{"\n"}}{{end}}` +
		`{{range .XTestGoFiles}}{{$dir}}/{{.}}{{"\n"}}{{end}}`
	out, err := exec.Command("go", "list", "-f", format, "util/...").Output()
	test.Must(t, err)
	return strings.Fields(string(out))
}

// findTargets returns the fuzz targets in some files. It reads the sources, because go test -list
// would build every package first.
func findTargets(t *testing.T, files []string) (all []target) {
	t.Helper()
	for _, path := range files {
		file, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.SkipObjectResolution)
		test.Must(t, err)
		for _, d := range file.Decls {
			if f, ok := d.(*ast.FuncDecl); ok && isTarget(f) {
				all = append(all, target{filepath.Dir(path), f.Name.Name})
			}
		}
	}
	return all
}

// isTarget reports whether a function is FuzzXxx(*testing.F).
func isTarget(f *ast.FuncDecl) bool {
	if f.Recv != nil || !strings.HasPrefix(f.Name.Name, "Fuzz") || f.Type.Params.NumFields() != 1 {
		return false
	}
	pointer, ok := f.Type.Params.List[0].Type.(*ast.StarExpr)
	if !ok {
		return false
	}
	selector, ok := pointer.X.(*ast.SelectorExpr)
	return ok && selector.Sel.Name == "F"
}

// What go prints of its progress, of an input that fails, and sometimes by mistake at the end of
// the time (go.dev/issue/75804, in Go before 1.27).
var (
	execs    = regexp.MustCompile(`execs: ([0-9]+)`)
	written  = regexp.MustCompile(`Failing input written to (\S+)`)
	timeOver = regexp.MustCompile(`--- FAIL: \w+ \([0-9.]+s\)\n +context deadline exceeded\nFAIL\n`)
)

// run has go try a target for a time or a number of inputs, and returns how many it has tried. It
// needs no network. All its processes end with it, because they are in a PID namespace.
func run(t *testing.T, x target, amount string) (inputs int) {
	t.Helper()
	cmd := test.Namespace(exec.Command(test.Tool(t, "go"), "test", "-run=^$", "-fuzz=^"+x.name+"$",
		"-fuzztime="+amount, "-fuzzminimizetime=1s", "-parallel=2", "-timeout=0"))
	if !torture.Long() { // the same each time: without the inputs that are in the cache
		cmd.Args = append(cmd.Args, "-args", "-test.fuzzcachedir="+t.TempDir())
	}
	cmd.Dir = x.dir
	cmd.Env = append(os.Environ(), "GOPROXY=off", "GOFLAGS=-mod=readonly")
	begin := time.Now()
	out, err := cmd.CombinedOutput()
	for _, match := range execs.FindAllSubmatch(out, -1) {
		inputs, _ = strconv.Atoi(string(match[1]))
	}
	began := strings.Contains(string(out), "now fuzzing")
	if began && (err == nil || timeOver.Match(out)) {
		t.Logf("%d inputs in %v", inputs, time.Since(begin).Round(time.Millisecond))
		return inputs
	}
	if match := written.FindSubmatch(out); match != nil {
		path := filepath.Join(x.dir, string(match[1]))
		text, _ := os.ReadFile(path)
		t.Errorf("the input is in %s:\n%s", path, text)
	}
	t.Errorf("%q: %v\n%s", cmd.Args, err, out)
	return inputs
}

// What go takes for a target is found, and nothing else.
func TestFindTargets(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a_test.go")
	const text = `package a
import "testing"
func FuzzOne(f *testing.F) {}
func FuzzTwo(*testing.F) {}
func fuzzThree(f *testing.F) {}
func TestFour(t *testing.T) {}
func FuzzFive(t *testing.T, f *testing.F) {}
func FuzzSix() {}
func (seven) FuzzSeven(f *testing.F) {}
`
	test.Must(t, os.WriteFile(path, []byte(text), 0o644))
	names := ""
	for _, x := range findTargets(t, []string{path}) {
		names += x.name + " "
	}
	if names != "FuzzOne FuzzTwo " {
		t.Error(names)
	}
}
