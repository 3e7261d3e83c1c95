package packages_test

import (
	"os/exec"
	"path/filepath"
	"testing"

	"util/internal/test"
)

// TestDebianReplaces installs util-compat where Debian's own packages of the other inits are, and a
// package that needs one of them. apt-get takes them away, and the links work.
func TestDebianReplaces(t *testing.T) {
	distribution(t)
	dir := t.TempDir()
	cmd := exec.Command(test.Tool(t, "apt-get"), "download", "tini", "dumb-init", "catatonit")
	cmd.Dir = dir
	if out, err := cmd.CombinedOutput(); err != nil {
		test.Missing(t, "packages of Debian", string(out))
	}
	inContainer(t, []string{
		"dpkg -i /more/*.deb",
		"for name in tini dumb-init catatonit; do test $(dpkg-query -S $(command -v $name) | cut -d: -f1) = $name; done",
		debianPackage("needs-tini", "1", "Depends: tini (>= 0.18)"),
		"apt-get install /tmp/needs-tini.deb",
		"apt-get install ./util_*_amd64.deb ./util-compat_*_all.deb",
		"for name in tini dumb-init catatonit; do refused dpkg-query -W $name; done",
		"dpkg -s needs-tini | grep 'Status: install ok installed'",
		"attributes; replaced",
	}, dir)
}

// debianPackage is a line that makes an empty package, /tmp/NAME.deb.
func debianPackage(name, version string, fields ...string) string {
	control := "Package: " + name + "\nVersion: " + version +
		"\nArchitecture: all\nMaintainer: test <test@localhost>\nDescription: test\n"
	for _, field := range fields {
		control += field + "\n"
	}
	return "mkdir -p /tmp/" + name + "/DEBIAN; printf '%s' '" + control + "' >/tmp/" + name +
		"/DEBIAN/control; dpkg-deb -b /tmp/" + name
}

// TestDebianVersions installs util-compat without its util, and upgrades both from an older version.
func TestDebianVersions(t *testing.T) {
	inContainer(t, []string{
		"refused dpkg -i ./util-compat_*_all.deb; dpkg -P util-compat",
		"for package in util util-compat; do",
		"	dpkg-deb -R ${package}_*.deb /tmp/$package",
		"	sed -i 's/^Version: .*/Version: 0.0.0~rc1/; s/util (= .*)/util (= 0.0.0~rc1)/' /tmp/$package/DEBIAN/control",
		"	dpkg-deb -b /tmp/$package",
		"done",
		"apt-get install /tmp/util.deb /tmp/util-compat.deb",
		"apt-get install ./util_*_amd64.deb ./util-compat_*_all.deb",
		"dpkg -s util util-compat >/tmp/status; refused grep rc1 /tmp/status",
		"replaced",
		"apt-get remove util",
		"removed",
	})
}

// TestRPMConflicts installs util-compat where another tini is, which rpm refuses, and alone, and then
// as it should be.
func TestRPMConflicts(t *testing.T) {
	inContainer(t, []string{
		`printf '%s\n' 'Name: tini' 'Version: 0.19.0' 'Release: 1' 'Summary: test' 'License: none' \
	'BuildArch: noarch' '%description' 'test' '%files' >/tmp/tini.spec`,
		"rpmbuild -bb --quiet --define '_rpmdir /tmp' /tmp/tini.spec",
		"rpm -U /tmp/noarch/tini-0.19.0-1.noarch.rpm",
		"refused rpm -U util-*.x86_64.rpm util-compat-*.noarch.rpm 2>/tmp/why",
		"grep 'tini conflicts with util-compat' /tmp/why",
		"rpm -e tini",
		"refused rpm -U util-compat-*.noarch.rpm 2>/tmp/why",
		"grep 'util = .* is needed' /tmp/why",
		"rpm -U util-*.x86_64.rpm util-compat-*.noarch.rpm",
		"replaced",
		"rpm -q --whatprovides tini dumb-init catatonit | sort -u | grep -c . | grep -x 1",
		"refused rpm -e util",
		"rpm -e util util-compat",
		"removed",
	})
}

// TestArchConflicts is the same with pacman.
func TestArchConflicts(t *testing.T) {
	inContainer(t, []string{
		`printf '%s\n' 'pkgname = tini' 'pkgver = 0.19.0-1' 'pkgdesc = test' 'arch = any' \
	'packager = test' 'size = 1' >/tmp/.PKGINFO`,
		"tar -C /tmp -czf /tmp/tini-0.19.0-1-any.pkg.tar.gz .PKGINFO",
		"pacman -U /tmp/tini-0.19.0-1-any.pkg.tar.gz",
		"refused pacman -U util-*-x86_64.pkg.tar.zst util-compat-*.pkg.tar.zst 2>/tmp/why",
		"grep 'conflict' /tmp/why",
		"pacman -R tini",
		"refused pacman -U util-compat-*.pkg.tar.zst 2>/tmp/why",
		"grep 'could not satisfy dependencies' /tmp/why",
		"pacman -U util-*-x86_64.pkg.tar.zst util-compat-*.pkg.tar.zst",
		"attributes; replaced",
		"pacman -T tini dumb-init catatonit",
		"refused pacman -R util",
		"pacman -R util util-compat",
		"removed",
	})
}

// TestLintian reads the packages for Debian with lintian, which is to find nothing.
func TestLintian(t *testing.T) {
	lintian := test.Tool(t, "lintian")
	debs, err := filepath.Glob(filepath.Join(distribution(t), "*.deb"))
	test.Must(t, err)
	runs(t, exec.Command(lintian, append([]string{
		"--allow-root", "--tag-display-limit=0", "--fail-on=error,warning,override",
	}, debs...)...))
}
