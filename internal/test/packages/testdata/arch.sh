# pacman does not install util-compat where another tini is, or without util.
cat >/tmp/.PKGINFO <<'END'
pkgname = tini
pkgver = 0.19.0-1
pkgdesc = test
arch = any
packager = test
size = 1
END
tar -C /tmp -czf /tmp/tini-0.19.0-1-any.pkg.tar.gz .PKGINFO
pacman -U /tmp/tini-0.19.0-1-any.pkg.tar.gz
refused pacman -U util-*-x86_64.pkg.tar.zst util-compat-*.pkg.tar.zst 2>/tmp/why
grep 'unresolvable package conflicts' /tmp/why
pacman -R tini
refused pacman -U util-compat-*.pkg.tar.zst 2>/tmp/why
grep 'could not satisfy dependencies' /tmp/why
pacman -U util-*-x86_64.pkg.tar.zst util-compat-*.pkg.tar.zst
attributes
replaced
pacman -T tini dumb-init catatonit
refused pacman -R util
pacman -R util util-compat
removed
