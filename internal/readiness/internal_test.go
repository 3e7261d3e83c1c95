package readiness

import (
	"fmt"
	"net/netip"
	"reflect"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

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

func TestConclude(t *testing.T) {
	up := result{"a", accepted, acceptsConnections}
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
