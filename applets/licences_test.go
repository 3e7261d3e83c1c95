package applets_test

import (
	"debug/buildinfo"
	"debug/dwarf"
	"debug/elf"
	"errors"
	"io"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"util/internal/test"
)

const (
	goLicenses = "github.com/google/go-licenses@v1.6.0"
	// The row of LICENSE for what go-licenses leaves out.
	standardLibrary = "the Go standard library"
)

// words makes texts comparable that have their lines broken in other places.
func words(text string) string { return strings.Join(strings.Fields(text), " ") }

// licence returns the words of LICENSE, and the rows of its table: the licence of each module.
func licence(t *testing.T) (text string, named map[string]string) {
	t.Helper()
	file, err := os.ReadFile("../LICENSE")
	test.Must(t, err)
	named = map[string]string{}
	row := regexp.MustCompile(`(?m)^  (\S.*?)  +(\S+)  +Copyright `)
	for _, m := range row.FindAllStringSubmatch(string(file), -1) {
		named[m[1]] = m[2]
	}
	return words(string(file)), named
}

// TestLicences compares LICENSE with what go-licenses finds in the source of util: each module has
// a row with its licence, and the text of that licence is there.
func TestLicences(t *testing.T) {
	text, named := licence(t)
	found := map[string]string{standardLibrary: "BSD-3-Clause"}
	files := []string{filepath.Join(goroot(t), "LICENSE")}
	for _, lib := range libraries(t) {
		if lib.name == "util" {
			continue
		}
		module := moduleOf(lib.name, slices.Collect(maps.Keys(named)))
		found[module] = lib.licence
		files = append(files, lib.file)
	}
	if !maps.Equal(found, named) {
		t.Errorf("LICENSE names %v, and go-licenses finds %v", named, found)
	}
	for _, file := range files {
		own, err := os.ReadFile(file)
		test.Must(t, err)
		if !strings.Contains(text, words(string(own))) {
			t.Errorf("LICENSE does not contain the text of %s", file)
		}
	}
}

func goroot(t *testing.T) string {
	t.Helper()
	return sh(t, ".", nil, "go env GOROOT")
}

// moduleOf returns the one of the modules that the package is in, or else the package.
func moduleOf(pkg string, modules []string) string {
	for _, module := range modules {
		if pkg == module || strings.HasPrefix(pkg, module+"/") {
			return module
		}
	}
	return pkg
}

// A library is what go-licenses calls the packages that one file has the licence of.
type library struct{ name, licence, file string }

// libraries runs go-licenses.
func libraries(t *testing.T) (libs []library) {
	t.Helper()
	dir := t.TempDir()
	install := exec.Command("go", "install", goLicenses)
	install.Env = append(os.Environ(), "GOBIN="+dir, "GOOS=", "GOARCH=", "CGO_ENABLED=0")
	if out, err := install.CombinedOutput(); err != nil {
		test.Missing(t, goLicenses, string(out))
	}
	template := filepath.Join(dir, "template")
	write(t, template, "{{range .}}{{.Name}}\t{{.LicenseName}}\t{{.LicensePath}}\n{{end}}")
	report := exec.Command(filepath.Join(dir, "go-licenses"), "report", "--template", template, ".")
	report.Dir = ".."
	// It would ask web servers for the addresses of the licences, which are not used here.
	const nowhere = "http://127.0.0.1:9"
	report.Env = append(os.Environ(), "GOOS=linux", "CGO_ENABLED=0", "GOROOT="+goroot(t),
		"HTTP_PROXY="+nowhere, "HTTPS_PROXY="+nowhere)
	status, stdout, stderr := test.Run(t, report)
	if status != 0 {
		t.Fatalf("go-licenses: status %d\n%s", status, stderr)
	}
	for line := range strings.Lines(stdout) {
		field := strings.Split(strings.TrimSpace(line), "\t")
		if len(field) != 3 {
			t.Fatalf("go-licenses: %q\n%s", line, stderr)
		}
		libs = append(libs, library{field[0], field[1], field[2]})
	}
	return libs
}

// TestNotices reads from the linked program which modules and which files are in it, for each
// architecture. The modules are those that LICENSE names. The files of others may have a copyright
// notice of their own, such as memmove of the Go runtime on amd64. LICENSE must contain that.
func TestNotices(t *testing.T) {
	text, named := licence(t)
	delete(named, standardLibrary)
	roots := []string{
		sh(t, ".", nil, "go env GOMODCACHE"),
		filepath.Join(goroot(t), "src"),
	}
	for _, arch := range []string{
		"386", "amd64", "arm", "arm64", "loong64", "ppc64le", "riscv64", "s390x",
	} {
		t.Run(arch, func(t *testing.T) {
			t.Parallel()
			program := test.Build(t, "util", test.Early, arch)
			info, err := buildinfo.ReadFile(program)
			test.Must(t, err)
			for _, module := range info.Deps {
				if named[module.Path] == "" {
					t.Errorf("%s is linked, and LICENSE does not name it", module.Path)
				}
			}
			if len(info.Deps) != len(named) {
				t.Errorf("%d modules are linked, and LICENSE names %d", len(info.Deps), len(named))
			}
			for _, notice := range notices(t, sources(t, program), roots) {
				if !strings.Contains(text, words(notice)) {
					t.Errorf("LICENSE does not contain %q", notice)
				}
			}
		})
	}
}

// sources returns the files from which the instructions of a program were made.
func sources(t *testing.T, program string) []string {
	t.Helper()
	file, err := elf.Open(program)
	test.Must(t, err)
	defer file.Close()
	data, err := file.DWARF()
	test.Must(t, err)
	found := map[string]bool{}
	for units := data.Reader(); ; units.SkipChildren() {
		unit, err := units.Next()
		test.Must(t, err)
		if unit == nil {
			return slices.Sorted(maps.Keys(found))
		}
		lines, err := data.LineReader(unit)
		test.Must(t, err)
		if lines == nil {
			continue
		}
		for {
			var line dwarf.LineEntry
			err := lines.Next(&line)
			if errors.Is(err, io.EOF) {
				break
			}
			test.Must(t, err)
			found[line.File.Name] = true
		}
	}
}

// notices returns the lines with a copyright that the files of others have, except those of the
// authors of Go, which differ only in the year.
func notices(t *testing.T, files, roots []string) (lines []string) {
	t.Helper()
	notice := regexp.MustCompile(`(?m)^//[ \t]*(.*Copyright .*)$`)
	ofGo := regexp.MustCompile(`^Copyright \d+ The Go Authors`)
	for _, name := range files {
		if strings.HasPrefix(name, "util/") || name == "<autogenerated>" {
			continue
		}
		root := roots[1]
		if strings.Contains(name, "@") { // a module, with its version
			root = roots[0]
		}
		text, err := os.ReadFile(filepath.Join(root, name))
		test.Must(t, err)
		for _, m := range notice.FindAllStringSubmatch(string(text), -1) {
			if !ofGo.MatchString(m[1]) && !slices.Contains(lines, m[1]) {
				lines = append(lines, m[1])
			}
		}
	}
	if len(lines) == 0 {
		t.Error("no notices, and each file of cobra has one")
	}
	return lines
}
