package procfs

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"util/internal/sig"
	"util/internal/test"
)

// fakeProc is a directory with one file of process 1, read as if it were /proc.
type fakeProc struct {
	reader
	file *os.File
}

func newFakeProc(f *testing.F, name string) *fakeProc {
	root := f.TempDir()
	test.Must(f, os.Mkdir(filepath.Join(root, "1"), 0o755))
	dir, err := os.Open(root)
	test.Must(f, err)
	f.Cleanup(func() { dir.Close() })
	return &fakeProc{newReader(dir.Fd()), test.NewFile(f, filepath.Join(root, "1", name))}
}

// FuzzStat gets texts of /proc/PID/stat, and reads them a second time in a plain way.
func FuzzStat(f *testing.F) {
	own, err := os.ReadFile("/proc/self/stat")
	test.Must(f, err)
	f.Add(own)
	const rest = " S 1 2 3 0 -1 4194560 1 0 0 0 0 0 0 0 20 0 5 0 77 1 2 18446744073709551615\n"
	f.Add([]byte("1 (a) b (c))" + rest))
	f.Add([]byte("1 ()" + rest))
	f.Add([]byte("1 (x\n) Z 0 0 0 0 -1 2129984 0"))
	f.Add([]byte("1 (x)"))
	f.Add([]byte(")("))
	p := newFakeProc(f, "stat")
	f.Fuzz(func(t *testing.T, text []byte) {
		test.Rewrite(t, p.file, text)
		got, err := p.Stat(1)
		_, named, begins := strings.Cut(string(text), "(")
		end := strings.LastIndex(named, ")")
		if !begins || end < 0 || len(named)-end < len(") S ") {
			if err == nil {
				t.Errorf("%q: %+v, want an error", text, got)
			}
			return
		}
		name, state := named[:end], named[end+2]
		column := strings.Split(named[end+4:], " ")
		number := func(n int) uint64 { // 0 if it is no number
			if n-4 >= len(column) {
				return 0
			}
			value, _ := strconv.ParseUint(column[n-4], 10, 64)
			return value
		}
		want := Stat{
			PID: 1, Name: name, State: state,
			Parent: int(number(4)), Group: int(number(5)), Session: int(number(6)),
			Kernel: number(9)&0x200000 != 0, Threads: int(number(20)), Start: number(22),
		}
		// The kernel writes no number that a field does not hold.
		tooLarge := regexp.MustCompile(`[0-9]{19}`).MatchString(fmt.Sprint(column[:min(len(column), 19)]))
		if err != nil || got != want && !tooLarge {
			t.Errorf("%q:\n got %+v, %v\nwant %+v", text, got, err, want)
		}
	})
}

// FuzzStatus gets texts of /proc/PID/status.
func FuzzStatus(f *testing.F) {
	own, err := os.ReadFile("/proc/self/status")
	test.Must(f, err)
	f.Add(own)
	f.Add([]byte("Name:\tSigCgt:\tfffffff\nState:\tR (running)\nUid:\t0\t7\t8\t9\nNSpid:\t9\t1\n" +
		"SigBlk:\t0000000000010000\nSigIgn:\t0000000000000004\nSigCgt:\tffffffffffffffff\n"))
	f.Add([]byte("Uid:\n" + "Uid:\t1\t2\nNSpid:\t\nState:"))
	p := newFakeProc(f, "status")
	f.Fuzz(func(t *testing.T, text []byte) {
		test.Rewrite(t, p.file, text)
		fs := FS{reader: p.reader}
		got, err := fs.Status(1)
		test.Must(t, err)
		lines := map[string]string{}
		for line := range strings.Lines(string(text)) {
			name, value, _ := strings.Cut(line, ":")
			if _, found := lines[name]; !found && strings.Contains(line, ":") {
				lines[name] = strings.TrimSpace(value)
			}
		}
		if got.Running != strings.HasPrefix(lines["State"], "R") ||
			got.Nested != (len(strings.Fields(lines["NSpid"])) > 1) {
			t.Errorf("%q: %+v", text, got)
		}
		for name, set := range map[string]sig.Set{
			"SigBlk": got.Blocked, "SigIgn": got.Ignored, "SigCgt": got.Caught,
		} {
			want, err := strconv.ParseUint(lines[name], 16, 64)
			if err == nil && set != sig.Set(want) {
				t.Errorf("%q: %s is %#x, want %#x", text, name, set, want)
			}
		}
		if ids := strings.Fields(lines["Uid"]); len(ids) > 1 {
			if want, err := strconv.ParseUint(ids[1], 10, 32); err == nil && got.UID != uint32(want) {
				t.Errorf("%q: user %d, want %d", text, got.UID, want)
			}
		}
	})
}

// FuzzHidePID gets texts of /proc/self/mountinfo (proc_pid_mountinfo(5)).
func FuzzHidePID(f *testing.F) {
	own, err := os.ReadFile("/proc/self/mountinfo")
	test.Must(f, err)
	f.Add(string(own))
	f.Add("22 1 0:21 / /proc rw,nosuid shared:12 - proc proc rw,gid=4,hidepid=invisible,subset=pid\n")
	f.Add("22 1 0:21 / /proc rw - proc proc rw,hidepid=0\n22 1 0:21 / /proc/x rw - proc p hidepid=2")
	f.Add("22 1 0:21 / /proc rw - proc proc rw,hidepid=2\n23 22 0:22 / /proc rw - proc proc rw\n - ")
	f.Fuzz(func(t *testing.T, text string) {
		hides := hidePID(text)
		if hides == "" {
			return
		}
		option, ok := strings.CutPrefix(hides, "hidepid=")
		if !ok || option == "0" || option == "off" || strings.ContainsAny(option, ",\n") ||
			!strings.Contains(text, hides) || !strings.Contains(text, "/proc") {
			t.Errorf("%q: %q", text, hides)
		}
	})
}
