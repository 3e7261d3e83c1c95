package kubernetes_test

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"util/internal/test"
)

// patience is how long a test waits for what the kubelet does by its own clock.
const patience = 90 * time.Second

// The configuration of containerd. No process may lower its oom_score_adj without CAP_SYS_RESOURCE.
// The native snapshotter needs no overlayfs.
const containerdConfig = `version = 2
[plugins."io.containerd.grpc.v1.cri"]
  sandbox_image = "` + pauseImage + `"
  restrict_oom_score_adj = true
  [plugins."io.containerd.grpc.v1.cri".containerd]
    snapshotter = "native"
  [plugins."io.containerd.grpc.v1.cri".cni]
    bin_dir = "/usr/lib/cni"
    conf_dir = "DIR"
`

// Each pod has an address in a network of the node. It reaches the node, and nothing else.
const network = `{"cniVersion": "0.4.0", "name": "pods", "plugins": [{
  "type": "bridge", "bridge": "cni0", "isGateway": true,
  "ipam": {"type": "host-local", "ranges": [[{"subnet": "` + podNetwork + `"}]],
    "routes": [{"dst": "0.0.0.0/0"}]}
}]}
`

// The kubelet's configuration. It makes the cgroups of the pods below CGROUP. It evicts no pod for
// lack of memory or space. Its log is read by events.
const kubeletConfig = `apiVersion: kubelet.config.k8s.io/v1beta1
kind: KubeletConfiguration
staticPodPath: DIR/pods
volumePluginDir: DIR/plugins
containerRuntimeEndpoint: unix:///run/containerd/containerd.sock
authentication: {anonymous: {enabled: true}, webhook: {enabled: false}}
authorization: {mode: AlwaysAllow}
address: 127.0.0.1
readOnlyPort: 10255
cgroupDriver: cgroupfs
cgroupRoot: /CGROUP
failCgroupV1: false
failSwapOn: false
makeIPTablesUtilChains: false
resolvConf: ""
enforceNodeAllocatable: []
logging: {format: json, verbosity: 3}
evictionHard:
  {nodefs.available: "0%", imagefs.available: "0%", memory.available: 1Mi, nodefs.inodesFree: "0%"}
`

// node is the node of all tests.
type node struct {
	dir string

	mutex sync.Mutex
	exits map[string]exit // of the containers that have ended
}

// exit is the end of a container.
type exit struct {
	Status int       `json:"exit_status"`
	At     time.Time `json:"exited_at"`
}

var (
	starting sync.Once
	running  *node
)

// theNode returns the node, which the first test starts. It ends with the test program.
func theNode(t *testing.T) *node {
	t.Helper()
	if os.Getenv(dirVar) == "" {
		test.Missing(t, "root", "a node needs it")
	}
	for _, name := range []string{"containerd", "runc", "ctr", "ip"} {
		test.Tool(t, name)
	}
	if _, err := os.Stat("/usr/lib/cni/bridge"); err != nil {
		test.Missing(t, "containernetworking-plugins", err.Error())
	}
	starting.Do(func() { running = startNode(t) })
	if running == nil {
		t.Fatal("the node did not start")
	}
	return running
}

func startNode(t *testing.T) *node {
	t.Helper()
	n := &node{dir: os.Getenv(dirVar), exits: map[string]exit{}}
	config := strings.NewReplacer("DIR", n.dir, "CGROUP", filepath.Base(n.dir))
	for name, text := range map[string]string{
		"containerd.toml":  config.Replace(containerdConfig),
		"kubelet.yaml":     config.Replace(kubeletConfig),
		"10-pods.conflist": network,
	} {
		test.Must(t, os.WriteFile(filepath.Join(n.dir, name), []byte(text), 0o644))
	}
	for _, name := range []string{"pods", "plugins", "out"} {
		test.Must(t, os.Mkdir(filepath.Join(n.dir, name), 0o755))
	}

	// The shims of containers become children of init.
	answers := func() bool { return exec.Command("ctr", "version").Run() == nil }
	n.service(t, "containerd", answers, test.Util(t), "init", "--", "containerd",
		"--config", filepath.Join(n.dir, "containerd.toml"))
	cmd := exec.Command("ctr", "--namespace", "k8s.io", "images", "import",
		"--snapshotter", "native", "-")
	cmd.Stdin = bytes.NewReader(images(t))
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("ctr images import: %v: %s", err, out)
	}
	n.watch(t)
	answers = func() bool { _, err := n.pods(); return err == nil }
	n.service(t, "kubelet", answers, os.Getenv(kubeletVar), "--hostname-override", "node1",
		"--node-ip", nodeAddress, "--config", filepath.Join(n.dir, "kubelet.yaml"))
	return n
}

