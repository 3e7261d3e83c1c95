package examples_test

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

// object is what the tests read of a Kubernetes object.
type object struct {
	Kind string
	Spec struct {
		Template struct{ Spec pod }
	}
}

type pod struct {
	TerminationGracePeriodSeconds int
	SecurityContext               struct {
		RunAsUser    int
		RunAsNonRoot bool
	}
	InitContainers, Containers []container
}

type container struct {
	Name            string
	Command         []string
	Env             []struct{ Name, Value string }
	RestartPolicy   string
	SecurityContext struct {
		AllowPrivilegeEscalation *bool
		ReadOnlyRootFilesystem   bool
		Capabilities             struct{ Drop []string }
	}
	StartupProbe, ReadinessProbe, LivenessProbe *probe
}

type probe struct {
	Exec           struct{ Command []string }
	HTTPGet        struct{ Path, Port string }
	TimeoutSeconds int
}

// decoder builds the program that decodes manifests.
func decoder(t *testing.T) (path string) {
	t.Helper()
	const module = "../internal/test/manifests"
	// Like the module itself, its dependencies are not those of util.
	if out, err := exec.Command("go", "-C", module, "mod", "download").CombinedOutput(); err != nil {
		test.Missing(t, "the modules of Kubernetes' types", string(out))
	}
	path = filepath.Join(t.TempDir(), "manifests")
	out, err := exec.Command("go", "build", "-C", module, "-o", path, ".").CombinedOutput()
	if err != nil {
		t.Fatalf("go build: %v\n%s", err, out)
	}
	return path
}

// manifests returns the paths of all manifests.
func manifests(t *testing.T) []string {
	t.Helper()
	paths, err := filepath.Glob("kubernetes/*.yaml")
	test.Must(t, err)
	if len(paths) == 0 {
		t.Fatal("there are no manifests")
	}
	return paths
}

// TestManifests decodes the manifests against the published types. A field that does not exist,
// one that appears twice, and a value of another type are errors.
func TestManifests(t *testing.T) {
	decoder := decoder(t)
	for _, path := range manifests(t) {
		if status, _, stderr := test.Run(t, exec.Command(decoder, path)); status != 0 {
			t.Errorf("%s: %s", path, stderr)
		}
	}

	text, err := os.ReadFile("kubernetes/deployment.yaml")
	test.Must(t, err)
	for _, tc := range []struct{ old, wrong, why string }{
		{"periodSeconds:", "periodSecond:", `unknown field "spec.template.spec.containers[0].`},
		{"maxSurge: 1", "maxSurge: 1, maxSurge: 2", `key "maxSurge" already set`},
		{"replicas: 2", "replicas: two", "cannot unmarshal string"},
		{"apiVersion: apps/v1", "apiVersion: apps/v0", `no kind "Deployment" is registered`},
	} {
		path := filepath.Join(t.TempDir(), "manifest.yaml")
		wrong := strings.ReplaceAll(string(text), tc.old, tc.wrong)
		test.Must(t, os.WriteFile(path, []byte(wrong), 0o644))
		status, _, stderr := test.Run(t, exec.Command(decoder, path))
		if status != 1 || !strings.Contains(stderr, tc.why) {
			t.Errorf("%s: status %d, %q; want 1, and %q", tc.wrong, status, stderr, tc.why)
		}
	}
}

// deployment returns the pod of the Deployment.
func deployment(t *testing.T) pod {
	t.Helper()
	cmd := exec.Command(decoder(t), "kubernetes/deployment.yaml")
	status, stdout, stderr := test.Run(t, cmd)
	if status != 0 {
		t.Fatal(stderr)
	}
	for line := range strings.Lines(stdout) {
		var o object
		test.Must(t, json.Unmarshal([]byte(line), &o))
		if o.Kind == "Deployment" {
			return o.Spec.Template.Spec
		}
	}
	t.Fatal("there is no Deployment")
	return pod{}
}

