package main

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"github.com/goreleaser/nfpm/v2"
	_ "github.com/goreleaser/nfpm/v2/apk" // each registers its format
	_ "github.com/goreleaser/nfpm/v2/arch"
	_ "github.com/goreleaser/nfpm/v2/deb"
	"github.com/goreleaser/nfpm/v2/files"
	_ "github.com/goreleaser/nfpm/v2/rpm"
)

// architecture is one that util is released for, with the names that package formats have for it.
// Without a name there is no package.
type architecture struct {
	name                  string // that of a release: Go's, and for arm with the version
	goarch, variant       string // those of an image (OCI image index)
	deb, rpm, apk, pacman string
}

var architectures = []architecture{
	{"386", "386", "", "i386", "i686", "x86", "i686"},
	{"amd64", "amd64", "", "amd64", "x86_64", "x86_64", "x86_64"},
	{"arm64", "arm64", "v8", "arm64", "aarch64", "aarch64", "aarch64"},
	// armhf is v7 in Debian and v6 in Raspberry Pi OS. What is built for v6 runs on both.
	{"armv6", "arm", "v6", "armhf", "armv6hl", "armhf", "armv6h"},
	{"armv7", "arm", "v7", "", "armv7hl", "armv7", "armv7h"},
	{"loong64", "loong64", "", "loong64", "loongarch64", "loongarch64", "loong64"},
	{"ppc64le", "ppc64le", "", "ppc64el", "ppc64le", "ppc64le", ""},
	{"riscv64", "riscv64", "", "riscv64", "riscv64", "riscv64", "riscv64"},
	{"s390x", "s390x", "", "s390x", "s390x", "s390x", ""},
}

// anyArchitecture is that of a package without programs.
var anyArchitecture = architecture{deb: "all", rpm: "noarch", apk: "noarch", pacman: "any"}

// formats are the package formats, as nfpm names them.
var formats = []string{"deb", "rpm", "apk", "archlinux"}

// nameIn is the name of the architecture in a package format.
func (a architecture) nameIn(format string) string {
	return map[string]string{
		"deb": a.deb, "rpm": a.rpm, "apk": a.apk, "archlinux": a.pacman,
	}[format]
}

const licence = "MIT AND BSD-3-Clause AND Apache-2.0" // of what is in util: see LICENSE

// description is what a package is called, and what it is.
type description struct{ name, summary, text string }

var util = description{
	"util", "init and entrypoint tools for containers",
	`One static binary for containers: an init for PID 1, which forwards signals,
reaps orphans and stops a program in an orderly way, and small tools that wait
for services, check their health, become another user, send signals and find
zombies. The package also has util-init, which is init alone, in a small file.`,
}

var utilCompat = description{
	"util-compat", "util in place of tini, dumb-init and catatonit",
	`Links with the names of other inits, which lead to util-init. Under these
names it accepts their command lines.`,
}

// in is the whole description in the form of a package format. RPM has the summary elsewhere, and
// the last two have room for one line.
func (d description) in(format string) string {
	switch format {
	case "deb":
		return d.summary + "\n" + d.text
	case "rpm":
		return d.text
	}
	return d.summary
}

// packages makes the packages of util for an architecture.
func (r *release) packages(arch architecture) error {
	installed, err := r.installed(arch)
	if err != nil {
		return err
	}
	for _, format := range formats {
		if arch.nameIn(format) == "" {
			continue
		}
		contents, err := r.packaged(format, installed)
		if err != nil {
			return err
		}
		info, err := r.info(format, arch, util, contents)
		if err != nil {
			return err
		}
		if err := r.writePackage(format, info); err != nil {
			return fmt.Errorf("%s: %w", format, err)
		}
	}
	return nil
}

// other is another init that the package util-compat takes the place of. Its package and its
// program have one name.
type other struct{ name, version string }

// The versions are those whose command lines util has (docs/compat.md).
var others = []other{
	{"tini", "0.19.0"},
	{"tini-static", "0.19.0"}, // in Fedora and Alpine
	{"dumb-init", "1.2.5"},
	{"catatonit", "0.1.7"},
}

