package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// TestFileNames has the packages of a release candidate: no name has a tilde, which GitHub would
// replace.
func TestFileNames(t *testing.T) {
	v, err := parseVersion("0.1.0-rc1")
	if err != nil {
		t.Fatal(err)
	}
	r := &release{
		home: home{Maintainer: placeholder}, version: v, time: time.Unix(0, 0),
		source: "../..", output: t.TempDir(), scratch: t.TempDir(),
	}
	if err := r.compatPackages(); err != nil {
		t.Fatal(err)
	}
	entries, err := os.ReadDir(r.output)
	if err != nil || len(entries) != len(formats) {
		t.Errorf("%d packages for %d formats, %v", len(entries), len(formats), err)
	}
	for _, entry := range entries {
		if strings.Contains(entry.Name(), "~") || !strings.Contains(entry.Name(), "0.1.0") {
			t.Errorf("%s: is not a name for a download", entry.Name())
		}
	}
}

func TestSelected(t *testing.T) {
	r := &release{input: t.TempDir()}
	add := func(name string) {
		if err := os.Mkdir(filepath.Join(r.input, name), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	if all, err := r.selected(); err == nil {
		t.Errorf("without an architecture: %v", all)
	}
	add("armv7")
	add("amd64")
	all, err := r.selected()
	if err != nil || len(all) != 2 || all[0].name != "amd64" || all[1].name != "armv7" {
		t.Errorf("%v, %v", all, err)
	}
	add("sparc64")
	if all, err := r.selected(); err == nil || !strings.Contains(err.Error(), "sparc64") {
		t.Errorf("with an architecture that is unknown: %v, %v", all, err)
	}
}
