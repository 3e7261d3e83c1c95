#!/bin/sh
# Prints what this tree is, as four words: the version, the commit (12 digits), the date of the
# commit in UTC, and the same date in seconds since 1970.
#
#   0.1.0                               the commit has the tag v0.1.0
#   0.1.0-5-g0123456789ab               the fifth commit after that tag, as git describe says it
#   0.0.0-20261129031611-0123456789ab   before the first tag: date and commit, as Go says it
#
# Version and commit end with -dirty if the tree was changed since, untracked files included. In a
# tree that git archive made, git has put the commit, its date and its description into the file
# archived (gitattributes(5), export-subst). They are also used if such a tree is in another
# repository, such as that of a distribution.
#
# make passes the words to a shell. A tag can have almost any name, and comes with every fetch.
cd "$(dirname "$0")/../.." || exit
commit='' seconds='' described='' changed=''
read -r commit seconds described <internal/version/archived || exit
case $commit in
'$'*) # as it is in the repository
	commit=''
	if test -e .git; then
		commit=$(git rev-parse HEAD) &&
			seconds=$(git -c log.showSignature=false show --no-patch --format=%ct HEAD) &&
			changed=$(git --no-optional-locks status --porcelain --untracked-files=normal) || commit=''
		described=$(git describe --tags --match='v[0-9]*' --abbrev=12 2>/dev/null)
	fi
	;;
esac
if test -z "$commit"; then
	echo unknown unknown unknown 0
	exit
fi
for word in "$commit" "$seconds" "$described"; do
	case $word in
	*[!0-9A-Za-z.+_-]*)
		echo "version.sh: '$word': a version can have letters, digits, '.', '+', '_' and '-'" >&2
		exit 1
		;;
	esac
done
commit=$(printf %.12s "$commit")
# GNU and BusyBox know -d, BSD -r.
date=$(date -u -d "@$seconds" +%Y-%m-%dT%H:%M:%SZ 2>/dev/null ||
	date -u -r "$seconds" +%Y-%m-%dT%H:%M:%SZ) || exit
version=${described#v}
test "$version" || version=0.0.0-$(echo "$date" | tr -cd 0-9)-$commit
dirty=${changed:+-dirty}
echo "$version$dirty" "$commit$dirty" "$date" "$seconds"
