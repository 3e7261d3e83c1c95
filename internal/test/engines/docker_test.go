package engines_test

import (
	"bytes"
	"os/exec"
	"testing"

	"util/internal/test"
)

// dockerImage makes an image of a root directory, and tools for its lines. The containers are named
// after the root directory.
func dockerImage(t *testing.T, root rootFS) tools {
	t.Helper()
	test.Engine(t)
	image := root.name + "-image"
	cmd := exec.Command("docker", "import", "--change", `ENTRYPOINT ["/sbin/init", "--"]`,
		"--change", `CMD ["/app"]`, "-", image)
	cmd.Stdin = bytes.NewReader(root.archive(t))
	if status, _, stderr := test.Run(t, cmd); status != 0 {
		t.Fatalf("docker import: %s", stderr)
	}
	tl := newTools(t, "IMAGE", image, "--name app", "--name "+root.name, "stop app", "stop "+root.name,
		"--name pause", "--name "+root.name+"-pause", "container:pause", "container:"+root.name+"-pause",
		"stop pause", "stop "+root.name+"-pause", "wait pause", "wait "+root.name+"-pause")
	tl.add("docker", `case $1 in
run) shift; exec $real run --network none "$@" ;;
*) exec $real "$@" ;;
esac`)
	tl.cleanup("docker rmi --force " + image)
	for _, suffix := range []string{"", "-plain", "-pause"} {
		tl.cleanup("docker rm --force " + root.name + suffix)
	}
	return tl
}

// dockerSandbox is the container app of these tools.
func dockerSandbox(tl tools, root rootFS, stop string) sandbox {
	return sandbox{
		root:   root,
		output: func() string { return tl.must("docker logs " + root.name) },
		stop:   func() { tl.must(stop) },
		status: func() int { return tl.number("docker wait " + root.name) },
	}
}

func TestDocker(t *testing.T) {
	root := newRoot(t)
	tl := dockerImage(t, root)
	tl.must(doc(t, "Docker", `docker run --detach --name app --env UTIL_INIT_GRACE=8s IMAGE`))
	dockerSandbox(tl, root, doc(t, "Docker", `docker stop app`)).check(t)
}

func TestDockerPause(t *testing.T) {
	root := newRoot(t)
	tl := dockerImage(t, root)
	tl.must(doc(t, "Docker", `docker run --detach --name pause --entrypoint /sbin/init IMAGE --pause`))
	tl.must(doc(t, "Docker", `docker run --detach --name app --pid container:pause --env UTIL_INIT_GRACE=8s IMAGE`)) //nolint:lll // in one line, as in the document
	pod{
		sandbox: dockerSandbox(tl, root, "docker stop app"),
		plain: func() {
			tl.must("docker run --detach --name " + root.name + "-plain --pid container:pause" +
				" --entrypoint /bin/probe IMAGE orphans 20 pause")
		},
		end:  func() { tl.must(doc(t, "Docker", `docker stop pause`)) },
		last: func() int { return tl.number("docker wait pause") },
	}.check(t)
}
