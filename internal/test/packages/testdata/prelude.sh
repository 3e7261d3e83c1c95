# What each script in a container begins with. V is the version, DIST the directory with the files.
set -eu
cd "$DIST"

# The tools, with the answer yes. That of rpm in Debian 12 installs nothing without --force-debian,
# which that of Debian 13 does not know.
apt-get() { command apt-get -qq -y "$@"; }
force=$(rpm --help | grep -o -- --force-debian || true)
rpm() { command rpm $force "$@"; }
dnf() { command dnf -y "$@"; }
# zypper fails if no RPM package is left after a removal.
zypper() { command zypper --non-interactive "$@" || test "$1" = remove; }
pacman() { command pacman --noconfirm "$@"; }

fail() {
	echo "FAIL: $*" >&2
	exit 1
}

# refused COMMAND: it must fail. (The shell does not end at a failed "! COMMAND".)
refused() {
	if "$@"; then
		fail "succeeded: $*"
	fi
}

# All files, except the data and caches of the tools. Where Docker's storage is fuse-overlayfs, a
# directory that does not change lacks a file in one of some hundred listings: hence two that are
# the same.
files() {
	for attempt in 1 2 3 4 5; do
		list >/tmp/files
		list >/tmp/again
		if cmp -s /tmp/files /tmp/again; then
			cat /tmp/files
			return
		fi
	done
	fail "two listings differ, $attempt times"
}
list() {
	find / -xdev \( -path /proc -o -path /sys -o -path /dev -o -path /tmp -o -path /run \
		-o -path /var -o -path /root \) -prune -o -print | sort
}

# What other packages of each distribution have: directories that are not removed with util.
for dir in licenses zsh/site-functions fish/vendor_completions.d; do
	mkdir -p /usr/share/$dir
	touch /usr/share/$dir/other
done
files >/tmp/before

# Every file has the mode and the owner that it should have.
attributes() {
	files >/tmp/now
	comm -13 /tmp/before /tmp/now >/tmp/new
	test -s /tmp/new || fail "no file is new"
	while read -r file; do
		case $(stat -c '%U:%G %F %a' "$file") in
		'root:root directory 755' | 'root:root regular file 644' | 'root:root symbolic link 777') ;;
		'root:root regular file 755') expr "$file" : '.*/bin/' >/dev/null || fail "$file can be executed" ;;
		*) fail "$(stat -c '%n: %U:%G %F %a' "$file")" ;;
		esac
		test -e "$file" || fail "$file leads to nothing"
	done </tmp/new
}

# works PREFIX: both programs are in PREFIX/bin, and of this version.
works() {
	for program in util util-init; do
		test "$(command -v $program)" = "$1/bin/$program" || fail "$program is $(command -v $program)"
	done
	util --version | grep -qwF "$V" || fail "util is $(util --version)"
	util-init --version | grep -qwF "$V" || fail "util-init is $(util-init --version)"
	for init in 'util init' util-init; do
		status=0
		$init -- sh -c 'exit 7' || status=$?
		test $status = 7 || fail "$init: status $status"
	done
	attributes
}

# installed PREFIX: what belongs to the programs is where other programs search for it.
installed() {
	works "$1"
	for page in util util-init util-wait-for-port util-sendsig util-reap-once util-healthcheck util-run-as; do
		case $(readlink -f "$(man -w $page)") in "$1"/share/man/man1/$page.1 | "$1"/share/man/man1/$page.1.gz) ;;
		*) fail "man $page is $(man -w $page)" ;;
		esac
	done
	man util-sendsig | grep -q '^SYNOPSIS' || fail "man util-sendsig has no synopsis"
	completed=$(bash -c '. /usr/share/bash-completion/bash_completion
		_completion_loader sendsig
		COMP_WORDS=(util sendsig --li) COMP_CWORD=2 COMP_LINE="util sendsig --li" COMP_POINT=17 COMP_TYPE=9
		$(complete -p util | sed "s/.*-F \([^ ]*\).*/\1/") util --li sendsig
		echo "${COMPREPLY[@]}"')
	test "$completed" = --list || fail "bash completes to '$completed'"
	completed=$(XDG_DATA_DIRS=/usr/local/share:/usr/share fish -c 'complete -C "util sendsig --li"' | cut -f 1)
	test "$completed" = --list || fail "fish completes to '$completed'"
	for text in README.md docs/init.md; do
		test -s "$1/share/doc/util/$text" || fail "there is no $text"
	done
	find "$1/share/doc/util" "$1/share/licenses" -name LICENSE -o -name copyright 2>/dev/null | grep -q . ||
		fail "there is no licence"
	for name in init tini dumb-init catatonit; do # these belong to others
		refused grep "/s*bin/$name\$" /tmp/new
	done
}

# zsh finds the script in a directory that this zsh searches.
zsh_completes() {
	test "$(zsh -fc 'autoload -U compinit; compinit -u -D; echo $_comps[util]')" = _util ||
		fail "zsh does not complete util"
}

# The links in place of other inits.
replaced() {
	for name in tini dumb-init catatonit; do
		test "$(readlink -f "$(command -v $name)")" = /usr/bin/util-init || fail "$name is $(command -v $name)"
		status=0
		$name -- sh -c 'exit 7' 2>/tmp/stderr || status=$?
		test $status = 7 || fail "$name: status $status, $(cat /tmp/stderr)"
	done
	for name in tini catatonit; do # that of dumb-init is in docs/compat.md
		$name --version 2>&1 >/dev/null | grep -qF "util $V," || fail "$name is $($name --version 2>&1)"
	done
}

# Nothing is left.
removed() {
	files >/tmp/after
	diff /tmp/before /tmp/after || fail "the files differ from those before"
}