// service starts a program of the node, with a log of that name, and waits until it answers. It is
// killed with the namespace.
func (n *node) service(t *testing.T, name string, answers func() bool, args ...string) {
	t.Helper()
	log, err := os.Create(filepath.Join(n.dir, name+".log"))
	test.Must(t, err)
	defer log.Close()
	cmd := exec.Command(args[0], args[1:]...)
	cmd.Stdout, cmd.Stderr = log, log
	test.Must(t, cmd.Start())
	var ended atomic.Bool
	go func() { _ = cmd.Wait(); ended.Store(true) }()
	end := time.Now().Add(patience)
	for ; !answers(); time.Sleep(50 * time.Millisecond) {
		if ended.Load() || time.Now().After(end) {
			text, _ := os.ReadFile(log.Name())
			t.Fatalf("%s does not answer: %s", name, text[max(0, len(text)-8<<10):])
		}
	}
}

// watch reads the events of containerd, to know when and how containers end.
func (n *node) watch(t *testing.T) {
	t.Helper()
	cmd := exec.Command("ctr", "--namespace", "k8s.io", "events")
	out, err := cmd.StdoutPipe()
	test.Must(t, err)
	test.Must(t, cmd.Start())
	go func() {
		for lines := bufio.NewScanner(out); lines.Scan(); {
			_, text, isExit := strings.Cut(lines.Text(), "/tasks/exit ")
			var event struct {
				exit
				Container string `json:"container_id"`
				ID        string
			}
			// The event of a process that was executed in the container has another ID.
			if isExit && json.Unmarshal([]byte(text), &event) == nil && event.ID == event.Container {
				n.mutex.Lock()
				n.exits[event.ID] = event.exit
				n.mutex.Unlock()
			}
		}
	}()
}

// pod is what the tests read of a pod.
type pod struct {
	Metadata struct{ Name, Namespace, UID string }
	Status   struct {
		Phase, PodIP, Reason  string
		InitContainerStatuses []container
		ContainerStatuses     []container
	}
}

// container is the status of a container.
type container struct {
	Name             string
	Ready            bool
	RestartCount     int
	ContainerID      string
	State, LastState state
}

// state is one of three.
type state struct {
	Waiting    *struct{ Reason, Message string }
	Running    *struct{ StartedAt time.Time }
	Terminated *struct {
		ExitCode              int
		Reason, Message       string
		StartedAt, FinishedAt time.Time
	}
}

// container returns the status of a container, or an empty one.
func (p pod) container(name string) container {
	for _, c := range slices.Concat(p.Status.InitContainerStatuses, p.Status.ContainerStatuses) {
		if c.Name == name {
			return c
		}
	}
	return container{}
}

// pods returns all pods of the node, as the kubelet reports them.
func (n *node) pods() ([]pod, error) {
	client := http.Client{Timeout: test.Deadline}
	response, err := client.Get("http://127.0.0.1:10255/pods")
	if err != nil {
		return nil, err
	}
	defer response.Body.Close()
	var list struct{ Items []pod }
	err = json.NewDecoder(io.LimitReader(response.Body, 16<<20)).Decode(&list)
	return list.Items, err
}

// runningPod is a pod that a test has started.
type runningPod struct {
	*node
	t    *testing.T
	name string
	path string // of its manifest
	out  string // a directory that it can mount, for what must be seen after its end
	last pod    // its status when it was last asked for
}

// metadataName finds the name of a pod in its manifest.
var metadataName = regexp.MustCompile(`(?m)^metadata:\n  name: ([a-z0-9-]+)`)

// start starts the pod of a manifest. In the manifest, OUT is the path of a directory with these
// files, which are empty. The pod is deleted at the end of the test.
func start(t *testing.T, manifest string, files ...string) *runningPod {
	t.Helper()
	n := theNode(t)
	match := metadataName.FindStringSubmatch(manifest)
	if match == nil {
		t.Fatalf("the manifest has no name:\n%s", manifest)
	}
	p := &runningPod{node: n, t: t, name: match[1] + "-node1"}
	p.path = filepath.Join(n.dir, "pods", match[1]+".yaml")
	p.out = filepath.Join(n.dir, "out", match[1])
	test.Must(t, os.Mkdir(p.out, 0o755))
	for _, name := range files {
		test.Must(t, os.WriteFile(filepath.Join(p.out, name), nil, 0o644))
	}
	// The kubelet must not see half a file. It ignores names that begin with a dot.
	hidden := filepath.Join(n.dir, "pods", "."+match[1])
	manifest = strings.ReplaceAll(manifest, "OUT", p.out)
	test.Must(t, os.WriteFile(hidden, []byte(manifest), 0o644))
	test.Must(t, os.Rename(hidden, p.path))
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("%s: %s", p.name, p.describe())
		}
		os.Remove(p.path)
	})
	return p
}

