package packages_test

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"util/internal/test"
)

// TestImages runs the lines of docs/install.md about images: those of docker, a Dockerfile with the
// instructions, and those of podman.
func TestImages(t *testing.T) {
	archive := one(t, "util-*-images.tar")
	test.Engine(t)
	const taken = "util"
	if status, _, _ := test.Docker(t, "image", "inspect", taken); status == 0 {
		test.Missing(t, "a free name", "there is an image "+taken+", which the lines would replace")
	}
	t.Cleanup(func() { // docker run would pull an image that the archive did not give it
		_, loaded, _ := test.Docker(t, "images", "--format", "{{.Repository}}:{{.Tag}}",
			"--filter", "reference=util:"+version(t)+"*")
		for _, name := range append(strings.Fields(loaded), taken, built(t)) {
			_, _, _ = test.Docker(t, "rmi", "--force", name)
		}
	})
	var docker, dockerfile, podman []string
	for _, line := range sections(t)["An image"] {
		switch word, _, _ := strings.Cut(line, " "); word {
		case "docker":
			docker = append(docker, line)
		case "podman":
			podman = append(podman, line)
		default:
			dockerfile = append(dockerfile, line)
		}
	}
	out := inDistribution(t, strings.Join(docker, "\n"))
	if !strings.Contains(out, "util "+version(t)+"\n") {
		t.Errorf("docker printed\n%s", out)
	}
	t.Run("Dockerfile", func(t *testing.T) { buildAndStop(t, dockerfile) })
	t.Run("Podman", func(t *testing.T) { runInPodman(t, podman) })
	t.Run("labels", func(t *testing.T) { labels(t, archive) })
}

// inDistribution runs lines of a shell script in the directory of the files, and returns what they
// print.
func inDistribution(t *testing.T, script string, env ...string) string {
	t.Helper()
	cmd := exec.Command("sh", "-euc", script)
	cmd.Dir = distribution(t)
	cmd.Env = append(append(os.Environ(), "V="+version(t)), env...)
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	return string(out)
}

// built is the name of the image that the test builds, and of its container.
func built(t *testing.T) string {
	t.Helper()
	return fmt.Sprintf("util-test-copied-%d", os.Getpid())
}

// buildAndStop builds an image with the instructions of the document, runs it and stops it.
func buildAndStop(t *testing.T, instructions []string) {
	t.Helper()
	dir := t.TempDir()
	test.CopyFile(t, test.Tool(t, "busybox"), filepath.Join(dir, "busybox"))
	text := "FROM scratch\nCOPY busybox /bin/\n" + strings.Join(instructions, "\n") +
		"\nCMD [\"/bin/busybox\", \"sleep\", \"60\"]\n"
	test.Must(t, os.WriteFile(filepath.Join(dir, "Dockerfile"), []byte(text), 0o644))
	test.MustDocker(t, "build", "--quiet", "--tag", built(t), dir)
	test.MustDocker(t, "run", "--detach", "--network=none", "--name", built(t), built(t))
	defer func() { _, _, _ = test.Docker(t, "rm", "--force", built(t)) }()
	began := time.Now()
	test.MustDocker(t, "stop", built(t))
	// sleep is ended by TERM, as it is not PID 1. Docker waits for 10 seconds before it kills.
	if took := time.Since(began); took > 8*time.Second {
		t.Errorf("docker stop took %v", took)
	}
	if got := test.MustDocker(t, "wait", built(t)); got != "143" {
		t.Errorf("the status is %s, not 143", got)
	}
}

