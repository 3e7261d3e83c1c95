#!/bin/sh
# Builds the inits with which the benchmark compares util, linked statically against musl:
#
#	internal/bench/peers.sh DIR
#
# It writes catatonit, dumb-init and tini to DIR. If they are there, it does nothing.
#
# The sources are those that upstream published, in the versions of this release of Debian, so that
# the packages are of the same versions. apt-get fetches them, and refuses a file whose SHA-256 is
# not the one in the signed lists of the release. Most machines have no lists of sources: they are
# made in DIR, and the configuration of the machine stays as it is.
set -eu

mkdir -p "$1"
cd "$1"
if test -x catatonit && test -x dumb-init && test -x tini; then
	exit
fi
for tool in musl-gcc apt-get; do
	if ! command -v $tool >/dev/null; then
		echo "peers.sh: $tool: not found (Debian's package musl-tools has musl-gcc)" >&2
		exit 1
	fi
done

rm -rf apt src
mkdir -p apt/sources apt/lists/partial apt/cache src
for list in /etc/apt/sources.list /etc/apt/sources.list.d/*.list \
	/etc/apt/sources.list.d/*.sources; do
	if test -e "$list"; then # a pattern that matches nothing stays as it is
		sed -e 's/^deb /deb-src /' -e 's/^Types:.*/Types: deb-src/' "$list" \
			>"apt/sources/${list##*/}"
	fi
done
dir=$PWD/apt
apt() {
	# Otherwise root's apt-get becomes the user _apt, who may have no access to DIR.
	apt-get -qq -o APT::Sandbox::User=root -o Acquire::http::Timeout=20 \
		-o Dir::Etc::SourceList=/dev/null -o Dir::Etc::SourceParts="$dir/sources" \
		-o Dir::State::Lists="$dir/lists" -o Dir::Cache="$dir/cache" "$@"
}
apt update
cd src
# --tar-only: without Debian's patches.
apt source --tar-only catatonit dumb-init tini
for archive in *.orig.tar.*; do
	tar -xf "$archive"
done

# version PROGRAM prints the version of the source of PROGRAM.
version() {
	set -- "$1"_*.orig.tar.*
	set -- "${1#*_}"
	echo "${1%.orig.tar.*}"
}

build() {
	musl-gcc -O2 -static -s -o "$@"
}

# dumb-init has its version in a file. The others have a template for their build systems.
build ../dumb-init dumb-init-*/dumb-init.c

sed -e 's/@PACKAGE_NAME@/catatonit/' -e "s/@PACKAGE_VERSION@/$(version catatonit)/" \
	catatonit-*/config.h.in >config.h
build ../catatonit -I . catatonit-*/catatonit.c

sed -e "s/@tini_VERSION_MAJOR@.*PATCH@/$(version tini)/" -e 's/@tini_VERSION_GIT@//' \
	tini-*/src/tiniConfig.h.in >tiniConfig.h
build ../tini -I . tini-*/src/tini.c

cd ..
rm -rf apt src
