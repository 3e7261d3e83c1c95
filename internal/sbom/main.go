// Sbom prints the bill of materials of util-init, in JSON of CycloneDX 1.6: what is in the file,
// and what it was made with. For util itself, go version -m names the modules, and programs such as
// cyclonedx-gomod read them; util-init has no such list in it, because it has no Go runtime.
package main

import (
	"crypto/sha256"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"strings"
)

type bom struct {
	Format      string      `json:"bomFormat"`
	SpecVersion string      `json:"specVersion"`
	Serial      string      `json:"serialNumber"`
	Version     int         `json:"version"`
	Metadata    metadata    `json:"metadata"`
	Components  []component `json:"components"`
}

type metadata struct {
	Component component `json:"component"`
}

type component struct {
	Type        string     `json:"type"`
	Ref         string     `json:"bom-ref"`
	Name        string     `json:"name"`
	Version     string     `json:"version"`
	Description string     `json:"description,omitempty"`
	Scope       string     `json:"scope,omitempty"`
	Hashes      []hash     `json:"hashes,omitempty"`
	Licenses    []license  `json:"licenses,omitempty"`
	URL         string     `json:"purl,omitempty"`
	Properties  []property `json:"properties,omitempty"`
}

type hash struct {
	Algorithm string `json:"alg"`
	Content   string `json:"content"`
}

type license struct {
	License struct {
		ID string `json:"id"`
	} `json:"license"`
}

type property struct {
	Name  string `json:"name"`
	Value string `json:"value"`
}

func main() {
	version := flag.String("version", "", "the `version` of util-init")
	commit := flag.String("commit", "", "the `commit` that it was built from")
	arch := flag.String("arch", "", "the `architecture` that it is for, as Go calls it")
	flag.Parse()
	if flag.NArg() != 1 {
		fmt.Fprintln(os.Stderr, "usage: sbom -version VERSION -commit COMMIT -arch ARCHITECTURE FILE")
		os.Exit(2)
	}
	if err := run(flag.Arg(0), *version, *commit, *arch); err != nil {
		fmt.Fprintln(os.Stderr, "sbom:", err)
		os.Exit(1)
	}
}

func run(file, version, commit, arch string) error {
	content, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	goVersion, err := ask("env", "GOVERSION")
	if err != nil {
		return err
	}
	sys, err := ask("list", "-m", "-f", "{{.Version}}", "golang.org/x/sys")
	if err != nil {
		return err
	}
	all := materials(content, version, commit, arch, strings.TrimPrefix(goVersion, "go"), sys)
	out := json.NewEncoder(os.Stdout)
	out.SetIndent("", "  ")
	return out.Encode(all)
}

// ask runs the command go and returns what it prints.
func ask(args ...string) (string, error) {
	cmd := exec.Command("go", args...)
	cmd.Stderr = os.Stderr
	out, err := cmd.Output()
	if err != nil {
		return "", fmt.Errorf("go %s: %w", strings.Join(args, " "), err)
	}
	return strings.TrimSpace(string(out)), nil
}

// materials returns the bill. It has no time, and a serial number that depends on the file only:
// the same file gives the same bill.
func materials(content []byte, version, commit, arch, goVersion, sys string) bom {
	sum := sha256.Sum256(content)
	id := sum
	id[6], id[8] = id[6]&0x0f|0x80, id[8]&0x3f|0x80 // version 8 of RFC 9562: an own definition
	return bom{
		Format: "CycloneDX", SpecVersion: "1.6", Version: 1,
		Serial: fmt.Sprintf("urn:uuid:%x-%x-%x-%x-%x", id[:4], id[4:6], id[6:8], id[8:10], id[10:16]),
		Metadata: metadata{component{
			Type: "application", Ref: "util-init", Name: "util-init", Version: version,
			Description: "container init, without the Go runtime",
			Hashes:      []hash{{"SHA-256", fmt.Sprintf("%x", sum)}},
			Licenses:    spdx("MIT"),
			Properties:  []property{{"util:commit", commit}, {"util:architecture", arch}},
		}},
		Components: []component{
			{
				Type: "library", Ref: "go-memory", Name: "Go runtime: memory functions",
				Version: goVersion, Scope: "required", Licenses: spdx("BSD-3-Clause", "MIT"),
				Description: "functions that compare, copy and clear memory (memequal, memmove), on " +
					"some architectures also multiply and divide; nothing else of the runtime or of " +
					"the standard library is in the file; those derived from Inferno are under MIT",
			},
			{
				Type: "library", Ref: "golang.org/x/sys", Name: "golang.org/x/sys", Version: sys,
				Scope: "excluded", Licenses: spdx("BSD-3-Clause"), URL: "pkg:golang/golang.org/x/sys@" + sys,
				Description: "numbers of system calls, constants and structures of package unix, " +
					"at build time; none of its code is in the file",
			},
			{
				Type: "application", Ref: "go", Name: "Go toolchain", Version: goVersion,
				Scope: "excluded", Licenses: spdx("BSD-3-Clause"),
				Description: "compiler and linker, at build time",
			},
		},
	}
}

func spdx(ids ...string) []license {
	all := make([]license, len(ids))
	for i, id := range ids {
		all[i].License.ID = id
	}
	return all
}
