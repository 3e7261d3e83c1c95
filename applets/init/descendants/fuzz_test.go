package descendants

import (
	"bytes"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"util/internal/test"
)

// FuzzStat gets texts of /proc/PID/stat, in a directory that the walk takes for /proc. It compares
// what is read of them with a plain reading of the first 512 bytes.
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
	f.Add([]byte("1 (x) S " + strings.Repeat("1234567890 ", 50)))
	root := f.TempDir()
	test.Must(f, os.Mkdir(filepath.Join(root, "1"), 0o755))
	file := test.NewFile(f, filepath.Join(root, "1", "stat"))
	dir, err := os.Open(root)
	test.Must(f, err)
	defer dir.Close()
	w := Walk{proc: int(dir.Fd()), pidfd: -1}
	f.Fuzz(func(t *testing.T, text []byte) {
		test.Rewrite(t, file, text)
		text = text[:min(len(text), 512)]
		want, name := plainStat(text)
		if got := w.stat(1); got != want {
			t.Errorf("%q:\n got %+v\nwant %+v", text, got, want)
		}
		var named [512]byte
		if n := w.Name(1, named[:]); string(named[:n]) != name {
			t.Errorf("%q: the name is %q, want %q", text, named[:n], name)
		}
		if w.Incomplete {
			t.Error("no file was free")
		}
	})
}

// plainStat reads a text of /proc/PID/stat. The process has PID 0 if nothing follows its name.
func plainStat(text []byte) (p Process, name string) {
	end := bytes.LastIndexByte(text, ')')
	if end < 0 {
		return p, ""
	}
	if _, after, ok := strings.Cut(string(text[:end]), "("); ok {
		name = after
	}
	if len(text)-end < len(") S ") {
		return p, name
	}
	columns := strings.Split(string(text[end+len(") S "):]), " ")
	number := func(n, digits int, bad int64) int64 {
		if n-4 >= len(columns) || n-4 == len(columns)-1 && columns[n-4] == "" {
			return 0 // not there
		}
		value, err := strconv.ParseUint(columns[n-4], 10, 64)
		if err != nil || len(columns[n-4]) > digits {
			return bad
		}
		return int64(value)
	}
	return Process{
		PID: 1, State: text[end+2], Parent: int32(number(4, 10, -1)), Group: int32(number(5, 10, -1)),
		threads: int32(number(20, 10, -1)), Start: uint64(number(22, 19, 0)),
	}, name
}