// TestDeployment runs the containers of the Deployment's pod with the Docker Engine: one after the
// other in one network, with their commands, users and privileges. It runs their probes, and stops
// them in the order of Kubernetes.
func TestDeployment(t *testing.T) {
	pod := deployment(t)
	name := image(t, folder(t))
	run := func(role string, args ...string) string {
		t.Helper()
		full := name + "-" + role
		t.Cleanup(func() { test.Docker(t, "rm", "--force", full) })
		test.MustDocker(t, append([]string{"run", "--detach", "--name", full}, args...)...)
		return full
	}
	// The other side of the Service: the name backend is the host of the pod itself.
	network := run("pod", "--network", "none", "--add-host", "backend:127.0.0.1",
		"--user", "10001", "--cap-add", "NET_BIND_SERVICE", "--entrypoint", "/app", name,
		"-address", "localhost:80")

	var long []string // the containers that go on
	for _, c := range append(pod.InitContainers, pod.Containers...) {
		args := append([]string{"--network", "container:" + network}, restrictions(t, pod, c)...)
		args = append(args, "--entrypoint", c.Command[0], name)
		container := run(c.Name, append(args, c.Command[1:]...)...)
		if c.StartupProbe == nil { // an init container
			if status := test.MustDocker(t, "wait", container); status != "0" {
				t.Fatalf("%s: status %s: %s", c.Name, status, logs(t, container))
			}
			continue
		}
		long = append(long, container)
		probes(t, c, container)
	}
	// Kubernetes stops sidecars after the other containers, in the reverse order of their start.
	stops(t, long[1], 5*time.Second)
	stops(t, long[0], 0)
}

// restrictions are the options of docker for the security context of a container.
func restrictions(t *testing.T, pod pod, c container) (options []string) {
	t.Helper()
	s := c.SecurityContext
	if !pod.SecurityContext.RunAsNonRoot || pod.SecurityContext.RunAsUser == 0 ||
		s.AllowPrivilegeEscalation == nil || *s.AllowPrivilegeEscalation ||
		!s.ReadOnlyRootFilesystem || strings.Join(s.Capabilities.Drop, " ") != "ALL" {
		t.Errorf("%s: has more privileges than it needs", c.Name)
	}
	options = []string{
		"--user", fmt.Sprintf("%d:%[1]d", pod.SecurityContext.RunAsUser), "--read-only",
		"--cap-drop", "ALL", "--security-opt", "no-new-privileges:true",
	}
	for _, v := range c.Env {
		if v.Name == "UTIL_INIT_TERMINATION_LOG" {
			log := filepath.Join(t.TempDir(), "log")
			test.Must(t, os.WriteFile(log, nil, 0o666))
			test.Must(t, os.Chmod(log, 0o666))
			options = append(options, "--volume", log+":"+v.Value)
		}
		options = append(options, "--env", v.Name+"="+v.Value)
	}
	// What Kubernetes waits for is a little longer than what init waits for.
	for i, word := range c.Command {
		if word != "--grace" {
			continue
		}
		grace, err := time.ParseDuration(c.Command[i+1])
		test.Must(t, err)
		kill := time.Duration(pod.TerminationGracePeriodSeconds) * time.Second
		if left := kill - grace; left < time.Second || left > 5*time.Second {
			t.Errorf("%s: --grace %v and terminationGracePeriodSeconds %v", c.Name, grace, kill)
		}
	}
	return options
}

// probes waits until the startup probe of a container succeeds, as Kubernetes does, and then
// expects that of its other probes.
func probes(t *testing.T, c container, container string) {
	t.Helper()
	try := func(p *probe) (status int, output string) {
		t.Helper()
		command := p.Exec.Command
		if p.HTTPGet.Path != "" { // what the kubelet does itself
			command = []string{"/sbin/util", "healthcheck", "http://localhost:8080" + p.HTTPGet.Path}
		}
		status, stdout, stderr := test.Docker(t, append([]string{"exec", container}, command...)...)
		return status, stdout + stderr
	}
	wait(t, "the startup probe succeeds", func() bool {
		status, _ := try(c.StartupProbe)
		return status == 0
	})
	for _, p := range []*probe{c.ReadinessProbe, c.LivenessProbe} {
		if p == nil {
			continue
		}
		if status, output := try(p); status != 0 {
			t.Errorf("%s: probe %q: status %d: %s", c.Name, p.Exec.Command, status, output)
		}
	}
	if c.ReadinessProbe == nil {
		return
	}
	test.MustDocker(t, "kill", "--signal", "USR1", container)
	wait(t, "the readiness probe fails", func() bool {
		status, _ := try(c.ReadinessProbe)
		return status == 1
	})
	if status, output := try(c.LivenessProbe); status != 0 {
		t.Errorf("%s: an unhealthy application is not alive: %d: %s", c.Name, status, output)
	}
}
