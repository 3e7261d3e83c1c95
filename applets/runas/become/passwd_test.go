package become

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"testing"

	"util/internal/sys"
	"util/internal/test"

	"golang.org/x/sys/unix"
)

// A part of a file as others may have left it.
const hostile = "root:x:0:0:root:/root:/bin/sh\n" +
	"\n# a comment:x:1:1\n#app:x:1:1::/comment:\n" +
	"+nis:x:1:1:::\n-app:x:1:1:::\n+:::::\n+@net::::::\n" +
	"long:x:3:3:%s:/long:/bin/sh\n" +
	"one\ntwo:x\nthree:x:7\nfour:x:8:9\n" +
	"word:x:abc:1::/:\nminus:x:-1:1::/:\nplus:x:+1:1::/:\nblank:x: 1:1::/:\nhex:x:0x1:1::/:\n" +
	"most:x:4294967294:4294967294::/most:\nkeep:x:4294967295:1::/:\nover:x:4294967296:1::/:\n" +
	"far:x:99999999999999999999:1::/:\nempty:x::1::/:\ngroup:x:10::::\n" +
	":x:20:20::/nameless:\n" +
	"twice:x:30:30::/first:\ntwice:x:31:31::/second:\nagain:x:30:32::/again:\n" +
	"  \tindented:x:40:40::/indented:\n" +
	"dos:x:50:50::/dos:/bin/sh\r\nunix:x:51:51\r\n" +
	"nul:x:60:60::/a\x00b:\n0070:x:71:71::/:\n" +
	"last:x:80:80::/last:/bin/sh"

func TestFindUser(t *testing.T) {
	file := fmt.Sprintf(hostile, strings.Repeat("x", 1<<20))
	for _, tc := range []struct {
		who  string
		want string
	}{
		{"root", "root 0 0 /root"},
		{"0", "root 0 0 /root"},
		{"long", "long 3 3 /long"},
		{"3", "long 3 3 /long"},
		{"last", "last 80 80 /last"},
		{"# a comment", "-"},
		{"#app", "-"},
		{"+nis", "-"},
		{"-app", "-"},
		{"app", "-"},
		{"+", "-"},
		{"1", "-"},
		{"4", "-"},
		{"lon", "-"},
		{"longer", "-"},
		{"x", "-"},
		{"one", "line 10: few fields"},
		{"two", "line 11: few fields"},
		{"three", "line 12: few fields"},
		{"7", "line 12: few fields"},
		{"four", "four 8 9 "},
		{"word", "line 14: user"},
		{"minus", "line 15: user"},
		{"plus", "line 16: user"},
		{"blank", "line 17: user"},
		{"hex", "line 18: user"},
		{"most", "most 4294967294 4294967294 /most"},
		{"4294967294", "most 4294967294 4294967294 /most"},
		{"keep", "line 20: user"},
		{"over", "line 21: user"},
		{"far", "line 22: user"},
		{"empty", "line 23: user"},
		{"group", "line 24: group"},
		{"10", "line 24: group"},
		{"20", "-"},
		{"twice", "twice 30 30 /first"},
		{"30", "twice 30 30 /first"},
		{"31", "twice 31 31 /second"},
		{"again", "again 30 32 /again"},
		{"indented", "indented 40 40 /indented"},
		{"dos", "dos 50 50 /dos"},
		{"unix", "unix 51 51 "},
		{"nul", "line 32: home"},
		{"60", "line 32: home"},
		{"70", "-"},
		{"71", "0070 71 71 /"},
	} {
		name, uid := tc.who, uint32(0)
		if n, err := strconv.ParseUint(name, 10, 32); err == nil {
			name, uid = "", uint32(n)
		}
		u, found, p := findUser(file, name, uid)
		got := fmt.Sprintf("%s %d %d %s", u.name, u.uid, u.gid, u.home)
		switch {
		case p.Reason != None:
			what := map[Reason]string{
				FewFields: "few fields", EntryUserID: "user", EntryGroupID: "group", EntryHome: "home",
			}
			got = fmt.Sprintf("line %d: %s", p.Line, what[p.Reason])
		case !found:
			got = "-"
		}
		if got != tc.want {
			t.Errorf("%s: %s, want %s", tc.who, got, tc.want)
		}
	}
}

func TestGroups(t *testing.T) {
	const file = "root:x:0:\nwheel:x:10:root,app\n#x:x:11:app\n+x:x:12:app\nvideo:x:44:app\n" +
		"camera:x:44:app\nblank:x:55:other, app\napps:x:66:apps,appp,ap\ncr:x:77:app\r\n" +
		"x:x:88:app:more\nnone:x:99\nno:x\nbad:x:abc:victim\nshort::\n"
	space := make([]uint32, 10)
	n, p := memberships(file, "app", space)
	if want := []uint32{10, 44, 55, 77, 88}; p.Reason != None || !slices.Equal(space[:n], want) {
		t.Errorf("groups %v, %v, want %v", space[:n], p, want)
	}
	if n, p = memberships(file, "nobody", space); n != 0 || p.Reason != None {
		t.Errorf("groups of nobody: %v, %v", space[:n], p)
	}
	if _, p = memberships(file, "victim", space); p.Reason != EntryGroupID || p.Line != 13 {
		t.Errorf("an unusable group: %+v", p)
	}
	if n, p = memberships(file+file, "app", space[:5]); n != 5 || p.Reason != None {
		t.Errorf("groups that are there twice: %d, %+v", n, p)
	}
	if _, p = memberships(file, "app", space[:3]); p.Reason != ManyGroups {
		t.Errorf("too many groups: %+v", p)
	}
	for name, want := range map[string]string{
		"wheel": "10 true 0", "none": "99 true 0", "no": "0 true 12", "bad": "0 true 13",
		"short": "0 true 14", "x": "88 true 0", "nobody": "0 false 0", "+x": "0 false 0",
	} {
		gid, found, p := findGroup(file, name)
		if got := fmt.Sprint(gid, found, p.Line); got != want {
			t.Errorf("group %s: %s, want %s", name, got, want)
		}
	}
}

