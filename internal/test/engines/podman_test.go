package engines_test

import (
	"bytes"
	"os"
	"os/exec"
	"strings"
	"testing"

	"util/internal/test"
)

// podmanImage makes an image of a root directory, and tools for its lines. Podman has its own
// storage. What it changes here (limits, no network) is what a test may not do on every machine.
func podmanImage(t *testing.T, root rootFS, instructions ...string) tools {
	t.Helper()
	test.HideFiles(t)
	test.Tool(t, "runc")
	dir := folder(t)
	test.Must(t, os.WriteFile(dir+"/containers.conf", []byte(test.PodmanConfig), 0o644))
	tl := newTools(t, "IMAGE", "localhost/image")
	tl.add("podman", `podman() {
	CONTAINERS_CONF=`+dir+`/containers.conf $real --root `+dir+`/data --runroot `+dir+`/run \
		--storage-driver vfs "$@"
}
case $1 in
run) shift; podman run --cgroup-parent /`+root.name+` "$@" ;;
pod) if [ $2 = create ]; then
		shift 2; podman pod create --cgroup-parent /`+root.name+` --network none "$@"
	else
		podman "$@"
	fi ;;
*) podman "$@" ;;
esac`)
	args := []string{"import", "--quiet"}
	instructions = append(instructions, `ENTRYPOINT ["/sbin/init", "--"]`, `CMD ["/app"]`)
	for _, instruction := range instructions {
		args = append(args, "--change", instruction)
	}
	cmd := exec.Command(tl.dir+"/podman", append(args, "-", "localhost/image")...)
	cmd.Stdin = bytes.NewReader(root.archive(t))
	if status, _, stderr := test.Run(t, cmd); status != 0 {
		test.Missing(t, "podman", "cannot import an image: "+stderr)
	}
	tl.cleanup("podman rm --force --all --time 0")
	tl.cleanup("podman pod rm --force --all")
	return tl
}

// podmanSandbox is the container app of these tools.
func podmanSandbox(tl tools, root rootFS) sandbox {
	return sandbox{
		root:   root,
		output: func() string { return tl.must("podman logs app") },
		stop:   func() { tl.must(doc(tl.t, "Podman", `podman stop app`)) },
		status: func() int { return tl.number("podman wait app") },
	}
}

func TestPodman(t *testing.T) {
	root := newRoot(t)
	tl := podmanImage(t, root)
	tl.must(doc(t, "Podman", `podman run --detach --name app --systemd=false --env UTIL_INIT_GRACE=8s IMAGE`)) //nolint:lll // in one line, as in the document
	podmanSandbox(tl, root).check(t)
	id := tl.must("podman create IMAGE")
	const rtmin3 = "37"
	if got := tl.must("podman inspect --format {{.Config.StopSignal}} " + id); got != rtmin3 {
		t.Errorf("without --systemd=false, signal %s stops the container, not %s", got, rtmin3)
	}
}

// TestPodmanStopSignal is without --systemd=false: the image says which signal stops it.
func TestPodmanStopSignal(t *testing.T) {
	root := newRoot(t)
	tl := podmanImage(t, root, doc(t, "Podman", `STOPSIGNAL SIGTERM`))
	tl.must("podman run --detach --name app --env UTIL_INIT_GRACE=8s IMAGE")
	podmanSandbox(tl, root).check(t)
}

func TestPodmanPod(t *testing.T) {
	root := newRoot(t)
	tl := podmanImage(t, root)
	tl.must(doc(t, "Podman", `podman pod create --name pod --infra-image IMAGE --infra-command '/sbin/init --pause' --share ipc,net,uts,pid`)) //nolint:lll // in one line, as in the document
	tl.must(doc(t, "Podman", `podman run --detach --name app --pod pod --systemd=false --env UTIL_INIT_GRACE=8s IMAGE`))                       //nolint:lll // in one line, as in the document
	infra := strings.TrimSpace(tl.must("podman pod inspect --format {{.InfraContainerID}} pod"))
	pod{
		sandbox: podmanSandbox(tl, root),
		plain: func() {
			tl.must("podman run --detach --pod pod --entrypoint /bin/probe IMAGE orphans 20 pause")
		},
		end:  func() { tl.must(doc(t, "Podman", `podman pod stop pod`)) },
		last: func() int { return tl.number("podman wait " + infra) },
	}.check(t)
}