// runInPodman runs lines of podman, with files and a cgroup of its own. Its limits are those that
// every machine allows.
func runInPodman(t *testing.T, lines []string) {
	t.Helper()
	test.Tool(t, "podman")
	test.Tool(t, "runc")
	if os.Geteuid() != 0 {
		test.Missing(t, "root", "podman gets directories of its own")
	}
	dir := t.TempDir()
	config := `[containers]
default_ulimits = ["nofile=1024:1024", "nproc=1024:1024"]
netns = "none"
[engine]
runtime = "runc"
cgroup_manager = "cgroupfs"
events_logger = "none"
`
	test.Must(t, os.WriteFile(filepath.Join(dir, "containers.conf"), []byte(config), 0o644))
	script := `for dir in /run /dev/shm /var/lib; do mount -t tmpfs none $dir; done
podman() {
	all="--root $DIR/data --runroot $DIR/run --storage-driver vfs"
	case $1 in
	run) shift; command podman $all run --cgroup-parent /$GROUP "$@" ;;
	*) command podman $all "$@" ;;
	esac
}
` + strings.Join(lines, "\n") + `
podman rmi --all --force
`
	group := built(t)
	t.Cleanup(func() {
		test.RemoveCgroups(t, test.Deadline, "/sys/fs/cgroup/*/"+group, "/sys/fs/cgroup/"+group)
	})
	out := inDistribution(t, "unshare --mount --net sh -euc '"+script+"'", "DIR="+dir, "GROUP="+group,
		"CONTAINERS_CONF="+filepath.Join(dir, "containers.conf"))
	if !strings.Contains(out, "util "+version(t)+"\n") {
		t.Errorf("podman printed\n%s", out)
	}
}

// labels checks that the archive is an OCI image layout with an index and each of its images, under
// the names that containerd and skopeo read, and that each image says where it comes from
// (annotations.md of the OCI image format).
func labels(t *testing.T, archive string) {
	t.Helper()
	dir := t.TempDir()
	runs(t, exec.Command("tar", "-xf", archive, "-C", dir))
	type index struct {
		Manifests []struct {
			Digest      string
			Platform    struct{ Architecture, OS string }
			Annotations map[string]string
		}
	}
	var outer, inner index
	read := func(path string, to any) {
		t.Helper()
		content, err := os.ReadFile(filepath.Join(dir, path))
		test.Must(t, err)
		test.Must(t, json.Unmarshal(content, to))
	}
	blob := func(digest string) string { return "blobs/" + strings.Replace(digest, ":", "/", 1) }
	read("index.json", &outer)
	if len(outer.Manifests) == 0 {
		t.Fatal("index.json is empty")
	}
	read(blob(outer.Manifests[0].Digest), &inner)
	if len(inner.Manifests) != len(outer.Manifests)-1 {
		t.Fatalf("the index has %d images, index.json %d", len(inner.Manifests), len(outer.Manifests)-1)
	}
	want := "util:" + version(t)
	for i, m := range outer.Manifests {
		got := m.Annotations["org.opencontainers.image.ref.name"]
		if m.Annotations["io.containerd.image.name"] != "docker.io/library/"+got ||
			i == 0 && got != want || !strings.HasPrefix(got, want) {
			t.Errorf("image %d has the names %v", i, m.Annotations)
		}
		if i > 0 && m.Digest != inner.Manifests[i-1].Digest {
			t.Errorf("%s is not image %d of the index", got, i-1)
		}
	}
	for _, m := range inner.Manifests {
		var manifest struct{ Config struct{ Digest string } }
		read(blob(m.Digest), &manifest)
		var config struct {
			Architecture, OS string
			Config           struct{ Labels map[string]string }
		}
		read(blob(manifest.Config.Digest), &config)
		if config.OS != "linux" || config.Architecture != m.Platform.Architecture {
			t.Errorf("the image for %+v is for %s/%s", m.Platform, config.OS, config.Architecture)
		}
		for name, want := range map[string]string{
			"title": "util", "version": version(t), "licenses": "MIT AND BSD-3-Clause AND Apache-2.0",
		} {
			name = "org.opencontainers.image." + name
			if got := config.Config.Labels[name]; got != want {
				t.Errorf("%s: label %s is %q, not %q", m.Platform.Architecture, name, got, want)
			}
		}
		for _, name := range []string{"revision", "created", "description"} {
			if config.Config.Labels["org.opencontainers.image."+name] == "" {
				t.Errorf("%s: there is no label %s", m.Platform.Architecture, name)
			}
		}
	}
}
