package engines_test

import (
	"fmt"
	"os"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"util/internal/test"

	"golang.org/x/sys/unix"
)

// startLXC starts a container with these lines in its configuration. Its termination log is /ended.
func startLXC(t *testing.T, config ...string) (tools, sandbox) {
	t.Helper()
	root := newRoot(t)
	test.HideFiles(t)
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
	return tl, sandbox{
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
	_, c := startLXC(t,
		doc(t, "LXC", `lxc.rootfs.path = dir:/srv/app`),
		doc(t, "LXC", `lxc.net.0.type = empty`),
		doc(t, "LXC", `lxc.mount.auto = proc`),
		doc(t, "LXC", `lxc.init.cmd = /sbin/init --grace 30s -- /app`),
		doc(t, "LXC", `lxc.environment = UTIL_INIT_TERMINATION_LOG=/ended`),
		doc(t, "LXC", `lxc.signal.halt = SIGTERM`),
	)
	c.check(t)
}

// TestLXCSignals is for the line of docs/stopping.md. If the configuration names no signal,
// lxc-stop sends PWR, or RTMIN+3 if init has that one blocked.
func TestLXCSignals(t *testing.T) {
	const line = "lxc.init.cmd = /sbin/init --grace 30s --stop-signal PWR,RTMIN+3 " +
		"--rewrite PWR:TERM,RTMIN+3:TERM -- /app"
	if !strings.Contains(read(t, "../../../docs/stopping.md"), "\n    "+line+"\n") {
		t.Errorf("docs/stopping.md has no line %s", line)
	}
	for _, name := range []string{"waiting", "busy"} {
		t.Run(name, func(t *testing.T) {
			tl, c := startLXC(t, "lxc.rootfs.path = dir:/srv/app", "lxc.net.0.type = empty",
				"lxc.mount.auto = proc", line, "lxc.environment = UTIL_INIT_TERMINATION_LOG=/ended",
				"lxc.environment = UTIL_INIT_REWRITE=CONT:none") // the test continues init
			if name == "busy" {
				c.stop = func() { stopBusy(t, tl, c.root.pid1(t)) }
			}
			c.check(t)
		})
	}
}

// stopBusy calls lxc-stop while init does not wait for signals, as if it were busy: it is stopped
// until it has a signal.
func stopBusy(t *testing.T, tl tools, init process) {
	t.Helper()
	test.Must(t, unix.Kill(init.pid, unix.SIGSTOP))
	test.Eventually(t, "init is stopped", func() bool {
		now, _ := look(init.pid)
		return now.state == "T"
	})
	stop := test.Start(t, tl.cmd("lxc-stop --name app"))
	const rtmin = 34 // of the C library
	pending := fmt.Sprintf("\nShdPnd:\t%016x\n", uint64(1)<<(rtmin+3-1))
	test.Eventually(t, "init has RTMIN+3", func() bool {
		return strings.Contains(read(t, fmt.Sprintf("/proc/%d/status", init.pid)), pending)
	})
	test.Must(t, unix.Kill(init.pid, unix.SIGCONT))
	if got := stop.Status(); got != 0 {
		t.Errorf("lxc-stop: status %d", got)
	}
}