// read returns a manifest.
func read(t *testing.T, path string) string {
	t.Helper()
	text, err := os.ReadFile(path)
	test.Must(t, err)
	return string(text)
}

// describe returns what is known of the pod.
func (p *runningPod) describe() string {
	text, _ := json.MarshalIndent(p.last, "", " ")
	for _, e := range p.events() {
		text = fmt.Appendf(text, "\n%s: %s", e.Reason, e.Message)
	}
	return string(text)
}

// event is something that has happened to a pod.
type event struct {
	Msg, Reason, Message string
	Object               struct{ Name string }
}

// events returns the events of the pod, which are what kubectl describe shows. Without an API
// server, the kubelet writes them to its log.
func (p *runningPod) events() (found []event) {
	p.t.Helper()
	f, err := os.Open(filepath.Join(p.dir, "kubelet.log"))
	test.Must(p.t, err)
	defer f.Close()
	lines := bufio.NewScanner(io.LimitReader(f, 64<<20))
	for lines.Buffer(nil, 1<<20); lines.Scan(); {
		var e event
		if json.Unmarshal(lines.Bytes(), &e) == nil && e.Msg == "Event occurred" &&
			e.Object.Name == p.name {
			found = append(found, e)
		}
	}
	return found
}

// status asks the kubelet for the pod.
func (p *runningPod) status() pod {
	p.t.Helper()
	all, err := p.pods()
	test.Must(p.t, err)
	for _, one := range all {
		if one.Metadata.Name == p.name {
			p.last = one
			return one
		}
	}
	return pod{}
}

// wait waits until a condition holds for the pod.
func (p *runningPod) wait(what string, cond func(pod) bool) pod {
	p.t.Helper()
	var now pod
	test.Within(p.t, patience, p.name+": "+what, func() bool {
		now = p.status()
		if cond(now) {
			return true
		}
		time.Sleep(50 * time.Millisecond) // the kubelet has work to do
		return false
	})
	return now
}

// isReady waits until all containers are ready.
func (p *runningPod) isReady() pod {
	p.t.Helper()
	return p.wait("is ready", func(now pod) bool {
		return len(now.Status.ContainerStatuses) > 0 &&
			!slices.ContainsFunc(now.Status.ContainerStatuses, func(c container) bool { return !c.Ready })
	})
}

// ends waits until the pod is in the phase Succeeded or Failed.
func (p *runningPod) ends() pod {
	p.t.Helper()
	return p.wait("ends", func(now pod) bool {
		return now.Status.Phase == "Succeeded" || now.Status.Phase == "Failed"
	})
}

// delete deletes the pod. It returns the time.
func (p *runningPod) delete() time.Time {
	p.t.Helper()
	p.status() // so that the IDs of its containers are known
	at := time.Now()
	test.Must(p.t, os.Remove(p.path))
	return at
}

// exit waits for the end of a container that ran when the status was last asked for.
func (p *runningPod) exit(name string) (e exit) {
	p.t.Helper()
	_, id, _ := strings.Cut(p.last.container(name).ContainerID, "://")
	test.Within(p.t, patience, p.name+": end of "+name, func() (ended bool) {
		p.mutex.Lock()
		defer p.mutex.Unlock()
		e, ended = p.exits[id]
		return ended
	})
	return e
}

// printed returns what a container has printed since its last start. The log is there until the pod
// has ended.
func (p *runningPod) printed(name string) string {
	p.t.Helper()
	p.status()
	now := p.last
	text, _ := os.ReadFile(fmt.Sprintf("/var/log/pods/%s_%s_%s/%s/%d.log", now.Metadata.Namespace,
		p.name, now.Metadata.UID, name, now.container(name).RestartCount))
	var out strings.Builder
	for line := range strings.Lines(string(text)) { // TIME STREAM F TEXT
		if f := strings.SplitN(line, " ", 4); len(f) == 4 {
			out.WriteString(f[3])
		}
	}
	return out.String()
}

// prints waits until a container that runs has printed a text since its last start.
func (p *runningPod) prints(name, text string) {
	p.t.Helper()
	p.wait(name+" prints "+text, func(now pod) bool {
		return now.container(name).State.Running != nil && strings.Contains(p.printed(name), text)
	})
}

// exec runs a command in a container. The test ends if it fails.
func (p *runningPod) exec(name string, command ...string) {
	p.t.Helper()
	_, id, _ := strings.Cut(p.status().container(name).ContainerID, "://")
	args := []string{"--namespace", "k8s.io", "tasks", "exec", "--exec-id", "test", id}
	out, err := exec.Command("ctr", append(args, command...)...).CombinedOutput()
	if err != nil {
		p.t.Fatalf("%s: exec %q: %v: %s", name, command, err, out)
	}
}