// compatPackages makes the packages with links of the names of other inits.
func (r *release) compatPackages() error {
	for _, format := range formats {
		// where podman searches for it: helper_binaries_dir in containers.conf(5)
		links := []file{{path: "usr/libexec/podman/catatonit", link: "../../bin/util-init"}}
		for _, o := range others {
			links = append(links, file{path: "usr/bin/" + o.name, link: "util-init"},
				file{path: "usr/share/man/man1/" + o.name + ".1.gz", link: "util-init.1.gz"})
		}
		if format == "apk" { // Alpine has these there; and /sbin may be a link to /usr/sbin
			links = append(links, file{path: "sbin/tini", link: "/usr/bin/util-init"},
				file{path: "sbin/tini-static", link: "/usr/bin/util-init"})
		}
		if format == "deb" {
			texts, err := r.debianTexts("util-compat")
			if err != nil {
				return err
			}
			links = append(links, texts...)
		}
		info, err := r.info(format, anyArchitecture, utilCompat, links)
		if err != nil {
			return err
		}
		relate(format, info)
		if err := r.writePackage(format, info); err != nil {
			return fmt.Errorf("%s: %w", format, err)
		}
	}
	return nil
}

// relate says that a package needs the util of the same version, and replaces the other inits.
func relate(format string, info *nfpm.Info) {
	equals, suffix := "%s (= %s)", ""
	switch format {
	case "rpm":
		equals, suffix = "%s = %s", "-1"
	case "apk":
		equals, suffix = "%s=%s", "-r0"
	case "archlinux":
		equals, suffix = "%s=%s", "-1"
	}
	info.Depends = []string{fmt.Sprintf(equals, util.name, info.Version+suffix)}
	for _, o := range others {
		version := o.version
		if format == "apk" {
			version += suffix
		}
		info.Provides = append(info.Provides, fmt.Sprintf(equals, o.name, version))
		info.Replaces = append(info.Replaces, o.name)
		if format == "apk" { // its word for a conflict
			info.Depends = append(info.Depends, "!"+o.name)
		}
		info.Conflicts = append(info.Conflicts, o.name)
	}
	if format == "rpm" || format == "archlinux" { // there it would mean: on each upgrade of the system
		info.Replaces = nil
	}
}

// info describes a package in a format.
func (r *release) info(
	format string, arch architecture, d description, contents []file,
) (info *nfpm.Info, err error) {
	name := arch.nameIn(format)
	info = &nfpm.Info{
		Name: d.name, Arch: name, Platform: "linux", VersionSchema: "none",
		Section: "admin", Priority: "optional", Description: d.in(format), License: licence,
		Maintainer: r.home.Maintainer, Homepage: r.home.Homepage,
		MTime: r.time, DisableGlobbing: true,
	}
	info.Version, info.Release = r.version.in(format)
	info.Deb.Arch = name
	info.RPM = nfpm.RPM{
		Arch: name, Summary: d.summary, Packager: r.home.Maintainer,
		BuildHost: "localhost", // not the name of this machine
	}
	info.APK.Arch = name
	info.ArchLinux = nfpm.ArchLinux{Arch: name, Packager: r.home.Maintainer}
	for _, f := range contents {
		attributes := &files.ContentFileInfo{Owner: "root", Group: "root", MTime: r.time}
		c := &files.Content{Source: f.from, Destination: "/" + f.path, FileInfo: attributes}
		if f.link != "" {
			c.Source, c.Type, attributes.Mode = f.link, files.TypeSymlink, 0o777
		} else if attributes.Mode, err = f.mode(); err != nil {
			return nil, err
		} else if format == "rpm" {
			c.Type = rpmType(f.path)
		}
		info.Contents = append(info.Contents, c)
	}
	if format == "rpm" {
		for _, dir := range directories(contents) {
			info.Contents = append(info.Contents, &files.Content{
				Destination: "/" + dir, Type: files.TypeDir,
				FileInfo: &files.ContentFileInfo{Owner: "root", Group: "root", Mode: 0o755, MTime: r.time},
			})
		}
	}
	return info, nil
}

// rpmType is what a file is for RPM, which can leave out documents.
func rpmType(path string) string {
	switch {
	case strings.HasPrefix(path, "usr/share/doc/"), strings.HasPrefix(path, "usr/share/man/"):
		return files.TypeRPMDoc
	case strings.HasPrefix(path, "usr/share/licenses/"):
		return files.TypeRPMLicence
	}
	return files.TypeFile
}

// directories returns the directories of the files that may be in no other package. RPM removes
// only directories that a package lists; packages of the other formats list all of theirs.
func directories(contents []file) (dirs []string) {
	for _, f := range contents {
		dir := filepath.Dir(f.path)
		if own.MatchString(dir) && !slices.Contains(dirs, dir) {
			dirs = append(dirs, dir)
		}
	}
	return dirs
}

