# rpm does not install util-compat where another tini is, or without util.
cat >/tmp/tini.spec <<'END'
Name: tini
Version: 0.19.0
Release: 1
Summary: test
License: none
BuildArch: noarch
%description
test
%files
END
rpmbuild -bb --quiet --define '_rpmdir /tmp' /tmp/tini.spec
rpm -U /tmp/noarch/tini-0.19.0-1.noarch.rpm
refused rpm -U util-*.x86_64.rpm util-compat-*.noarch.rpm 2>/tmp/why
grep 'tini conflicts with util-compat' /tmp/why
rpm -e tini
refused rpm -U util-compat-*.noarch.rpm 2>/tmp/why
grep 'util = .* is needed' /tmp/why
rpm -U util-*.x86_64.rpm util-compat-*.noarch.rpm
attributes
replaced
for name in tini tini-static dumb-init catatonit; do
	rpm -q --whatprovides $name | grep '^util-compat-'
done
refused rpm -e util
# rpm knows which files are documents, because it can leave them out.
rpm -qd util | grep -x /usr/share/man/man1/util.1.gz
rpm -qd util | grep -x /usr/share/doc/util/docs/init.md
rpm -qL util | grep -x /usr/share/licenses/util/LICENSE
rpm -e util util-compat
removed
