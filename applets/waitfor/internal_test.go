package waitfor

import (
	"fmt"
	"net/netip"
	"reflect"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

func TestParseTarget(t *testing.T) {
	for _, c := range []struct {
		text, host string
		want       Target
	}{
		{"80", "", Target{"80", "localhost", 80, ""}},
		{":80", "", Target{":80", "localhost", 80, ""}},
		{"db:5432", "", Target{"db:5432", "db", 5432, ""}},
		{"10.0.0.1:65535", "", Target{"10.0.0.1:65535", "10.0.0.1", 65535, ""}},
		{"[::1]:80", "", Target{"[::1]:80", "::1", 80, ""}},
		{"[fe80::1%eth0]:80", "", Target{"[fe80::1%eth0]:80", "fe80::1%eth0", 80, ""}},
		{"tcp://db:80", "", Target{"tcp://db:80", "db", 80, ""}},
		{"TCP://[::1]:80", "", Target{"TCP://[::1]:80", "::1", 80, ""}},
		{"tcp:80", "", Target{"tcp:80", "localhost", 80, ""}},
		{"Tcp::80", "", Target{"Tcp::80", "localhost", 80, ""}},
		{"tcp://80", "", Target{"tcp://80", "localhost", 80, ""}},
		{"tcp:db:80", "", Target{"tcp:db:80", "db", 80, ""}},
		{"tcp:[::1]:80", "", Target{"tcp:[::1]:80", "::1", 80, ""}},
		{"tcp://tcp:80", "", Target{"tcp://tcp:80", "tcp", 80, ""}},
		{"tcp:80", "db", Target{"db:80", "db", 80, ""}},
		{"tcp80:80", "", Target{"tcp80:80", "tcp80", 80, ""}},
		{"unix:@a", "", Target{"unix:@a", "", 0, "@a"}},
		{"unix://@a/b", "", Target{"unix://@a/b", "", 0, "@a/b"}},
		{"unix:./@a", "", Target{"unix:./@a", "", 0, "./@a"}},
		{"unix:80", "", Target{"unix:80", "", 0, "80"}},
		{"unix:///run/a.sock", "", Target{"unix:///run/a.sock", "", 0, "/run/a.sock"}},
		{"unix:/run/a.sock", "", Target{"unix:/run/a.sock", "", 0, "/run/a.sock"}},
		{"unix:a.sock", "", Target{"unix:a.sock", "", 0, "a.sock"}},
		{"80", "db", Target{"db:80", "db", 80, ""}},
		{":80", "db", Target{"db:80", "db", 80, ""}},
		{"80", "::1", Target{"[::1]:80", "::1", 80, ""}},
		{"80", "[::1]", Target{"[::1]:80", "::1", 80, ""}},
	} {
		got, err := parseTarget(c.text, c.host)
		if err != nil || got != c.want {
			t.Errorf("parseTarget(%q, %q) = %+v, %v; want %+v", c.text, c.host, got, err, c.want)
		}
	}
}

func TestParseTargets(t *testing.T) {
	for _, c := range []struct{ arg, host, want string }{
		{"80", "", "80"},
		{"a:1,b:2", "", "a:1 b:2"},
		{"80,[::1]:81,tcp:82,:83", "", "80 [::1]:81 tcp:82 :83"},
		{"80,81", "db", "db:80 db:81"},
		{"a:1,unix:/run/a,b", "", "a:1 unix:/run/a,b"},
		{"unix:/run/a,80", "", "unix:/run/a,80"},
		{"unix:@a,b", "", "unix:@a,b"},
	} {
		got, err := parseTargets(c.arg, c.host)
		var names []string
		for _, t := range got {
			names = append(names, t.Name)
		}
		if err != nil || strings.Join(names, " ") != c.want {
			t.Errorf("parseTargets(%q, %q) = %q, %v; want %s", c.arg, c.host, names, err, c.want)
		}
	}
}

func TestFixedAddresses(t *testing.T) {
	for _, c := range []struct {
		host   string
		family int
		want   string
	}{
		{"localhost", 0, "[127.0.0.1:80 [::1]:80]"},
		{"LocalHost.", 0, "[127.0.0.1:80 [::1]:80]"},
		{"localhost", unix.AF_INET, "[127.0.0.1:80]"},
		{"localhost", unix.AF_INET6, "[[::1]:80]"},
		{"0.0.0.0", 0, "[127.0.0.1:80]"},
		{"::", 0, "[[::1]:80]"},
		{"::ffff:10.0.0.1", 0, "[10.0.0.1:80]"},
		{"fe80::1%lo", 0, "[[fe80::1%lo]:80]"},
		{"x.LOCALHOST", 0, "[127.0.0.1:80 [::1]:80]"},
		{"xlocalhost", 0, "[]"},
		{"localhost.example", 0, "[]"},
		{"db", 0, "[]"},
		{"my_db.example.", 0, "[]"},
	} {
		got, err := Target{Host: c.host, Port: 80}.fixed(c.family)
		if err != nil || fmt.Sprint(got) != c.want {
			t.Errorf("%q: %v, %v; want %s", c.host, got, err, c.want)
		}
	}
	for _, host := range []string{
		"999.1.1.1", "10.0.0", "a..b", ".", "a b", "db/x", "ä", "224.0.0.1", "ff02::1",
		"255.255.255.255", "fe80::1", strings.Repeat("a", 64), strings.Repeat("a.", 130),
	} {
		if got, err := (Target{Host: host, Port: 80}).fixed(0); err == nil {
			t.Errorf("%q: %v; want an error", host, got)
		}
	}
	for path, good := range map[string]bool{
		strings.Repeat("a", maxPath):         true,
		strings.Repeat("a", maxPath+1):       false,
		"@" + strings.Repeat("a", maxPath-1): true,
		"@" + strings.Repeat("a", maxPath):   false,
	} {
		if _, err := (Target{Path: path}).fixed(0); (err == nil) != good {
			t.Errorf("a path of %d bytes: %v", len(path), err)
		}
	}
}

func TestAddressesAreSortedAndUnique(t *testing.T) {
	var ips []netip.Addr
	for _, text := range []string{"::1", "10.0.0.2", "10.0.0.1", "10.0.0.2"} {
		ips = append(ips, netip.MustParseAddr(text))
	}
	if got := fmt.Sprint(Target{Port: 1}.at(0, ips)); got != "[10.0.0.1:1 10.0.0.2:1 [::1]:1]" {
		t.Error(got)
	}
}

func TestDuration(t *testing.T) {
	for text, want := range map[string]time.Duration{
		"0":      0,
		"500ms":  500 * time.Millisecond,
		"30":     30 * time.Second,
		"1.5":    1500 * time.Millisecond,
		"2m":     2 * time.Minute,
		"1h2m3s": time.Hour + 2*time.Minute + 3*time.Second,
	} {
		var got time.Duration
		if err := (duration{&got, 0}).Set(text); err != nil || got != want {
			t.Errorf("%q: %v, %v; want %v", text, got, err, want)
		}
	}
	for _, text := range []string{
		"", "x", "5 s", "-1", "-1s", "1e9", "0x10", "inf", ".", "99999999999", "s", "30sec",
	} {
		got := time.Duration(7)
		if err := (duration{&got, 0}).Set(text); err == nil || got != 7 {
			t.Errorf("%q: %v, %v; want an error and nothing changed", text, got, err)
		}
	}
	var got time.Duration
	if err := (duration{&got, time.Millisecond}).Set("0"); err == nil {
		t.Error("no error for a value below the minimum")
	}
}

func TestConclude(t *testing.T) {
	up := result{"a", accepted, ""}
	refused1 := result{"b", refused, "connection refused"}
	refused2 := result{"c", refused, "connection refused"}
	silent := result{"d", unclear, "no answer"}
	unusable := result{"e", absent, "network is unreachable"}
	for _, c := range []struct {
		results []result
		down    bool
		ok      bool
		why     string
	}{
		{[]result{up}, false, true, ""},
		{[]result{refused1, up}, false, true, ""},
		{[]result{refused1, refused2}, false, false, "connection refused"},
		{[]result{silent, refused1}, false, false, "b connection refused, d no answer"},
		{[]result{refused1, unusable}, false, false, "connection refused"},
		{[]result{unusable}, false, false, "network is unreachable"},

		{[]result{refused1}, true, true, ""},
		{[]result{refused1, refused2}, true, true, ""},
		{[]result{refused1, unusable}, true, true, ""},
		{[]result{unusable}, true, false, "network is unreachable"},
		{[]result{refused1, up}, true, false, "still accepts connections"},
		{[]result{refused1, silent}, true, false, "b connection refused, d no answer"},
		{[]result{silent}, true, false, "no answer"},
	} {
		ok, why := conclude(c.results, c.down)
		if ok != c.ok || why != c.why {
			t.Errorf("conclude(%v, %v) = %v, %q; want %v, %q",
				c.results, c.down, ok, why, c.ok, c.why)
		}
	}
}

func TestPausesGrowToASecond(t *testing.T) {
	const first = 100 * time.Millisecond
	var p progress
	var pauses []time.Duration
	now := time.Unix(0, 0)
	for range 6 {
		p.failed(now, "why", first, 0)
		pauses = append(pauses, p.next.Sub(now)/time.Millisecond)
	}
	if want := []time.Duration{100, 200, 400, 800, 1000, 1000}; !reflect.DeepEqual(pauses, want) {
		t.Errorf("pauses %d, want %d", pauses, want)
	}
	p.failed(now, "why", first, 1)
	if got := p.next.Sub(now); got != 750*time.Millisecond {
		t.Errorf("with the maximum jitter %v, want 750ms", got)
	}
	p.hint(now)
	if p.next != now {
		t.Error("after a hint the next attempt is not due")
	}
	p.failed(now, "why", first, 0)
	if got := p.next.Sub(now); got != first {
		t.Errorf("after a hint %v, want %v", got, first)
	}
	var long progress
	for range 3 {
		long.failed(now, "why", 5*time.Second, 0)
		if got := long.next.Sub(now); got != 5*time.Second {
			t.Errorf("an interval of 5s became %v", got)
		}
	}
}

func TestSuccessesInARow(t *testing.T) {
	var p progress
	now := time.Unix(0, 0)
	p.succeeded(now, time.Second, 2)
	p.failed(now, "why", time.Second, 0)
	p.succeeded(now, time.Second, 2)
	if p.done {
		t.Error("done in spite of a failure in between")
	}
	p.succeeded(now, time.Second, 2)
	if !p.done {
		t.Error("not done after two successes in a row")
	}
}

func TestSourcePorts(t *testing.T) {
	r := portRange{40000, 40003}
	for _, c := range []struct {
		targets []uint16
		want    portRange
	}{
		{[]uint16{80}, portRange{}},
		{nil, portRange{}},
		{[]uint16{40000}, portRange{40001, 40003}},
		{[]uint16{40003}, portRange{40000, 40002}},
		{[]uint16{40001, 40000}, portRange{40002, 40003}},
		{[]uint16{40002}, portRange{40000, 40001}},
		{[]uint16{40000, 40001, 40002, 40003}, portRange{}},
	} {
		if got := sourcePorts(r, c.targets); got != c.want {
			t.Errorf("%v: %v, want %v", c.targets, got, c.want)
		}
	}
	got, want := sourcePorts(portRange{1024, 65535}, []uint16{65535}), portRange{1024, 65534}
	if got != want {
		t.Errorf("%v, want %v", got, want)
	}
}

func TestNameList(t *testing.T) {
	for want, list := range map[string]nameList{
		`[]`:                    nil,
		`["db:80"]`:             {{Name: "db:80"}},
		`["a:1","unix:/\"b"]`:   {{Name: "a:1"}, {Name: `unix:/"b`}},
		`["\\c\u000a\u0001ä�"]`: {{Name: "\\c\n\x01ä\xff"}},
	} {
		if got := list.String(); got != want {
			t.Errorf("%s, want %s", got, want)
		}
	}
}

func TestCut(t *testing.T) {
	if got := cut("ab\x1bcäe", 5); got != "ab?cä" {
		t.Errorf("%q", got)
	}
}