// A file that is longer than its size says is read as a whole, as are those of /proc.
func TestGrownFile(t *testing.T) {
	fd, err := unix.Open("/proc/self/smaps", unix.O_RDONLY|unix.O_CLOEXEC, 0)
	test.Must(t, err)
	defer unix.Close(fd)
	text, p := read(fd)
	if p.Reason != None || len(text) < 8<<10 || !strings.HasSuffix(text, "\n") {
		t.Errorf("%d bytes, %+v", len(text), p)
	}
}

func TestOrder(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	for n := range 200 {
		ids := make([]uint32, n)
		for i := range ids {
			ids[i] = random.Uint32N(uint32(n))
		}
		want := slices.Compact(slices.Sorted(slices.Values(ids)))
		if got := ids[:compact(ids)]; !slices.Equal(got, want) {
			t.Errorf("%v, want %v", got, want)
		}
	}
}

// FuzzFiles compares the parser with a plain one, on any text.
func FuzzFiles(f *testing.F) {
	f.Add(hostile, "app", uint32(30))
	f.Add("a:b:1:2:c:/d:e\na:x:3:a, b,,c\n", "a", uint32(1))
	f.Add(":::\n\r\n \t#\n+\n:", "", uint32(0))
	f.Fuzz(func(t *testing.T, file, name string, id uint32) {
		if name == "" || strings.ContainsAny(name, ":\n") {
			name = "a"
		}
		for _, by := range []string{name, ""} {
			u, found, p := findUser(file, by, id)
			wantUser, wantFound, wantBad := plainUser(file, by, id)
			if found != wantFound || (p.Reason != None) != wantBad || found && !wantBad && u != wantUser {
				t.Errorf("%q, %d: %+v, %v, %+v, want %+v, %v, %v",
					by, id, u, found, p, wantUser, wantFound, wantBad)
			}
		}
		space := make([]uint32, strings.Count(file, "\n")+1)
		n, p := memberships(file, name, space)
		want, bad := plainGroups(file, name)
		if bad != (p.Reason != None) || !bad && !slices.Equal(space[:n], want) {
			t.Errorf("groups of %q: %v, %+v, want %v, %v", name, space[:n], p, want, bad)
		}
	})
}

// plainLines are the fields of each entry.
func plainLines(file string) (all [][]string) {
	for line := range strings.SplitSeq(file, "\n") {
		line = strings.TrimLeft(strings.TrimSuffix(line, "\r"), " \t")
		if line != "" && !strings.ContainsAny(line[:1], "#+-") {
			all = append(all, strings.Split(line, ":"))
		}
	}
	return all
}

func plainID(text string) (uint32, bool) {
	n, err := strconv.ParseUint(text, 10, 32)
	return uint32(n), err == nil && n <= maxID
}

func plainUser(file, name string, uid uint32) (u user, found, bad bool) {
	for _, fields := range plainLines(file) {
		fields = append(fields, make([]string, 7)...)
		id, ok := plainID(fields[2])
		if name != "" && fields[0] != name || name == "" && (!ok || id != uid || fields[0] == "") {
			continue
		}
		gid, both := plainID(fields[3])
		bad := !ok || !both || strings.Contains(fields[5], "\x00")
		return user{fields[0], id, gid, fields[5]}, true, bad
	}
	return u, false, false
}

func plainGroups(file, name string) (gids []uint32, bad bool) {
	for _, fields := range plainLines(file) {
		fields = append(fields, make([]string, 4)...)
		for member := range strings.SplitSeq(fields[3], ",") {
			if strings.TrimLeft(member, " \t") == name {
				gid, ok := plainID(fields[2])
				if !ok {
					return nil, true
				}
				gids = append(gids, gid)
			}
		}
	}
	slices.Sort(gids)
	return slices.Compact(gids), false
}

// HOME is replaced where it is, and everything else stays.
func TestSetHome(t *testing.T) {
	for env, want := range map[string]string{
		"":                     "HOME=/new",
		"A=1 B=2":              "A=1 B=2 HOME=/new",
		"A=1 HOME=/x B=2":      "A=1 HOME=/new B=2",
		"HOME= A HOME=x HOM=1": "HOME=/new A HOM=1",
	} {
		var in []*byte
		for entry := range strings.FieldsSeq(env) {
			in = append(in, cstring(t, entry))
		}
		out := make([]*byte, len(in)+2)
		setHome(out, in, cstring(t, "HOME=/new"))
		var got []string
		for _, p := range out[:slices.Index(out, nil)] {
			got = append(got, sys.String(p))
		}
		if strings.Join(got, " ") != want {
			t.Errorf("%q: %q, want %q", env, got, want)
		}
	}
}

func cstring(t *testing.T, text string) *byte {
	t.Helper()
	p, err := unix.BytePtrFromString(text)
	test.Must(t, err)
	return p
}
