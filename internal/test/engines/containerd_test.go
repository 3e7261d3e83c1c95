package engines_test

import (
	"archive/tar"
	"bytes"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"regexp"
	"runtime"
	"strconv"
	"syscall"
	"testing"
	"time"

	"util/internal/test"
)

// startContainerd starts a containerd that shares no file with that of the machine, and returns
// tools for its lines.
func startContainerd(t *testing.T, root rootFS) tools {
	t.Helper()
	test.HideFiles(t)
	daemon := test.Tool(t, "containerd")
	test.Tool(t, "runc")
	dir := folder(t)
	config := fmt.Sprintf("version = 2\nroot = %q\nstate = %q\n"+
		"disabled_plugins = [\"io.containerd.grpc.v1.cri\"]\n[grpc]\naddress = %q\n",
		dir+"/root", dir+"/state", dir+"/sock")
	test.Must(t, os.WriteFile(dir+"/config.toml", []byte(config), 0o644))
	cmd := exec.Command(daemon, "--config", dir+"/config.toml", "--log-level", "error")
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGTERM} // HideFiles keeps the thread
	if err := cmd.Start(); err != nil {
		test.Missing(t, "containerd", err.Error())
	}
	t.Cleanup(func() {
		_ = cmd.Process.Signal(syscall.SIGTERM)
		_ = cmd.Wait()
	})
	tl := newTools(t, "app.tar", dir+"/app.tar", "LOG", dir+"/log", "IMAGE", "example.com/app:1")
	// A container is in the cgroup /NAMESPACE/ID. What the command prints is in a file.
	tl.add("ctr", `ctr() { $real --address `+dir+`/sock --namespace `+root.name+` "$@"; }
case $1 in
run) shift; ctr run --snapshotter native --log-uri file://`+dir+`/log "$@" ;;
images) ctr images import --snapshotter native "$3" ;;
*) ctr "$@" ;;
esac`)
	test.Must(t, os.WriteFile(dir+"/app.tar", imageArchive(t, root), 0o644))
	for end := time.Now().Add(test.Deadline); ; time.Sleep(20 * time.Millisecond) {
		if status, _, _ := tl.run("ctr version"); status == 0 {
			break
		}
		if time.Now().After(end) {
			test.Missing(t, "containerd", "does not answer")
		}
	}
	tl.must(doc(t, "containerd", `ctr images import app.tar`))
	for _, name := range []string{"app", "plain", "pause"} {
		tl.cleanup("ctr task rm --force " + name)
	}
	return tl
}

// containerdSandbox is the container app of these tools.
func containerdSandbox(tl tools, root rootFS) sandbox {
	return sandbox{
		root:   root,
		output: func() string { return tl.must("cat LOG") },
		stop:   func() { tl.must(doc(tl.t, "containerd", `ctr task kill app`)) },
		status: func() int { return exitCode(tl, "app") },
	}
}

// exitCode returns the status of a container that has ended. It is removed.
func exitCode(tl tools, name string) int {
	tl.t.Helper()
	var printed string
	test.Eventually(tl.t, "containerd knows that "+name+" has ended", func() bool {
		status, _, stderr := tl.run("ctr task rm " + name)
		printed = stderr
		return status == 0
	})
	if m := regexp.MustCompile(`exit code (\d+)`).FindStringSubmatch(printed); m != nil {
		n, _ := strconv.Atoi(m[1])
		return n
	}
	return 0
}

func TestContainerd(t *testing.T) {
	root := newRoot(t)
	tl := startContainerd(t, root)
	tl.must(doc(t, "containerd", `ctr run --detach --env UTIL_INIT_GRACE=8s IMAGE app`))
	containerdSandbox(tl, root).check(t)
}

func TestContainerdPause(t *testing.T) {
	root := newRoot(t)
	tl := startContainerd(t, root)
	tl.must(doc(t, "containerd", `ctr run --detach IMAGE pause /sbin/init --pause`))
	tl.names = append(tl.names, "PID", strconv.Itoa(root.pid1(t).pid))
	tl.must(doc(t, "containerd", `ctr run --detach --env UTIL_INIT_GRACE=8s --with-ns pid:/proc/PID/ns/pid IMAGE app`)) //nolint:lll // in one line, as in the document
	pod{
		sandbox: containerdSandbox(tl, root),
		plain: func() {
			tl.must("ctr run --detach --with-ns pid:/proc/PID/ns/pid IMAGE plain " + plain)
		},
		end:  func() { tl.must(doc(t, "containerd", `ctr task kill pause`)) },
		last: func() int { return exitCode(tl, "pause") },
	}.check(t)
}

// imageArchive returns the image of a root directory as docker save writes one.
func imageArchive(t *testing.T, root rootFS) []byte {
	t.Helper()
	layer := root.archive(t)
	config, err := json.Marshal(map[string]any{
		"architecture": runtime.GOARCH,
		"os":           "linux",
		"config": map[string]any{
			"Entrypoint": []string{"/sbin/init", "--"},
			"Cmd":        []string{"/app"},
			"Env":        []string{"PATH=/sbin:/bin"},
		},
		"rootfs": map[string]any{
			"type":     "layers",
			"diff_ids": []string{fmt.Sprintf("sha256:%x", sha256.Sum256(layer))},
		},
	})
	test.Must(t, err)
	const manifest = `[{
	"Config": "config.json", "RepoTags": ["example.com/app:1"], "Layers": ["layer.tar"]
}]`
	var image bytes.Buffer
	w := tar.NewWriter(&image)
	for _, file := range []struct {
		name string
		text []byte
	}{{"manifest.json", []byte(manifest)}, {"config.json", config}, {"layer.tar", layer}} {
		size := int64(len(file.text))
		test.Must(t, w.WriteHeader(&tar.Header{Name: file.name, Mode: 0o644, Size: size}))
		_, err := w.Write(file.text)
		test.Must(t, err)
	}
	test.Must(t, w.Close())
	return image.Bytes()
}
