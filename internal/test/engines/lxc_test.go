package engines_test

import (
	"os"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"util/internal/test"
)

// startLXC starts a container with these lines in its configuration. Its termination log is /ended.
func startLXC(t *testing.T, config ...string) sandbox {
	t.Helper()
	root := newRoot(t)
	hideFiles(t)
	test.Tool(t, "lxc-start")
	// What a container prints goes to /dev/null, so this one prints to a file.
	root.write(t, "app", strings.Replace(command, "exec ", "exec >/output\nexec ", 1))
	root.write(t, "output", "")
	tl := newTools(t, "/srv/app", root.dir)
	dir := folder(t)
	for _, name := range []string{"lxc-start", "lxc-stop"} {
		tl.add(name, "exec $real --lxcpath "+dir+" --logfile "+dir+"/log --logpriority INFO \"$@\"")
	}
	// The profiles of AppArmor belong to the machine, and may not be loaded.
	config = append(config, "lxc.apparmor.profile = unconfined")
	for _, name := range []string{"container", "monitor", "monitor.pivot"} {
		config = append(config, "lxc.cgroup.dir."+name+" = "+root.name+"/"+name)
	}
	text := strings.NewReplacer(tl.names...).Replace(strings.Join(config, "\n") + "\n")
	test.Must(t, os.MkdirAll(dir+"/app", 0o755))
	test.Must(t, os.WriteFile(dir+"/app/config", []byte(text), 0o644))
	t.Cleanup(func() {
		if t.Failed() {
			t.Log(read(t, dir+"/log"))
		}
	})
	tl.cleanup("lxc-stop --name app --kill")
	tl.must(doc(t, "LXC", `lxc-start --name app`))
	return sandbox{
		root:   root,
		output: func() string { return read(t, root.dir+"/output") },
		stop:   func() { tl.must(doc(t, "LXC", `lxc-stop --name app`)) },
		status: func() int {
			line := read(t, root.dir+"/ended")
			m := regexp.MustCompile(`exited with status (\d+)`).FindStringSubmatch(line)
			if m == nil {
				t.Fatalf("termination log: %s", line)
			}
			n, _ := strconv.Atoi(m[1])
			return n
		},
	}
}

func TestLXC(t *testing.T) {
	c := startLXC(t,
		doc(t, "LXC", `lxc.rootfs.path = dir:/srv/app`),
		doc(t, "LXC", `lxc.net.0.type = empty`),
		doc(t, "LXC", `lxc.mount.auto = proc`),
		doc(t, "LXC", `lxc.init.cmd = /sbin/init --grace 30s -- /app`),
		doc(t, "LXC", `lxc.environment = UTIL_INIT_TERMINATION_LOG=/ended`),
		doc(t, "LXC", `lxc.signal.halt = SIGTERM`),
	)
	c.check(t)
}
