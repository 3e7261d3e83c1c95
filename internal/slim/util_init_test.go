package main

import (
	"bytes"
	"debug/buildinfo"
	"debug/elf"
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"testing"

	"util/internal/callgraph"
	"util/internal/test"
)

// The root of the module, and the entry point of util-init.
const (
	root  = "../.."
	entry = "_rt0_util"
)

// broken returns the name of entry.Broken. On 386 and arm, Go passes arguments as assembly does.
func broken(arch string) string {
	if arch == "386" || arch == "arm" {
		return "util/applets/init/entry.Broken"
	}
	return "util/applets/init/entry.Broken.abi0"
}

// makeUtilInit makes util-init as the Makefile of the tree in dir says, and returns its path. The
// version does not depend on the tree. strip is empty for a file with symbols.
func makeUtilInit(t *testing.T, dir, arch, strip string) (path string) {
	t.Helper()
	to := t.TempDir()
	path = filepath.Join(to, "util-init")
	cmd := exec.Command(test.Tool(t, "make"), "-C", dir, "-s", "bin/util-init", "GOARCH="+arch,
		"OBJECTS="+filepath.Join(to, "object"), "UTIL_INIT="+path, "STRIP="+strip, "VERSION=1.2.3",
		"COMMIT=0123456789ab", "DATE=2026-11-29T03:16:11Z")
	cmd.Env = append(os.Environ(), "MAKEFLAGS=", "MAKELEVEL=")
	if out, err := cmd.CombinedOutput(); err != nil || len(out) > 0 {
		t.Fatalf("%v: %v\n%s", cmd, err, out)
	}
	return path
}

// TestUtilInit checks the file with symbols: it has all that its code reaches, and nothing else.
func TestUtilInit(t *testing.T) {
	for _, arch := range archs {
		t.Run(arch, func(t *testing.T) {
			path := makeUtilInit(t, root, arch, "")
			checkFile(t, path)
			checkCalls(t, path, entry, callgraph.Early)
			checkCalls(t, path, broken(arch), callgraph.Early)

			// The same program with Go's linker, which has the runtime and all else.
			const alone = "util/applets/init/alone"
			whole := filepath.Join(t.TempDir(), "whole")
			cmd := exec.Command("go", "build", "-trimpath", "-tags", "util_init", "-o", whole, alone)
			cmd.Env = append(os.Environ(), "CGO_ENABLED=0", "GOOS=linux", "GOARCH="+arch)
			if out, err := cmd.CombinedOutput(); err != nil {
				t.Fatalf("%v: %v\n%s", cmd, err, out)
			}
			var want []string
			for _, from := range []string{entry, broken(arch)} {
				some, err := callgraph.Reached(whole, from, callgraph.Early)
				test.Must(t, err)
				want = append(want, some...)
			}
			for _, name := range namesOf(t, path) {
				// What the policy lists by name is not followed to others on this list.
				if !slices.Contains(want, name) && callgraph.Early.Functions[name] == "" {
					t.Errorf("%s: is in the file, and nothing reaches it", name)
				}
			}
			for _, name := range want {
				if !slices.Contains(namesOf(t, path), name) {
					t.Errorf("%s: is reached, and not in the file", name)
				}
			}
		})
	}
}

// namesOf returns the names of the functions of a program.
func namesOf(t *testing.T, path string) (names []string) {
	t.Helper()
	for _, f := range functions(t, path) {
		names = append(names, f.name)
	}
	return names
}

