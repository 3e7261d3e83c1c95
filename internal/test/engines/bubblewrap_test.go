package engines_test

import (
	"encoding/json"
	"os"
	"strings"
	"testing"

	"util/internal/test"

	"golang.org/x/sys/unix"
)

// TestBubblewrap stops the init of a sandbox by its pid, which bwrap writes to a file.
func TestBubblewrap(t *testing.T) {
	root := newRoot(t)
	info := folder(t) + "/info"
	tl := newTools(t, "/srv/app", root.dir, "/run/app.json", info)
	test.Tool(t, "bwrap")
	c := start(t, root, tl.cmd(doc(t, "bubblewrap", `bwrap --bind /srv/app / --proc /proc --dev /dev --unshare-pid --as-pid-1 --die-with-parent --info-fd 3 /sbin/init --grace 8s -- /app 3>/run/app.json`))) //nolint:lll // in one line, as in the document
	sandbox{
		root:   root,
		output: c.output,
		stop: func() {
			var pid struct {
				Child int `json:"child-pid"`
			}
			test.Must(t, json.Unmarshal([]byte(read(t, info)), &pid))
			test.Must(t, unix.Kill(pid.Child, unix.SIGTERM))
		},
		status: c.Status,
	}.check(t)
}

// TestBubblewrapParentDeath stops bwrap itself.
func TestBubblewrapParentDeath(t *testing.T) {
	root := newRoot(t)
	tl := newTools(t, "/srv/app", root.dir)
	test.Tool(t, "bwrap")
	log := folder(t) + "/log"
	file, err := os.Create(log)
	test.Must(t, err)
	defer file.Close()
	cmd := tl.cmd(doc(t, "bubblewrap", `bwrap --bind /srv/app / --proc /proc --dev /dev --unshare-pid --as-pid-1 /sbin/init --parent-death TERM --grace 8s -- /app`)) //nolint:lll // in one line, as in the document
	cmd.Args[2] += " >" + log
	c := start(t, root, cmd)
	sandbox{
		root:   root,
		output: func() string { return strings.TrimSpace(read(t, log)) },
		stop:   func() { c.Signal(unix.SIGTERM) },
		status: func() int {
			if got := c.Status(); got != 256+int(unix.SIGTERM) {
				t.Errorf("bwrap: status %d", got)
			}
			return 6 // bwrap has ended before init, so no program has the status of init
		},
	}.check(t)
}
