package proc

import (
	"bytes"
	"debug/elf"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"unsafe"

	"util/internal/sys"

	"golang.org/x/sys/unix"
)

// FuzzFormat gets beginnings of files that the kernel does not execute. What is an ELF file for
// package elf is one here, for the same machine.
func FuzzFormat(f *testing.F) {
	own, err := os.ReadFile("/proc/self/exe")
	if err != nil {
		f.Fatal(err)
	}
	f.Add(own[:FormatSize])
	f.Add([]byte("\x7fELF\x02\x02\x01\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x02\x00\x16"))
	f.Add([]byte("\x7fELF\x01\x01\x01"))
	f.Add([]byte("#!/bin/sh\n\x00"))
	f.Add([]byte("\x00\x01(\n"))
	f.Add([]byte("MZ\x90\x00"))
	f.Fuzz(func(t *testing.T, head []byte) {
		head = head[:min(len(head), FormatSize)]
		got := FormatOf(head)
		isELF := bytes.HasPrefix(head, []byte("\x7fELF"))
		line, _, _ := bytes.Cut(head, []byte("\n"))
		if (got.Kind == ELF) != isELF ||
			!isELF && (got.Kind == Binary) != bytes.Contains(line, []byte{0}) {
			t.Errorf("%q: %+v", head, got)
		}
		// The section headers are beyond the beginning of the file: there is none in what is read here.
		const sections64, sections32 = 40, 32
		if isELF && len(head) >= 64 {
			header := bytes.Clone(head)
			if header[elf.EI_CLASS] == byte(elf.ELFCLASS64) {
				clear(header[sections64:48])
				clear(header[54:64])
			} else {
				clear(header[sections32:36])
				clear(header[42:52])
			}
			file, err := elf.NewFile(bytes.NewReader(header))
			if err == nil && (elf.Machine(got.machine) != file.Machine ||
				got.wide != (file.Class == elf.ELFCLASS64) || got.little != (file.Data == elf.ELFDATA2LSB)) {
				t.Errorf("%q: %+v, want %+v", head, got, file.FileHeader)
			}
		}
		if why := got.Why("x86_64"); got.Kind != Text &&
			!strings.HasPrefix(strings.Join(why[:], ""), "exec format error: ") {
			t.Errorf("%q: %q", head, why)
		}
	})
}

var sleeping = regexp.MustCompile(`(?s)^(do_sigtimedwait|0*` +
	strconv.Itoa(unix.SYS_RT_SIGTIMEDWAIT) + `( |$))`)

// FuzzInSigwait gets texts of /proc/PID/wchan and syscall.
func FuzzInSigwait(f *testing.F) {
	const number = unix.SYS_RT_SIGTIMEDWAIT
	for _, text := range []string{
		"do_sigtimedwait", "do_sigtimedwait.isra.0", "0", "running", "-1 0x7ffe 0x7f\n",
		"hrtimer_nanosleep",
		strconv.Itoa(number) + " 0x7ffe 0x0 0x0 0x8", strconv.Itoa(number), strconv.Itoa(number) + "\n",
		"0000000000" + strconv.Itoa(number),
	} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		number, _, _ := strings.Cut(text, " ")
		want := sleeping.MatchString(text) && (len(number) <= 10 || number[0] == 'd')
		if got := InSigwait(text); got != want {
			t.Errorf("%q: %v, want %v", text, got, want)
		}
	})
}

// FuzzEnvironment gets environments with NUL bytes between the entries.
func FuzzEnvironment(f *testing.F) {
	f.Add("PATH=/bin\x00LISTEN_PID=7\x00HOME=/", int32(7))
	f.Add("PATH=\x00PATH=/bin\x00LISTEN_PID=8\x00LISTEN_PID=7", int32(7))
	f.Add("PATHS=x\x00PATH\x00LISTEN_PIDS=7\x00LISTEN_PID=\x00\x00P\x00L", int32(0))
	f.Add("LISTEN_PIDFDID=1\x00LISTEN_FDS=2\x00LISTEN_PID=1\x00LISTEN_PIDFDID=3", int32(1))
	f.Add("LISTEN_PID=-7\x00LISTEN_PID=007", int32(7))
	f.Fuzz(func(t *testing.T, text string, self int32) {
		self = max(1, self)
		var env []*byte
		path, listen := DefaultPath, false
		first := map[string]string{}
		for entry := range strings.SplitSeq(text, "\x00") {
			env = append(env, unsafe.StringData(entry+"\x00"))
			name, value, is := strings.Cut(entry, "=")
			if _, seen := first[name]; is && !seen {
				first[name] = value
			}
		}
		env = append(env, nil)
		if value, set := first["PATH"]; set {
			path = value
		}
		if n, err := strconv.ParseUint(first["LISTEN_PID"], 10, 64); err == nil &&
			len(first["LISTEN_PID"]) <= 10 {
			listen = n == uint64(self)
		}
		gotPath, gotListen := Environment(&env[0], self)
		if gotPath != path || gotListen != listen {
			t.Errorf("%q, pid %d: %q, %v, want %q, %v", text, self, gotPath, gotListen, path, listen)
		}
		// The first LISTEN_PID is replaced, and what names the same process by its pidfd is removed.
		var want []string
		replaced := false
		for entry := range strings.SplitSeq(text, "\x00") {
			switch {
			case strings.HasPrefix(entry, "LISTEN_PIDFDID="):
				continue
			case strings.HasPrefix(entry, "LISTEN_PID=") && !replaced:
				entry, replaced = "LISTEN_PID=77", true
			}
			want = append(want, entry)
		}
		setListen(&env[0], unsafe.StringData("LISTEN_PID=77\x00"))
		var got []string
		for _, entry := range env[:slices.Index(env, nil)] {
			got = append(got, sys.String(entry))
		}
		if !slices.Equal(got, want) {
			t.Errorf("%q becomes %q, want %q", text, got, want)
		}
	})
}
