package become

import (
	"strings"
	"testing"
	"unsafe"
)

// FuzzGroup compares how a group is found with a plain reading of the file.
func FuzzGroup(f *testing.F) {
	f.Add("root:x:0:\napp:x:30:a,b\napp:x:31:\n", "app")
	f.Add("# c\n+nis\n \tapp:x:0030\r\n", "app")
	f.Add("app:x\n", "app")
	f.Add("app:x:4294967295:\n:x:1:", "app")
	f.Fuzz(func(t *testing.T, file, name string) {
		gid, found, p := findGroup(file, name)
		for _, fields := range plainLines(file) {
			if fields[0] != name {
				continue
			}
			fields = append(fields, make([]string, 3)...)
			want, valid := plainID(fields[2])
			if !found || valid != (p.Reason == None) || valid && gid != want {
				t.Errorf("%q in %q: %d, %v, %+v", name, file, gid, found, p)
			}
			return
		}
		if found || p.Reason != None {
			t.Errorf("%q in %q: %d, %v, %+v, want none", name, file, gid, found, p)
		}
	})
}

// FuzzCommandLine gets command lines with NUL bytes between the words. What is accepted before the
// runtime is options, USER[:GROUP] and a command.
func FuzzCommandLine(f *testing.F) {
	for _, line := range []string{
		"app true", "--keep-groups --no-new-privs -- 30:40 -- true -v", "app: true", ":30 true",
		"a:b:c true", "4294967295 true", "0:00000000004294967294 true", "--verbose app true", "app --",
		"--", "- true", " true", "-- -- app true",
	} {
		f.Add(strings.ReplaceAll(line, " ", "\x00"))
	}
	f.Fuzz(func(t *testing.T, line string) {
		args := strings.Split(line, "\x00")
		var argv []*byte
		for _, arg := range args {
			argv = append(argv, unsafe.StringData(arg+"\x00"))
		}
		var got, want Options
		command, ok := got.parse(argv)
		rest := args
		flags := map[string]*bool{
			"--no-new-privs": &want.NoNewPrivs, "--keep-groups": &want.KeepGroups,
		}
		for ; len(rest) > 0 && flags[rest[0]] != nil; rest = rest[1:] {
			*flags[rest[0]] = true
		}
		dashes := len(rest) > 0 && rest[0] == "--"
		if dashes {
			rest = rest[1:]
		}
		if len(rest) == 0 || !dashes && len(rest[0]) > 1 && rest[0][0] == '-' {
			rest = []string{""}
		}
		want.Who, rest = rest[0], rest[1:]
		want.User, want.Group, _ = strings.Cut(want.Who, ":")
		if len(rest) > 0 && rest[0] == "--" {
			rest = rest[1:]
		}
		runs := len(rest) > 0 && want.User != "" && isID(want.User) &&
			(want.Group == "" || isID(want.Group)) && !strings.Contains(want.Group, ":")
		if ok != runs {
			t.Fatalf("%q: %v, want %v", args, ok, runs)
		}
		if ok && (got != want || command != len(args)-len(rest)) {
			t.Errorf("%q: %+v and %q, want %+v and %q", args, got, args[command:], want, rest)
		}
	})
}

// isID reports whether a word is a name or a valid number.
func isID(word string) bool {
	_, valid := plainID(word)
	return valid || strings.Trim(word, "0123456789") != ""
}
