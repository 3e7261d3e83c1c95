package leaks_test

import (
	"fmt"
	"os"
	"strconv"
	"strings"
	"testing"

	"util/internal/test"
)

// use is what a process uses.
type use struct {
	files     int
	threads   int
	mappings  int
	children  int
	anonymous int // kB in memory that is its own (RssAnon)
	resident  int // kB in memory, pages of files among them (VmRSS)
	data      int // kB of address space (VmData)
	tables    int // kB of page tables (VmPTE)
}

func (u use) String() string {
	return fmt.Sprintf("files %d, threads %d, mappings %d, children %d, kB: anonymous %d, "+
		"resident %d, data %d, page tables %d", u.files, u.threads, u.mappings, u.children, u.anonymous,
		u.resident, u.data, u.tables)
}

// exceeds reports whether a process uses more than it did. Pages of the program are not its own:
// the kernel drops and maps them as it likes, in blocks of 64 kB. One page more is no leak: it may
// be the end of a buffer that only many things at once fill, which did not happen in the warm-up.
func (u use) exceeds(before use) bool {
	const page, block = 4, 64
	return u.files > before.files || u.threads > before.threads || u.mappings > before.mappings ||
		u.children > before.children || u.anonymous > before.anonymous+page || u.data > before.data ||
		u.tables > before.tables+page || u.resident > before.resident+block
}

// useOf returns what a process uses.
func useOf(t *testing.T, pid int) use {
	t.Helper()
	field := func(name string) int {
		n, err := strconv.Atoi(strings.TrimSuffix(test.ProcStatus(pid, name), " kB"))
		if err != nil {
			t.Fatalf("%s of process %d: %v", name, pid, err)
		}
		return n
	}
	files, err := os.ReadDir(fmt.Sprintf("/proc/%d/fd", pid))
	test.Must(t, err)
	return use{
		files: len(files), threads: field("Threads"), mappings: strings.Count(text(t, pid, "maps"), "\n"),
		children: len(test.Children(pid)), anonymous: field("RssAnon"), resident: field("VmRSS"),
		data: field("VmData"), tables: field("VmPTE"),
	}
}

func text(t *testing.T, pid int, name string) string {
	t.Helper()
	data, err := os.ReadFile(fmt.Sprintf("/proc/%d/%s", pid, name))
	test.Must(t, err)
	return string(data)
}

// rests reports whether a process sleeps, and no signal is pending.
func rests(t *testing.T, pid int) bool {
	t.Helper()
	const none = ":\t0000000000000000\n"
	status := text(t, pid, "status")
	return test.ProcState(pid) == 'S' && strings.Contains(status, "\nSigPnd"+none) &&
		strings.Contains(status, "\nShdPnd"+none)
}
