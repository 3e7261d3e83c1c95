package packages_test

import (
	"maps"
	"slices"
	"strings"
	"testing"

	"util/internal/test"
)

const document = "../../../docs/install.md"

// checks are the sections whose lines run in a container: what must hold after which line, and
// after the last one. They are functions of testdata/prelude.sh.
var checks = map[string]struct {
	first string
	after map[string]string
	last  string
}{
	"Checking the files": {last: "removed"},
	"Programs": {
		after: map[string]string{
			"install -m 755 util-init-$V-linux-amd64 /usr/local/bin/util-init": "works /usr/local",
		},
		last: "rm /usr/local/bin/util*; removed",
	},
	"Tarball": {
		first: "chmod 2775 /usr/local/bin; mv /usr/local/share /opt; ln -s ../../opt/share /usr/local",
		after: map[string]string{
			"tar -xzf util-$V-linux-amd64.tar.gz -C /usr/local --strip-components=1": checkTarball,
		},
		last: removeTarball,
	},
	"Debian and Ubuntu": {
		after: map[string]string{"apt-get install ./util_*_amd64.deb": "installed /usr; zsh_completes"},
		last:  "removed",
	},
	"Fedora and others with DNF": {
		after: map[string]string{"dnf install ./util-*.x86_64.rpm": "installed /usr"},
		last:  "removed",
	},
	"openSUSE": {
		after: map[string]string{
			"zypper install --allow-unsigned-rpm ./util-*.x86_64.rpm": "installed /usr",
		},
		last: "removed",
	},
	"Others with RPM": {
		after: map[string]string{"rpm -U util-*.x86_64.rpm": "installed /usr"},
		last:  "removed",
	},
	"Arch": {
		after: map[string]string{"pacman -U util-*-x86_64.pkg.tar.zst": "installed /usr"},
		last:  "removed",
	},
	"In place of tini, dumb-init and catatonit": {
		after: map[string]string{
			"apt-get install ./util_*_amd64.deb ./util-compat_*_all.deb": checkCompat,

			"dnf install ./util-*.x86_64.rpm ./util-compat-*.noarch.rpm": checkCompat +
				"dnf remove util-compat util",
			zypperCompat: checkCompat + "zypper remove util-compat util",
			"rpm -U util-*.x86_64.rpm util-compat-*.noarch.rpm": checkCompat +
				"rpm -e util-compat util",
			"pacman -U util-*-x86_64.pkg.tar.zst util-compat-*-any.pkg.tar.zst": checkCompat +
				"pacman -R util-compat util",
		},
		last: "removed",
	},
}

const (
	checkCompat  = "attributes; replaced\n"
	zypperCompat = "zypper install --allow-unsigned-rpm ./util-*.x86_64.rpm ./util-compat-*.noarch.rpm"
)

// checkTarball also checks that directories and links that were there are as they were.
const checkTarball = `test $(stat -c %a /usr/local/bin) = 2775
test $(readlink /usr/local/share) = ../../opt/share
rm /usr/local/share; mv /opt/share /usr/local
installed /usr/local
zsh_completes`

// removeTarball removes the directories too.
const removeTarball = `sort -r /tmp/new | while read -r dir; do test ! -d $dir || rmdir $dir; done
removed`

// elsewhere are the sections with other lines, and what runs them.
var elsewhere = map[string]string{
	"An image": "TestImages",
	"Alpine":   "nothing, because Debian does not have apk: TestAlpine has a stand-in",
}

// sections returns the lines of the document by their headings.
func sections(t *testing.T) map[string][]string {
	t.Helper()
	return test.DocumentLines(t, document, "internal/test/packages")
}

// TestDocument runs the lines of docs/install.md as they are, and checks what they did.
func TestDocument(t *testing.T) {
	distribution(t)
	all := sections(t)
	for _, heading := range slices.Sorted(maps.Keys(all)) {
		c, ok := checks[heading]
		if !ok {
			if elsewhere[heading] == "" {
				t.Errorf("%s: section %s: no test runs its lines", document, heading)
			}
			continue
		}
		t.Run(heading, func(t *testing.T) {
			lines := []string{c.first}
			for _, line := range all[heading] {
				lines = append(lines, line)
				if after := c.after[line]; after != "" {
					lines = append(lines, after)
				}
			}
			for line := range c.after {
				if !slices.Contains(lines, line) {
					t.Errorf("%s: section %s has no line %s", document, heading, line)
				}
			}
			inContainers(t, strings.Join(append(lines, c.last), "\n")+"\n")
		})
	}
	for _, headings := range [][]string{
		slices.Collect(maps.Keys(checks)), slices.Collect(maps.Keys(elsewhere)),
	} {
		for _, heading := range headings {
			if all[heading] == nil {
				t.Errorf("%s has no section %s with lines", document, heading)
			}
		}
	}
}
