package kubernetes_test

import (
	"os"
	"path/filepath"
	"strings"
)

// process is a process as /proc shows it.
type process struct {
	dir       string // in /proc
	status    string
	namespace string // its PID namespace
}

// processes returns all processes of the node for which cond is true.
func processes(cond func(process) bool) (found []process) {
	dirs, _ := filepath.Glob("/proc/[0-9]*")
	for _, dir := range dirs {
		p := process{dir: dir}
		p.status = p.file("status")
		p.namespace, _ = os.Readlink(filepath.Join(dir, "ns/pid"))
		if cond(p) {
			found = append(found, p)
		}
	}
	return found
}

// processes returns the processes of a container.
func (p *runningPod) processes(name string) []process {
	p.t.Helper()
	_, id, _ := strings.Cut(p.status().container(name).ContainerID, "://")
	found := processes(func(one process) bool {
		return id != "" && strings.Contains(one.file("cgroup"), id)
	})
	if len(found) == 0 {
		p.t.Fatalf("%s: no process of %s", p.name, name)
	}
	return found
}

// zombies counts the zombies of the PID namespace of a container.
func (p *runningPod) zombies(name string) int {
	p.t.Helper()
	namespace := p.processes(name)[0].namespace
	return len(processes(func(one process) bool {
		return one.namespace == namespace && strings.Contains(one.status, "\nState:\tZ")
	}))
}

// pid1 returns the process that is PID 1 in the PID namespace of a container.
func (p *runningPod) pid1(name string) process {
	p.t.Helper()
	namespace := p.processes(name)[0].namespace
	found := processes(func(one process) bool {
		_, pids, _ := strings.Cut(one.status, "\nNSpid:")
		pids, _, _ = strings.Cut(pids, "\n")
		return one.namespace == namespace && strings.HasSuffix(pids, "\t1")
	})
	if len(found) != 1 {
		p.t.Fatalf("%s: %s has %d processes with PID 1", p.name, name, len(found))
	}
	return found[0]
}

// file returns the contents of a file in the directory of the process.
func (p process) file(name string) string {
	text, _ := os.ReadFile(filepath.Join(p.dir, name))
	return string(text)
}