var own = regexp.MustCompile(`^usr/(share/(doc|licenses)/util|libexec/podman)(/|$)`)

// writePackage writes a package under the name that its format has for it. GitHub does not keep the
// tilde of a release candidate in the name of a file, and the checksums have the names too.
func (r *release) writePackage(format string, info *nfpm.Info) error {
	info = nfpm.WithDefaults(info)
	packager, err := nfpm.Get(format)
	if err != nil {
		return err
	}
	if err := nfpm.PrepareForPackager(info, format); err != nil {
		return err
	}
	var out bytes.Buffer
	if err := packager.Package(info, &out); err != nil {
		return err
	}
	name := strings.ReplaceAll(packager.ConventionalFileName(info), "~", ".")
	return write(filepath.Join(r.output, name), out.Bytes(), 0o644)
}

// packaged returns the files of a package: what is installed, where the distributions expect it,
// with manual pages and long texts compressed.
func (r *release) packaged(format string, installed []file) (contents []file, err error) {
	for _, f := range installed {
		switch {
		case strings.HasPrefix(f.path, "usr/share/man/"):
			if f, err = r.compressed(f); err != nil {
				return nil, err
			}
		case f.path == "usr/share/zsh/site-functions/_util" && format == "deb":
			f.path = "usr/share/zsh/vendor-completions/_util"
		case f.path == "usr/share/doc/util/LICENSE" && format == "deb":
			continue // it is part of copyright
		case f.path == "usr/share/doc/util/LICENSE":
			f.path = "usr/share/licenses/util/LICENSE"
		}
		contents = append(contents, f)
	}
	if format == "deb" {
		texts, err := r.debianTexts("util")
		if err != nil {
			return nil, err
		}
		contents = append(contents, texts...)
	}
	return contents, nil
}

// compressed returns a file that is the same as f, compressed.
func (r *release) compressed(f file) (file, error) {
	content, err := os.ReadFile(f.from)
	if err != nil {
		return file{}, err
	}
	return r.made(f.path+".gz", content)
}

// made returns a file with a content that is made here. The content is compressed if the name says
// so.
func (r *release) made(path string, content []byte) (file, error) {
	var err error
	if strings.HasSuffix(path, ".gz") {
		if content, err = compress(content); err != nil {
			return file{}, err
		}
	}
	from := filepath.Join(r.scratch, path)
	if err := os.MkdirAll(filepath.Dir(from), 0o755); err != nil {
		return file{}, err
	}
	return file{path: path, from: from}, write(from, content, 0o644)
}

// debianTexts returns what each package of Debian has: its changelog and its copyright (Debian
// Policy, chapter 12), and for util the reason why lintian is not to complain.
func (r *release) debianTexts(name string) (texts []file, err error) {
	dir := "usr/share/doc/" + name + "/"
	changes := fmt.Sprintf("util (%s) unstable; urgency=medium\n\n"+
		"  * See CHANGELOG.md in the documentation of util.\n\n -- %s  %s\n",
		r.version.forDebian(), r.home.Maintainer, r.time.Format("Mon, 02 Jan 2006 15:04:05 -0700"))
	copyright, err := r.copyright()
	if err != nil {
		return nil, err
	}
	contents := map[string]string{dir + "changelog.gz": changes, dir + "copyright": copyright}
	if name == "util" {
		contents["usr/share/lintian/overrides/util"] = lintianOverrides
	}
	for path, content := range contents {
		f, err := r.made(path, []byte(content))
		if err != nil {
			return nil, err
		}
		texts = append(texts, f)
	}
	slices.SortFunc(texts, func(a, b file) int { return strings.Compare(a.path, b.path) })
	return texts, nil
}

// lintianOverrides is in the form of lintian(1).
const lintianOverrides = `# An init for images FROM scratch: there is no libc in them.
util: statically-linked-binary
`

// copyright is LICENSE without the text of the Apache licence, which Debian has as a file.
func (r *release) copyright() (string, error) {
	content, err := os.ReadFile(filepath.Join(r.source, "LICENSE"))
	if err != nil {
		return "", err
	}
	before, _, found := strings.Cut(string(content), strings.Repeat(" ", 32)+"Apache License\n")
	if !found {
		return "", errors.New("LICENSE: does not end with the Apache licence")
	}
	return before + "On Debian systems, the text of the Apache License, Version 2.0, is in\n" +
		"/usr/share/common-licenses/Apache-2.0.\n", nil
}
