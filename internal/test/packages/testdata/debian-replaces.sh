# util-compat takes the place of Debian's own packages of the other inits, also for a package that
# needs one of them.
dpkg -i /var/others/*.deb
for name in tini dumb-init catatonit; do
	dpkg-query -S "$(command -v $name)" | grep "^$name:"
done
mkdir -p /tmp/needs-tini/DEBIAN
cat >/tmp/needs-tini/DEBIAN/control <<'END'
Package: needs-tini
Version: 1
Architecture: all
Maintainer: test <test@localhost>
Description: test
Depends: tini (>= 0.18)
END
dpkg-deb -b /tmp/needs-tini
apt-get install /tmp/needs-tini.deb
apt-get install ./util_*_amd64.deb ./util-compat_*_all.deb
for name in tini dumb-init catatonit; do
	refused dpkg-query -L $name
done
dpkg -s needs-tini | grep 'Status: install ok installed'
attributes
replaced