// TestStripped checks the file as it is published: nothing in it is Go's.
func TestStripped(t *testing.T) {
	for _, arch := range archs {
		t.Run(arch, func(t *testing.T) {
			path := makeUtilInit(t, root, arch, "-s")
			checkFile(t, path)
			content, err := os.ReadFile(path)
			test.Must(t, err)
			if len(content) > 160000 {
				t.Errorf("%d bytes", len(content))
			}
			for _, text := range []string{"go:buildid", "runtime.", "Go build", ".gopclntab"} {
				if bytes.Contains(content, []byte(text)) {
					t.Errorf("%q is in the file", text)
				}
			}
			if info, err := buildinfo.ReadFile(path); err == nil {
				t.Errorf("build information: %v", info)
			}
			file, err := elf.NewFile(bytes.NewReader(content))
			test.Must(t, err)
			var sections []string
			for _, s := range file.Sections {
				sections = append(sections, s.Name)
			}
			want := []string{
				"", ".note.gnu.build-id", ".note.package", ".text.hot", ".rodata", ".text", ".bss",
				".shstrtab",
			}
			if !slices.Equal(sections, want) {
				t.Errorf("sections %q, not %q", sections, want)
			}
			notesOf := func(path string) string {
				_, notes, _ := test.Run(t, exec.Command(test.Tool(t, "readelf"), "--notes", path))
				return notes
			}
			notes, symbols := notesOf(path), makeUtilInit(t, root, arch, "")
			if other := notesOf(symbols); other != notes {
				t.Errorf("notes with symbols: %s, and without: %s", other, notes)
			}
			id := regexp.MustCompile(`(?m)NT_GNU_BUILD_ID.*\n? +Build ID: ([0-9a-f]{40})$`)
			if m := id.FindStringSubmatch(notes); m == nil || strings.Trim(m[1], "0") == "" {
				t.Errorf("no build ID: %s", notes)
			}
			about := regexp.MustCompile(`Packaging Metadata: (\{.*\})`).FindStringSubmatch(notes)
			if about == nil {
				t.Fatalf("no note about the package: %s", notes)
			}
			var fields map[string]string
			test.Must(t, json.Unmarshal([]byte(about[1]), &fields))
			for name, value := range map[string]string{
				"type": "binary", "name": "util-init", "version": "1.2.3", "commit": "0123456789ab",
				"architecture": arch,
			} {
				if fields[name] != value {
					t.Errorf("%s is %q, not %q", name, fields[name], value)
				}
			}
			if arch != runtime.GOARCH {
				return
			}
			again := filepath.Join(t.TempDir(), "stripped")
			strip := exec.Command(test.Tool(t, "strip"), "-o", again, symbols)
			if out, err := strip.CombinedOutput(); err != nil || len(out) > 0 {
				t.Fatalf("%v: %v\n%s", strip, err, out)
			}
			for _, path := range []string{path, again} {
				status, stdout, stderr := test.Run(t, exec.Command(path, "sh", "-c", "echo runs; exit 3"))
				if status != 3 || stdout != "runs" || stderr != "" {
					t.Errorf("%s: status %d, stdout %q, stderr %q", path, status, stdout, stderr)
				}
			}
		})
	}
}

// TestSameBytes makes the file from a copy of the tree in another directory.
func TestSameBytes(t *testing.T) {
	tree := copyTree(t)
	for _, arch := range archs {
		for _, strip := range []string{"-s", ""} {
			a, err := os.ReadFile(makeUtilInit(t, root, arch, strip))
			test.Must(t, err)
			b, err := os.ReadFile(makeUtilInit(t, tree, arch, strip))
			test.Must(t, err)
			if !bytes.Equal(a, b) {
				t.Errorf("%s, strip %q: the files differ", arch, strip)
			}
		}
	}
}

// copyTree copies what is necessary to make util-init, and returns the directory.
func copyTree(t *testing.T) (tree string) {
	t.Helper()
	git := exec.Command(test.Tool(t, "git"), "-C", root, "ls-files", "-z", "--cached", "--others",
		"--exclude-standard", "Makefile", "go.mod", "go.sum", "applets", "internal")
	names, err := git.Output()
	if err != nil {
		test.Missing(t, "the repository", "git ls-files: "+err.Error())
	}
	tree = t.TempDir()
	for name := range strings.SplitSeq(strings.TrimSuffix(string(names), "\x00"), "\x00") {
		content, err := os.ReadFile(filepath.Join(root, name))
		if errors.Is(err, fs.ErrNotExist) {
			continue // it has been removed, and git does not know that yet
		}
		test.Must(t, err)
		test.Must(t, os.MkdirAll(filepath.Dir(filepath.Join(tree, name)), 0o755))
		test.Must(t, os.WriteFile(filepath.Join(tree, name), content, 0o755))
	}
	return tree
}

// TestMakeFails breaks a copy of the tree. make shows what is wrong, and leaves no file.
func TestMakeFails(t *testing.T) {
	tree := copyTree(t)
	alone := filepath.Join(tree, "applets/init/entry/alone_linux.go")
	original, err := os.ReadFile(alone)
	test.Must(t, err)
	const old = "func scattered() uintptr { return 0 }"
	for _, tc := range []struct{ name, changed, variables, want string }{
		{"the compiler", "func scattered() uintptr { return text }", "", `undefined: text`},
		{"Go's linker", old, "-importcfg /nothing", `open /nothing: no such file or directory`},
		{
			"slim", "var known map[string]uintptr\nfunc scattered() uintptr { return known[`x`] }", "",
			`slim: _rt0_util → .* → runtime.mapaccess\S+ is not for early code`,
		},
	} {
		t.Run(tc.name, func(t *testing.T) {
			changed := strings.Replace(string(original), old, tc.changed, 1)
			if !strings.Contains(changed, tc.changed) {
				t.Fatalf("no %q in %s", old, alone)
			}
			test.Must(t, os.WriteFile(alone, []byte(changed), 0o644))
			cmd := exec.Command(test.Tool(t, "make"), "-s", "bin/util-init", "COMMIT=unknown",
				"VARIABLES="+tc.variables)
			cmd.Dir = tree
			cmd.Env = append(os.Environ(), "MAKEFLAGS=", "MAKELEVEL=")
			out, err := cmd.CombinedOutput()
			_, missing := os.Stat(filepath.Join(tree, "bin/util-init"))
			if err == nil || missing == nil || !regexp.MustCompile(tc.want).Match(out) {
				t.Errorf("error %v, output file: %v, and this instead of %q:\n%s",
					err, missing, tc.want, out)
			}
		})
	}
}
