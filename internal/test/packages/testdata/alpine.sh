# What the stand-in for apk installed into /more.
tar -C /more -c usr sbin | tar -C / -x --keep-directory-symlink
attributes
replaced
rm /usr/bin/tini
hash -r
case $(command -v tini) in /sbin/tini | /usr/sbin/tini) ;; *) fail "tini is not in /sbin" ;; esac
# /sbin can be a directory or a link to /usr/sbin, so the link to util-init is absolute.
readlink /more/sbin/tini | grep -x /usr/bin/util-init
replaced
rm -r /sbin/tini* /usr/bin/*tini* /usr/bin/dumb-init /usr/bin/catatonit /usr/libexec/podman
installed /usr
