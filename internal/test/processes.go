package test

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"unsafe"
)

// What /proc shows of processes, which may end at any time.

// ProcStat returns the fields of /proc/PID/stat by the numbers of proc_pid_stat(5), or nil if there
// is no such process. Fields 0 to 2 are empty.
func ProcStat(pid int) []string {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return nil
	}
	afterName := string(text[strings.LastIndexByte(string(text), ')')+1:])
	return append(make([]string, 3), strings.Fields(afterName)...)
}

// ProcState returns the letter of the state of a process, or '?' if there is no such process.
func ProcState(pid int) byte {
	fields := ProcStat(pid)
	if fields == nil {
		return '?'
	}
	return fields[3][0]
}

// IsLive reports whether a process runs or is stopped: it exists, and is no zombie.
func IsLive(pid int) bool { return strings.IndexByte("ZX?", ProcState(pid)) < 0 }

// ProcStatus returns what follows a name and a colon in /proc/PID/status (proc_pid_status(5)), or
// "" if there is no such process.
func ProcStatus(pid int, name string) string {
	text, _ := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	_, rest, _ := strings.Cut(string(text), "\n"+name+":")
	value, _, _ := strings.Cut(rest, "\n")
	return strings.TrimSpace(value)
}

// Children returns the children of a process, of all its threads, zombies among them.
func Children(pid int) (children []int) {
	lists, _ := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/children", pid))
	for _, list := range lists {
		text, _ := os.ReadFile(list)
		for word := range strings.FieldsSeq(string(text)) {
			if child, err := strconv.Atoi(word); err == nil {
				children = append(children, child)
			}
		}
	}
	return children
}

// ProcTree returns a line for each thread of a process and of its descendants, with its state, the
// signals that are pending for its user, and its system call: for the message of a test that waits
// in vain.
func ProcTree(pid int) string {
	var lines strings.Builder
	tasks, _ := filepath.Glob(fmt.Sprintf("/proc/%d/task/*", pid))
	for _, task := range tasks {
		tid, _ := strconv.Atoi(filepath.Base(task))
		call, _ := os.ReadFile(task + "/syscall")
		fmt.Fprintf(&lines, "\t%s: %s, pending for the user %s, system call %s\n", task,
			ProcStatus(tid, "State"), ProcStatus(tid, "SigQ"), strings.TrimSpace(string(call)))
	}
	for _, child := range Children(pid) {
		lines.WriteString(ProcTree(child))
	}
	return lines.String()
}

// CStrings returns texts as the kernel passes arguments and the environment.
func CStrings(texts []string) []*byte {
	var all []*byte
	for _, text := range texts {
		all = append(all, unsafe.StringData(text+"\x00"))
	}
	return all
}
