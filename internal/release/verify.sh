#!/bin/sh
# Makes a release of the commit HEAD twice, in different ways, and compares all files. The arguments
# are for make release, such as RELEASE=amd64. As root, the second one is made by another user, and
# where root has the right, under another host name.
set -eu
cd "$(dirname "$0")/../.."
test -z "$(git status --porcelain)" ||
	echo "verify-release: the tree has changes, which are not compared" >&2
dir=$(mktemp -d)
# The module cache of Go is read-only.
trap 'chmod -R u+w "$dir" && rm -rf "$dir"' EXIT
trap 'exit 1' HUP INT TERM # dash does not run the other one then
chmod 711 "$dir"

git clone -q . "$dir/clone"
# git ignores it, so the tree has no change.
echo /docs/private.md >>"$dir/clone/.git/info/exclude"
echo private >"$dir/clone/docs/private.md"
echo "verify-release: a clone"
(
	umask 022
	make -s -C "$dir/clone" release "$@"
)

# What differs the second time: origin, path, umask, user, host name, home, caches, locale, time
# zone, processors, settings of Go, a workspace around it. On amd64, the programs that run on the
# host are built for 386.
tree="$dir/other/a path/of another length"
mkdir -p "$tree" "$dir/other/home/.config/go"
echo 'go 1.26' >"$dir/other/go.work"
host=
if test "$(go env GOHOSTARCH)" = amd64; then
	host=GOHOSTARCH=386
fi
git archive HEAD | tar -x -C "$tree"
cat >"$dir/other/home/.config/go/env" <<-END
	GOFLAGS=-ldflags=-compressdwarf=false
	GOAMD64=v3
	GOARM64=v9.0
	GOEXPERIMENT=nogreenteagc
	CGO_ENABLED=1
END
elsewhere() {
	if test "$(id -u)" != 0; then
		"$@"
		return
	fi
	chown -R 65534:65534 "$dir/other"
	set -- setpriv --reuid=65534 --regid=65534 --clear-groups "$@"
	if unshare --uts true 2>/dev/null; then
		set -- unshare --uts sh -c 'hostname elsewhere && exec "$@"' sh "$@"
	fi
	"$@"
}
echo "verify-release: a tarball"
(
	umask 077
	cd "$tree"
	elsewhere env -i PATH="$PATH" HOME="$dir/other/home" TMPDIR="$dir/other/home" \
		GOPROXY="$(go env GOPROXY)" LC_ALL=POSIX TZ=Asia/Kathmandu GOMAXPROCS=1 \
		make -s release $host "$@"
)

diff -r "$dir/clone/dist" "$tree/dist"
echo "verify-release: the same $(ls "$dir/clone/dist" | wc -l) files"
