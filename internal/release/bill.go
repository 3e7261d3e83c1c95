package main

import (
	"bytes"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
)

// bill returns the bill of materials of a program (CycloneDX). That of util-init lies beside it:
// make sbom has made it, because util-init has no list of modules in it.
func (r *release) bill(arch architecture, program, path string, content []byte) ([]byte, error) {
	if program == "util-init" {
		return os.ReadFile(filepath.Join(r.input, arch.name+"-util-init.cdx.json"))
	}
	// A UUID that depends on the file alone (RFC 9562, version 8).
	id := sha256.Sum256(content)
	id[6], id[8] = id[6]&0x0f|0x80, id[8]&0x3f|0x80
	serial := fmt.Sprintf("%x-%x-%x-%x-%x", id[:4], id[4:6], id[6:8], id[8:10], id[10:16])
	// The program finds licences only for modules that have a place to be downloaded from, and
	// calls some of them by a wrong name. So they come from LICENSE.
	tool, err := exec.Command("go", "tool", "-n", "cyclonedx-gomod").Output() // builds it
	if err != nil {
		return nil, fmt.Errorf("go tool -n cyclonedx-gomod: %w", err)
	}
	cmd := exec.Command(strings.TrimSpace(string(tool)), "bin", "-json", "-std", "-notimestamp",
		"-serial", serial, "-version", r.version.text, path)
	// It reads the architecture of the program from its environment.
	cmd.Env = append(os.Environ(), "GOARCH="+arch.goarch)
	var messages bytes.Buffer
	cmd.Stderr = &messages
	out, err := cmd.Output()
	if err != nil {
		return nil, fmt.Errorf("%v: %w\n%s", cmd, err, messages.Bytes())
	}
	return r.complete(out)
}

// complete adds licences to a bill of materials, and takes out the checksums of the program that
// made it, which depend on how that was built.
func (r *release) complete(text []byte) ([]byte, error) {
	var bill map[string]any
	if err := json.Unmarshal(text, &bill); err != nil {
		return nil, err
	}
	licences, err := r.licences()
	if err != nil {
		return nil, err
	}
	metadata, _ := bill["metadata"].(map[string]any)
	tools, _ := metadata["tools"].([]any)
	components, _ := bill["components"].([]any)
	main, _ := metadata["component"].(map[string]any)
	if main == nil || len(tools) == 0 || len(components) == 0 {
		return nil, errors.New("cyclonedx-gomod: the bill has another form than expected")
	}
	for _, tool := range tools {
		tool, _ := tool.(map[string]any)
		delete(tool, "hashes")
	}
	for _, component := range append(components, main) {
		component, _ := component.(map[string]any)
		name, _ := component["name"].(string)
		id := licences[name]
		if id == "" {
			return nil, fmt.Errorf("LICENSE: does not name %q", name)
		}
		component["licenses"] = []any{map[string]any{"license": map[string]any{"id": id}}}
	}
	out, err := json.MarshalIndent(bill, "", "  ")
	return append(out, '\n'), err
}

// licenceRow is a row of the table in LICENSE: a module, its licence, its copyright.
var licenceRow = regexp.MustCompile(`(?m)^  (\S.*?)  +(\S+)  +Copyright `)

// licences returns the licence of each module that is linked, by its name in a bill of materials.
func (r *release) licences() (map[string]string, error) {
	text, err := os.ReadFile(filepath.Join(r.source, "LICENSE"))
	if err != nil {
		return nil, err
	}
	all := map[string]string{"util": "MIT"}
	for _, row := range licenceRow.FindAllStringSubmatch(string(text), -1) {
		all[row[1]] = row[2]
	}
	all["std"] = all["the Go standard library"]
	return all, nil
}
