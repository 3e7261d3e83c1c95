package main

import (
	"debug/elf"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
)

// TestMaterials makes the bill of a util-init with symbols, and compares what it says about the
// file with the functions that are in it.
func TestMaterials(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "util-init")
	cmd := exec.Command("make", "-s", "-C", "../..", "sbom", "STRIP=", "UTIL_INIT="+file,
		"OBJECTS="+filepath.Join(dir, "object"), "VERSION=1.2.3", "COMMIT=abc")
	cmd.Env = append(os.Environ(), "MAKEFLAGS=", "MAKELEVEL=")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v: %v\n%s", cmd, err, out)
	}
	text, err := os.ReadFile(file + ".cdx.json")
	if err != nil {
		t.Fatal(err)
	}
	var b bom
	if err := json.Unmarshal(text, &b); err != nil {
		t.Fatal(err)
	}
	main := b.Metadata.Component
	if main.Version != "1.2.3" || !slices.Equal(main.Properties, []property{
		{"util:commit", "abc"}, {"util:architecture", runtime.GOARCH},
	}) {
		t.Errorf("version and commit: %+v", main)
	}
	if b.Format != "CycloneDX" || len(b.Serial) != len("urn:uuid:")+36 || len(main.Hashes) != 1 {
		t.Errorf("%+v", b)
	}
	inside := map[string]bool{}
	for _, c := range b.Components {
		if c.Version == "" || c.Scope == "" {
			t.Errorf("no version or no scope: %+v", c)
		}
		inside[c.Name] = c.Scope != "excluded"
	}
	if inside["golang.org/x/sys"] || inside["Go toolchain"] || len(inside) != 3 {
		t.Errorf("what is in the file: %v", inside)
	}

	program, err := elf.Open(file)
	if err != nil {
		t.Fatal(err)
	}
	defer program.Close()
	symbols, err := program.Symbols()
	if err != nil {
		t.Fatal(err)
	}
	var foreign []string
	for _, s := range symbols {
		if elf.ST_TYPE(s.Info) == elf.STT_FUNC && !strings.HasPrefix(s.Name, "util/") {
			foreign = append(foreign, s.Name)
		}
	}
	slices.Sort(foreign)
	want := []string{"_rt0_util", "memeqbody", "runtime.memequal", "runtime.memmove"}
	if !slices.Equal(foreign, want) {
		t.Errorf("functions that are not util's: %v, want %v", foreign, want)
	}
}
