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
	t.Run("layout", func(t *testing.T) { checkLayout(t, archive) })
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

// runInPodman runs lines of podman, with files and a cgroup of its own.
func runInPodman(t *testing.T, lines []string) {
	t.Helper()
	test.Tool(t, "podman")
	test.Tool(t, "runc")
	test.HideFiles(t)
	dir := t.TempDir()
	config := filepath.Join(dir, "containers.conf")
	test.Must(t, os.WriteFile(config, []byte(test.PodmanConfig), 0o644))
	script := `podman() {
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
	out := inDistribution(t, script, "DIR="+dir, "GROUP="+group, "CONTAINERS_CONF="+config)
	if !strings.Contains(out, "util "+version(t)+"\n") {
		t.Errorf("podman printed\n%s", out)
	}
}

// index is an index of an OCI image layout.
type index struct {
	Manifests []struct {
		Digest      string
		Platform    struct{ Architecture, OS string }
		Annotations map[string]string
	}
}

// checkLayout checks that the archive is an OCI image layout with an index and each of its images,
// under the names that containerd and skopeo read.
func checkLayout(t *testing.T, archive string) {
	t.Helper()
	dir := t.TempDir()
	runs(t, exec.Command("tar", "-xf", archive, "-C", dir))
	var all, platforms index
	decode(t, filepath.Join(dir, "index.json"), &all)
	if len(all.Manifests) == 0 {
		t.Fatal("index.json is empty")
	}
	decode(t, blob(dir, all.Manifests[0].Digest), &platforms)
	if len(platforms.Manifests) != len(all.Manifests)-1 {
		t.Fatalf("the index has %d images, index.json %d",
			len(platforms.Manifests), len(all.Manifests)-1)
	}
	want := "util:" + version(t)
	for i, m := range all.Manifests {
		got := m.Annotations["org.opencontainers.image.ref.name"]
		if m.Annotations["io.containerd.image.name"] != "docker.io/library/"+got ||
			i == 0 && got != want || !strings.HasPrefix(got, want) {
			t.Errorf("image %d has the names %v", i, m.Annotations)
		}
		if i > 0 && m.Digest != platforms.Manifests[i-1].Digest {
			t.Errorf("%s is not image %d of the index", got, i-1)
		}
	}
	for _, m := range platforms.Manifests {
		checkLabels(t, dir, m.Digest, m.Platform.Architecture)
	}
}

// checkLabels checks that an image is for an architecture, and says where it comes from
// (annotations.md of the OCI image format).
func checkLabels(t *testing.T, dir, digest, arch string) {
	t.Helper()
	var manifest struct{ Config struct{ Digest string } }
	decode(t, blob(dir, digest), &manifest)
	var config struct {
		Architecture, OS string
		Config           struct{ Labels map[string]string }
	}
	decode(t, blob(dir, manifest.Config.Digest), &config)
	if config.OS != "linux" || config.Architecture != arch {
		t.Errorf("the image for %s is for %s/%s", arch, config.OS, config.Architecture)
	}
	for name, want := range map[string]string{ // "" stands for any value
		"title": "util", "version": version(t), "licenses": "MIT AND BSD-3-Clause AND Apache-2.0",
		"revision": "", "created": "", "description": "",
	} {
		got := config.Config.Labels["org.opencontainers.image."+name]
		if got == "" || want != "" && got != want {
			t.Errorf("%s: label %s is %q, not %q", arch, name, got, want)
		}
	}
}

// blob is the path of a part of an OCI image layout.
func blob(dir, digest string) string {
	return filepath.Join(dir, "blobs", strings.Replace(digest, ":", "/", 1))
}

func decode(t *testing.T, path string, to any) {
	t.Helper()
	content, err := os.ReadFile(path)
	test.Must(t, err)
	test.Must(t, json.Unmarshal(content, to))
}
