#!/bin/sh
# Prints the commit that this tree is of: 12 digits, and -dirty if the tree was changed since, files that git does not know
# included. A tree without a repository is one that git archive made: git has put the commit into the next line.
archived='$Format:%H$'

cd "$(dirname "$0")/../.." || exit
commit=unknown changed=
if test -e .git; then
	commit=$(git rev-parse HEAD) && changed=$(git --no-optional-locks status --porcelain) || commit=unknown changed=
else
	case $archived in
	*[!0-9a-f]*) ;;
	*) commit=$archived ;;
	esac
fi
printf '%.12s%s\n' "$commit" "${changed:+-dirty}"
