// Package tree reads a process and its descendants from /proc.
package tree

import (
	"fmt"
	"os"
	"strconv"
	"strings"
)

// Process is a process. Its numbers are those of its own PID namespace.
type Process struct {
	Pid, Parent int    // Parent is 0 for the first
	Threads     string // the number of threads
	RSS         string // in kB; "" for a zombie
	State       string // a letter (ps(1), "PROCESS STATE CODES")
	Command     string
}

// Read returns the process pid, then its descendants.
func Read(pid int) ([]Process, error) { return read(pid, 0) }

func read(pid, parent int) ([]Process, error) {
	p, err := readProcess(pid)
	if err != nil {
		return nil, err
	}
	p.Parent = parent
	all := []Process{p}
	children, err := os.ReadFile(fmt.Sprintf("/proc/%d/task/%[1]d/children", pid))
	if err != nil {
		return nil, err
	}
	for text := range strings.FieldsSeq(string(children)) {
		child, err := strconv.Atoi(text)
		if err != nil {
			return nil, err
		}
		below, err := read(child, p.Pid)
		if err != nil {
			return nil, err
		}
		all = append(all, below...)
	}
	return all, nil
}

// readProcess reads /proc/PID/status and /proc/PID/cmdline (proc(5)).
func readProcess(pid int) (p Process, err error) {
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return p, err
	}
	for line := range strings.Lines(string(status)) {
		name, value, _ := strings.Cut(line, ":")
		words := strings.Fields(value)
		if len(words) == 0 {
			continue
		}
		switch name {
		case "Name":
			p.Command = words[0]
		case "State":
			p.State = words[0]
		case "Threads":
			p.Threads = words[0]
		case "VmRSS":
			p.RSS = words[0]
		case "NSpid":
			p.Pid, err = strconv.Atoi(words[len(words)-1])
		}
		if err != nil {
			return p, err
		}
	}
	args, err := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", pid))
	if len(args) > 0 { // a zombie has no command line
		p.Command = strings.ReplaceAll(strings.TrimRight(string(args), "\x00"), "\x00", " ")
	}
	return p, err
}
