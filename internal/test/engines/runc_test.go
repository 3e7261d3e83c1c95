package engines_test

import (
	"encoding/json"
	"os"
	"os/exec"
	"regexp"
	"syscall"
	"testing"

	"util/internal/test"
)

// user is an ordinary user, who owns nothing and needs no entry in /etc/passwd.
const user = 54321

func as(cmd *exec.Cmd) *exec.Cmd {
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: user, Gid: user}}
	return cmd
}

// TestRunc runs a bundle as a user who is not root.
func TestRunc(t *testing.T) {
	root := newRoot(t)
	unshare := exec.Command(test.Tool(t, "unshare"), "--user", "true")
	if status, _, stderr := test.Run(t, as(unshare)); status != 0 {
		test.Missing(t, "user namespaces", "this user may not make any: "+stderr)
	}
	bundle := folder(t)
	test.Must(t, os.Chown(bundle, user, user))
	test.Must(t, os.Rename(root.dir, bundle+"/rootfs"))
	root.dir = bundle + "/rootfs"
	tl := newTools(t)
	tl.add("runc", "exec $real --root "+bundle+"/state \"$@\"")
	cmd := func(line string) *exec.Cmd {
		cmd := as(tl.cmd(line))
		cmd.Dir = bundle
		return cmd
	}
	must := func(line string) {
		t.Helper()
		if status, _, stderr := test.Run(t, cmd(line)); status != 0 {
			t.Fatalf("%s: status %d, %s", line, status, stderr)
		}
	}
	must(doc(t, "runc", `runc spec --rootless`))
	replaceArgs(t, bundle+"/config.json",
		doc(t, "runc", `"terminal": false,`),
		doc(t, "runc", `"args": ["/sbin/init", "--grace", "8s", "--", "/app"],`))
	run := cmd(doc(t, "runc", `runc run app`))
	t.Cleanup(func() { _ = cmd("runc delete --force app").Run() })
	c := start(t, root, run)
	urg := regexp.MustCompile(`(?m)^23\n`)
	sandbox{
		root: root,
		output: func() string {
			// The Go runtime of runc may raise URG in it, which runc 1.1 forwards.
			return urg.ReplaceAllString(c.output(), "")
		},
		stop:   func() { must(doc(t, "runc", `runc kill app TERM`)) },
		status: c.Status,
	}.check(t)
}

// replaceArgs replaces fields of the object process in a configuration of runc. A field is a line,
// with a comma at its end.
func replaceArgs(t *testing.T, path string, fields ...string) {
	t.Helper()
	var config, process map[string]json.RawMessage
	test.Must(t, json.Unmarshal([]byte(read(t, path)), &config))
	test.Must(t, json.Unmarshal(config["process"], &process))
	for _, field := range fields {
		test.Must(t, json.Unmarshal([]byte("{"+field[:len(field)-1]+"}"), &process))
	}
	var err error
	config["process"], err = json.Marshal(process)
	test.Must(t, err)
	text, err := json.Marshal(config)
	test.Must(t, err)
	test.Must(t, os.WriteFile(path, text, 0o644))
}
