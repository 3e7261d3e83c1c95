# util-compat is not installed without util, and both are upgraded with one command.
refused dpkg -i ./util-compat_*_all.deb
dpkg -P util-compat
old=0.0.0~rc1
for package in util util-compat; do
	dpkg-deb -R "$(ls ${package}_*_a[lm]*.deb)" /tmp/$package # amd64 or all
	sed -i "s/^Version: .*/Version: $old/; s/util (= [^)]*)/util (= $old)/" /tmp/$package/DEBIAN/control
	dpkg-deb -b /tmp/$package
done
apt-get install /tmp/util.deb /tmp/util-compat.deb
dpkg -s util util-compat | grep -c "^Version: $old" | grep -x 2
apt-get install ./util_*_amd64.deb ./util-compat_*_all.deb
dpkg -s util util-compat >/tmp/status
refused grep "$old" /tmp/status
replaced
apt-get remove util
removed
