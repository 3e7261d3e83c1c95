package main

import (
	"fmt"
	"regexp"
)

// version is the version of a tree, in its parts. Package formats write and compare them in
// different ways.
type version struct {
	text   string // as version.sh prints it
	number string // 1.2.3
	kind   string // alpha, beta or rc before the release, or nothing
	count  string // the 1 of rc1
	after  string // how many commits follow the tag, or the date if there is no tag
	commit string // only with after
}

// versionForm has what version.sh prints for a clean tree: a tag, the commits after a tag, or the
// date of a commit before the first tag.
var versionForm = regexp.MustCompile(
	`^([0-9]+\.[0-9]+\.[0-9]+)(?:-(alpha|beta|rc)([0-9]+))?(?:-([0-9]+)-g?([0-9a-f]{12,40}))?$`)

func parseVersion(text string) (version, error) {
	m := versionForm.FindStringSubmatch(text)
	if m == nil {
		return version{}, fmt.Errorf("version %q: is not like 1.2.3, 1.2.3-rc1 or "+
			"1.2.3-4-g0123456789ab: tag a commit as v1.2.3, and change nothing after it", text)
	}
	return version{text: text, number: m[1], kind: m[2], count: m[3], after: m[4], commit: m[5]}, nil
}

// in is the version in a package format, and the revision of the package.
func (v version) in(format string) (text, revision string) {
	switch format {
	case "rpm":
		return v.forDebian(), "1"
	case "apk":
		return v.forAlpine(), "0"
	case "archlinux":
		return v.forArch(), "1"
	}
	return v.forDebian(), ""
}

func (v version) String() string { return v.text }

// forDebian is the version in the form of deb-version(7), which is that of RPM too: a tilde sorts
// before the end, a plus sign after it.
func (v version) forDebian() string { return v.number + prefixed("~", v.kind+v.count) + v.later() }

// forArch is the version in the form of vercmp(8), where letters sort before the end.
func (v version) forArch() string { return v.number + v.kind + v.count + v.later() }

func (v version) later() string { return prefixed("+", v.after) + prefixed(".", v.commit) }

// forAlpine is the version in the form of apk-package(5), which has words for what comes before a
// release, and _p for what comes after it. It cannot have the commit.
func (v version) forAlpine() string {
	return v.number + prefixed("_", v.kind+v.count) + prefixed("_p", v.after)
}

// prefixed is text with prefix before it, or nothing.
func prefixed(prefix, text string) string {
	if text == "" {
		return ""
	}
	return prefix + text
}
