#!/bin/sh
# Prints the directory in which make release is to work. In a clone, this script makes it, with the
# committed files alone, so that no other file and no later change gets into a release. In a
# tarball, it is the tree itself. The script fails for a tree that should not be released.
#
#   source.sh VERSION DIRECTORY
set -eu
version=$1 dir=$2
cd "$(dirname "$0")/../.."

refuse() {
	echo "release: $*" >&2
	exit 1
}

case $version in
*-dirty) refuse "$version: commit all changes first" ;;
unknown) refuse "unknown version: neither a clone that git can read nor a tarball of git archive" ;;
esac
if ! test -e .git; then
	echo .
	exit
fi
if test "$(git rev-parse --is-shallow-repository)" = true; then
	refuse "$version: a shallow clone may lack the last tag: git fetch --unshallow --tags"
fi
# git describe prefers an annotated tag, and some tools that clone turn it into a lightweight one.
tags=$(git tag --points-at HEAD --list 'v[0-9]*')
if test "$(echo "$tags" | wc -l)" -gt 1; then
	refuse "$version: the commit has more than one version:" $tags
fi
rm -rf "$dir"
mkdir -p "$dir"
git archive HEAD | tar -x -C "$dir"
if test "$("$dir/internal/version/version.sh")" != "$(internal/version/version.sh)"; then
	refuse "$version: git archive gives another version: git 2.35 or later is needed"
fi
echo "$dir"
