package packages_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"util/internal/test"
)

// TestBills checks that each bill of materials names the program, the version and the architecture
// that its file is called by, and has no time.
func TestBills(t *testing.T) {
	bills, err := filepath.Glob(filepath.Join(distribution(t), "*.cdx.json"))
	test.Must(t, err)
	if len(bills) == 0 {
		t.Fatal("there are no bills")
	}
	form := regexp.MustCompile(`^(util-init|util)-(.*)-linux-([a-z0-9]+)\.cdx\.json$`)
	for _, path := range bills {
		name := form.FindStringSubmatch(filepath.Base(path))
		if name == nil {
			t.Errorf("%s: is not the name of a bill", path)
			continue
		}
		text, err := os.ReadFile(path)
		test.Must(t, err)
		var bill struct {
			Metadata struct {
				Timestamp string
				Component struct{ Name, Version string }
			}
		}
		test.Must(t, json.Unmarshal(text, &bill))
		main := bill.Metadata.Component
		if main.Name != name[1] || main.Version != name[2] || bill.Metadata.Timestamp != "" {
			t.Errorf("%s: %+v", path, bill)
		}
		checkArchitecture(t, path, string(text), name[1], name[3])
	}
}

func checkArchitecture(t *testing.T, path, text, program, arch string) {
	t.Helper()
	want, pattern := arch, `"util:architecture",\s*"value": "([a-z0-9]+)"`
	if program == "util" {
		pattern = `goarch=([a-z0-9]+)`
		if strings.HasPrefix(arch, "armv") { // which Go has as another variable
			want = "arm"
		}
	}
	named := regexp.MustCompile(pattern).FindAllStringSubmatch(text, -1)
	if len(named) == 0 {
		t.Errorf("%s: names no architecture", path)
	}
	for _, n := range named {
		if n[1] != want {
			t.Errorf("%s: names the architecture %s", path, n[1])
		}
	}
}
