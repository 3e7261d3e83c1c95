package waitfor_test

import (
	"fmt"
	"net"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"util/internal/test"

	"golang.org/x/net/dns/dnsmessage"
	"golang.org/x/sys/unix"
)

// within fails the test if do takes longer than the limit.
func within(t testing.TB, limit time.Duration, do func()) {
	t.Helper()
	begin := time.Now()
	do()
	if took := time.Since(begin); took > limit {
		t.Errorf("took %v, want at most %v", took, limit)
	}
}

// port starts a listener and returns its port.
func port(t testing.TB, address string) string {
	t.Helper()
	return portOf(listen(t, "tcp", address))
}

// TestSilentFirstServer: a health check of one second succeeds although the first name server
// cannot be used, for whatever reason.
func TestSilentFirstServer(t *testing.T) {
	for _, c := range []struct{ name, server string }{
		{"silent host", "10.9.0.2"},
		{"silent server", "127.0.0.2"},
		{"no server", "127.0.0.9"},
		{"no route", "10.7.0.1"},
		{"link-local", "fe80::7%v0"},
		{"no such interface", "fe80::7%none"},
		{"no interface", "fe80::7"},
		{"no IPv6 route", "2001:db8::1"},
	} {
		t.Run(c.name, func(t *testing.T) {
			test.Isolate(t)
			veth(t)
			blackHole(t)
			etc(t, "", "nameserver "+c.server+"\nnameserver 127.0.0.3\n")
			serveNames(t, "127.0.0.2:53", silence)
			serveNames(t, "127.0.0.3:53", knows("db", "127.0.0.1"))
			up := port(t, "127.0.0.1:0")
			for range 3 {
				expect(t, 0, nil, "-t", "1s", "db:"+up)
			}
			expect(t, 0, nil, "-t", "1s", "-s", "down", "db:1")
		})
	}
}

// TestTwoSilentServers: the health check also succeeds with the third server. A fourth one is
// ignored.
func TestTwoSilentServers(t *testing.T) {
	test.Isolate(t)
	etc(t, "", "nameserver 127.0.0.2\nnameserver 127.0.0.3\n"+
		"nameserver 127.0.0.4\nnameserver 127.0.0.5\n")
	serveNames(t, "127.0.0.2:53", silence)
	serveNames(t, "127.0.0.3:53", silence)
	serveNames(t, "127.0.0.4:53", knows("db", "127.0.0.1"))
	fourth := serveNames(t, "127.0.0.5:53", knows("db", "127.0.0.1"))
	expect(t, 0, nil, "-t", "1s", "db:"+port(t, "127.0.0.1:0"))
	if asked := fourth.asked(); len(asked) > 0 {
		t.Errorf("the fourth server was asked %q", asked)
	}
}

// TestPreferredServer: the next attempt asks the server first that has answered.
func TestPreferredServer(t *testing.T) {
	test.Isolate(t)
	etc(t, "", "nameserver 127.0.0.2\nnameserver 127.0.0.3\n")
	silent := serveNames(t, "127.0.0.2:53", silence)
	good := serveNames(t, "127.0.0.3:53", knows("db", "127.0.0.1"))
	within(t, 5*time.Second, func() {
		expect(t, 0, nil, "--stable", "20", "-t", "20s", "db:"+port(t, "127.0.0.1:0"))
	})
	if s, g := len(silent.asked()), len(good.asked()); s > 6 || g < 20 {
		t.Errorf("%d queries to the silent server, %d to the good one", s, g)
	}
}

// TestSilentFamily: queries for one of A and AAAA are never answered.
func TestSilentFamily(t *testing.T) {
	for _, c := range []struct{ kind, ip, other string }{
		{"A", "127.0.0.1", "IPv6"},
		{"AAAA", "::1", "IPv4"},
	} {
		t.Run(c.kind, func(t *testing.T) {
			test.Isolate(t)
			etc(t, "", "nameserver 127.0.0.2\n")
			serveNames(t, "127.0.0.2:53", answersOnly(c.kind, "db", c.ip))
			up := port(t, net.JoinHostPort(c.ip, "0"))
			expect(t, 0, nil, "-t", "1s", "db:"+up)
			within(t, 8*time.Second, func() {
				expect(t, 0, nil, "-t", "20s", "-s", "down", "db:1")
			})
			expect(t, 124, []string{"still accepts"}, "-t", "1s", "-s", "down", "db:"+up)
			expect(t, 124, []string{"connection refused, but its " + c.other +
				" addresses: no answer yet (asked 127.0.0.2:53)"}, "-t", "1s", "-s", "down", "db:1")
			// The missing answer does not delay further attempts.
			_, stderr := expect(t, 124, []string{"connection refused"}, "-v", "-t", "3s", "db:1")
			if n := strings.Count(stderr, ": attempt "); n < 4 {
				t.Errorf("only %d attempts: %s", n, stderr)
			}
		})
	}
}

// TestSilentFamilyOnSearchList: after "no such name" for one family, the next name is tried
// although the query for the other family is not answered.
func TestSilentFamilyOnSearchList(t *testing.T) {
	test.Isolate(t)
	etc(t, "", "nameserver 127.0.0.2\nsearch a.b c.d\noptions ndots:5\n")
	serveNames(t, "127.0.0.2:53", answersOnly("A", "db", "127.0.0.1"))
	within(t, 4*time.Second, func() {
		expect(t, 0, nil, "-t", "20s", "db:"+port(t, "127.0.0.1:0"))
	})
}

// TestSilentFirstServerOnSearchList: "no such name" from the second server counts soon enough for a
// health check of one second.
func TestSilentFirstServerOnSearchList(t *testing.T) {
	test.Isolate(t)
	etc(t, "", "nameserver 127.0.0.2\nnameserver 127.0.0.3\n"+
		"search default.svc.cluster.local svc.cluster.local cluster.local\noptions ndots:5\n")
	serveNames(t, "127.0.0.2:53", silence)
	serveNames(t, "127.0.0.3:53", knows("db.example.org", "127.0.0.1"))
	expect(t, 0, nil, "-t", "1s", "db.example.org:"+port(t, "127.0.0.1:0"))
	expect(t, 124,
		[]string{"no such host (asked 127.0.0.3:53), no answer (asked 127.0.0.2:53)"},
		"-t", "1.5s", "missing.example.org:80")
}

// TestSilentSearchDomain: if queries for one search domain are not answered, the names after it are
// tried nevertheless.
func TestSilentSearchDomain(t *testing.T) {
	test.Isolate(t)
	etc(t, "", "nameserver 127.0.0.2\nsearch silent.example\noptions timeout:1\n")
	serveNames(t, "127.0.0.2:53", func(q query, send func([]byte)) {
		if !strings.HasSuffix(q.name, ".silent.example") {
			knows("db", "127.0.0.1")(q, send)
		}
	})
	within(t, 6*time.Second, func() {
		expect(t, 0, nil, "-t", "20s", "db:"+port(t, "127.0.0.1:0"))
	})
}

// TestSilentServers: servers that do not answer are named, during the lookup and after it.
func TestSilentServers(t *testing.T) {
	test.Isolate(t)
	etc(t, "", "nameserver 127.0.0.2\nnameserver 127.0.0.3\n"+
		"search a.example b.example c.example\noptions timeout:1 attempts:1\n")
	s := serveNames(t, "127.0.0.2:53", silence)
	serveNames(t, "127.0.0.3:53", silence)
	during := `target "db:80": the name does not resolve: ` +
		`no answer yet (asked 127.0.0.2:53, 127.0.0.3:53)` + "\n"
	after := strings.Replace(during, " yet", "", 1)
	for _, state := range []string{"up", "down"} {
		within(t, 5*time.Second, func() {
			expect(t, 124, []string{during}, "-s", state, "-t", "700ms", "db:80")
		})
	}
	before := len(s.asked())
	_, stderr := expect(t, 124, []string{during, after}, "-t", "6.5s", "db:80")
	if n := len(s.asked()) - before; n < 6 || n > 60 {
		t.Errorf("%d queries to each server in 6.5 s: %s", n, stderr)
	}
}

// TestSlowServer: answers may take two seconds.
func TestSlowServer(t *testing.T) {
	test.Isolate(t)
	etc(t, "", "nameserver 127.0.0.2\noptions timeout:1\n")
	serveNames(t, "127.0.0.2:53", func(q query, send func([]byte)) {
		if q.nth > 0 { // answer only the first query of each kind
			return
		}
		time.Sleep(2 * time.Second)
		knows("db", "127.0.0.9", "::1")(q, send)
	})
	up := port(t, "[::1]:0")
	within(t, 6*time.Second, func() { expect(t, 0, nil, "-t", "20s", "db:"+up) })
}

// TestSlowFamily: the answer about one family takes longer than an attempt with the addresses of
// the other family. It is used nevertheless.
func TestSlowFamily(t *testing.T) {
	test.Isolate(t)
	veth(t)
	etc(t, "", "nameserver 127.0.0.2\n")
	serveNames(t, "127.0.0.2:53", func(q query, send func([]byte)) {
		if q.kind == "AAAA" {
			time.Sleep(2 * time.Second)
		}
		knows("db", "10.9.0.1", "::1")(q, send)
	})
	within(t, 6*time.Second, func() {
		expect(t, 0, nil, "-t", "20s", "db:"+port(t, "[::1]:0"))
	})
}

// TestFailingServer: after an error the next server is asked at once. If there is none, the error
// is reported.
func TestFailingServer(t *testing.T) {
	for _, c := range []struct {
		why    string
		answer func(q query) dnsmessage.Message
	}{
		{"the name server failed (SERVFAIL)", func(q query) dnsmessage.Message {
			return q.code(dnsmessage.RCodeServerFailure)
		}},
		{"the name server refused (REFUSED)", func(q query) dnsmessage.Message {
			return q.code(dnsmessage.RCodeRefused)
		}},
		{"the name server returned an error (FormatError)", func(q query) dnsmessage.Message {
			m := q.code(dnsmessage.RCodeFormatError)
			m.Questions = nil
			return m
		}},
		{
			"the name server has no data for that name and offers no recursion",
			func(q query) dnsmessage.Message {
				m := q.reply()
				m.RecursionAvailable = false
				return m
			},
		},
		{
			"the name server's answer has a CNAME loop or too many CNAME records in a chain",
			func(q query) dnsmessage.Message {
				m := q.reply()
				loop := &dnsmessage.CNAMEResource{CNAME: q.Questions[0].Name}
				m.Answers = append(m.Answers, q.record(dnsmessage.TypeCNAME, loop))
				return m
			},
		},
		{
			"the answer is too long for UDP, and over TCP it is incomplete",
			func(q query) dnsmessage.Message { return q.truncated() },
		},
	} {
		t.Run(c.why, func(t *testing.T) {
			test.Isolate(t)
			_, config := etc(t, "", "nameserver 127.0.0.2\n")
			serveNames(t, "127.0.0.2:53", func(q query, send func([]byte)) {
				if !q.tcp {
					send(pack(c.answer(q)))
				}
			})
			expect(t, 124,
				[]string{"the name does not resolve: " + c.why + " (asked 127.0.0.2:53)"},
				"-t", "300ms", "db:80")
			rewrite(t, config, "nameserver 127.0.0.2\nnameserver 127.0.0.3\n")
			serveNames(t, "127.0.0.3:53", knows("db", "127.0.0.1"))
			expect(t, 0, nil, "-t", "1s", "db:"+port(t, "127.0.0.1:0"))
		})
	}
}

// TestLongAnswer: an answer that is too long for UDP is requested over TCP.
func TestLongAnswer(t *testing.T) {
	test.Isolate(t)
	etc(t, "", "nameserver 127.0.0.2\n")
	var ips []string
	for i := range 40 {
		ips = append(ips, fmt.Sprintf("127.0.1.%d", i+1))
	}
	s := serveNames(t, "127.0.0.2:53", func(q query, send func([]byte)) {
		if q.kind == "A" && !q.tcp {
			send(pack(q.truncated(ips[:5]...)))
			return
		}
		send(pack(q.reply(ips...)))
	})
	expect(t, 0, nil, "-t", "5s", "db:"+port(t, "127.0.1.40:0"))
	if !slices.Contains(s.asked(), "TCP A db") || slices.Contains(s.asked(), "TCP AAAA db") {
		t.Errorf("asked %q", s.asked())
	}
}

// TestSearchList: the search list of a Kubernetes pod.
func TestSearchList(t *testing.T) {
	test.Isolate(t)
	etc(t, "", "nameserver 127.0.0.2\n"+
		"search default.svc.cluster.local svc.cluster.local cluster.local example.com.\n"+
		"options ndots:5 edns0\n")
	known := map[string]string{
		"db.default.svc.cluster.local": "127.0.0.1",
		"db":                           "127.0.0.9",
		"db.other.svc.cluster.local":   "127.0.0.1",
		"db.cluster.local":             "127.0.0.9",
		"www.example.org":              "127.0.0.1",
		"a.b.c.d.e.f":                  "127.0.0.1",
		"six.example.com":              "::1",
		"six.svc.cluster.local":        "none",
		"failing":                      "127.0.0.1",
		"failing.svc.cluster.local":    "fail",
	}
	s := serveNames(t, "127.0.0.2:53", func(q query, send func([]byte)) {
		switch ip := known[q.name]; ip {
		case "":
			send(pack(q.code(dnsmessage.RCodeNameError)))
		case "none":
			send(pack(q.reply()))
		case "fail":
			send(pack(q.code(dnsmessage.RCodeServerFailure)))
		default:
			send(pack(q.reply(ip)))
		}
	})
	up4, up6 := port(t, "127.0.0.1:0"), port(t, "[::1]:0")
	for _, c := range []struct {
		host, up string
		domains  []string // in the order in which they are tried; "" for the name itself
	}{
		{"db", up4, []string{"default.svc.cluster.local"}},
		{"db.other", up4, []string{"default.svc.cluster.local", "svc.cluster.local"}},
		{"www.example.org", up4, []string{
			"default.svc.cluster.local", "svc.cluster.local", "cluster.local", "example.com", "",
		}},
		{"a.b.c.d.e.f", up4, []string{""}},
		{"db.other.svc.cluster.local.", up4, []string{""}},
		{"six", up6, []string{
			"default.svc.cluster.local", "svc.cluster.local", "cluster.local", "example.com",
		}},
		{"failing", up4, []string{
			"default.svc.cluster.local", "svc.cluster.local", "cluster.local", "example.com", "",
		}},
	} {
		before := len(s.asked())
		expect(t, 0, nil, "-t", "5s", c.host+":"+c.up)
		var asked, want []string
		for _, query := range s.asked()[before:] {
			if _, name, _ := strings.Cut(query, " "); !slices.Contains(asked, name) {
				asked = append(asked, name)
			}
		}
		for _, domain := range c.domains {
			want = append(want, strings.TrimSuffix(strings.TrimSuffix(c.host, ".")+"."+domain, "."))
		}
		if !slices.Equal(asked, want) {
			t.Errorf("%s: asked for %q, want %q", c.host, asked, want)
		}
	}
	expect(t, 124,
		[]string{`"missing:80": the name does not resolve: no such host (asked 127.0.0.2:53)`},
		"-t", "500ms", "missing:80")
	expect(t, 124,
		[]string{`"six:80": the name does not resolve: no IPv4 address (asked 127.0.0.2:53)`},
		"-4", "-t", "500ms", "six:80")
}

// TestOneFamily: -4 and -6 send queries for one family only.
func TestOneFamily(t *testing.T) {
	test.Isolate(t)
	etc(t, "", "nameserver 127.0.0.2\n")
	s := serveNames(t, "127.0.0.2:53", knows("db", "127.0.0.1", "::1"))
	for _, c := range []struct{ option, ip, query string }{
		{"-4", "127.0.0.1", "A db"},
		{"-6", "::1", "AAAA db"},
	} {
		before := len(s.asked())
		expect(t, 0, nil, c.option, "-t", "5s", "db:"+port(t, net.JoinHostPort(c.ip, "0")))
		if asked := s.asked()[before:]; !slices.Equal(asked, []string{c.query}) {
			t.Errorf("%s: asked %q", c.option, asked)
		}
	}
}

// TestSlowServerPrecedes: a negative answer from a later server does not prevail over the addresses
// from a slow first server, which may be the server of a private network.
func TestSlowServerPrecedes(t *testing.T) {
	test.Isolate(t)
	etc(t, "", "nameserver 127.0.0.2\nnameserver 127.0.0.3\n")
	serveNames(t, "127.0.0.2:53", func(q query, send func([]byte)) {
		time.Sleep(450 * time.Millisecond)
		knows("db", "127.0.0.1")(q, send)
	})
	serveNames(t, "127.0.0.3:53", knows("other", "127.0.0.1"))
	expect(t, 0, nil, "-t", "5s", "db:"+port(t, "127.0.0.1:0"))
}

// TestFilesChange: changes of /etc/hosts and /etc/resolv.conf are detected at the next attempt, and
// while a server does not answer.
func TestFilesChange(t *testing.T) {
	for _, c := range []struct {
		name string
		do   handler
	}{{"no such name", knows("other", "127.0.0.1")}, {"silent server", silence}} {
		for _, file := range []string{"hosts", "resolv.conf"} {
			t.Run(c.name+"/"+file, func(t *testing.T) {
				test.Isolate(t)
				hosts, config := etc(t, "", "nameserver 127.0.0.2\n")
				s := serveNames(t, "127.0.0.2:53", c.do)
				serveNames(t, "127.0.0.3:53", knows("db", "127.0.0.1"))
				p := test.Start(t, util(t, "-t", "0", "db:"+port(t, "127.0.0.1:0")))
				test.Eventually(t, "the server is asked", func() bool { return len(s.asked()) > 0 })
				within(t, 3*time.Second, func() {
					if file == "hosts" {
						rewrite(t, hosts, "127.0.0.1 localhost\n127.0.0.1 other DB # comment\n")
					} else {
						rewrite(t, config, "nameserver 127.0.0.3\n")
					}
					expectStatus(t, p, 0)
				})
			})
		}
	}
}

// TestHosts: all addresses that /etc/hosts has for a name are used, and no server is asked.
func TestHosts(t *testing.T) {
	test.Isolate(t)
	veth(t)
	ip(t, "address add fe80::1/64 dev v0 nodad")
	etc(t, "127.0.0.9 db\n127.0.0.1\tother db db # comment\n#127.0.0.8 db\nfe80::1%v0 linked\n"+
		"fe80::1 zoneless\n0.0.0.0 blocked\n127.0.0.1 four\n", "nameserver 127.0.0.2\n")
	s := serveNames(t, "127.0.0.2:53", silence)
	up := port(t, "127.0.0.1:0")
	for _, host := range []string{"db", "DB.", "other"} {
		expect(t, 0, nil, "-t", "5s", host+":"+up)
	}
	expect(t, 124, []string{"still accepts"}, "-t", "50ms", "-s", "down", "db:"+up)
	expect(t, 0, nil, "-t", "5s", "-s", "down", "db:1")
	linked := port(t, "[fe80::1%v0]:0")
	expect(t, 0, nil, "-t", "5s", "linked:"+linked)
	expect(t, 124, []string{noZone}, "-t", "50ms", "zoneless:"+linked)
	expect(t, 124, []string{"the name does not resolve: /etc/hosts has only the address 0.0.0.0 " +
		"for it, which no host can have"}, "-t", "50ms", "blocked:"+up)
	expect(t, 124, []string{"the name does not resolve: /etc/hosts has no IPv6 address for it"},
		"-6", "-t", "50ms", "four:"+up)
	if asked := s.asked(); len(asked) > 0 {
		t.Errorf("a server was asked %q", asked)
	}
}

// noZone is the reason for a link-local address without an interface.
const noZone = "is a link-local address without an interface"

// TestLinkLocalFromServer: an AAAA record cannot hold an interface, so a link-local address in it
// cannot be used. Other addresses of the name can.
func TestLinkLocalFromServer(t *testing.T) {
	test.Isolate(t)
	etc(t, "", "nameserver 127.0.0.2\n")
	var db names
	serveNames(t, "127.0.0.2:53", db.handle)
	db.set("linked", "fe80::1")
	db.set("both", "fe80::1", "127.0.0.1")
	expect(t, 124, []string{`target "linked:80": ` + noZone}, "-t", "300ms", "linked:80")
	expect(t, 124, []string{`target "linked:80": ` + noZone},
		"-t", "300ms", "-s", "down", "linked:80")
	expect(t, 124, []string{`127.0.0.1:1 connection refused, [fe80::1]:1 ` + noZone},
		"-t", "300ms", "both:1")
	expect(t, 0, nil, "-t", "5s", "both:"+port(t, "127.0.0.1:0"))
}

// TestLocalhost: localhost and names below it mean 127.0.0.1, ::1 and the addresses in /etc/hosts.
// No server is asked.
func TestLocalhost(t *testing.T) {
	test.Isolate(t)
	etc(t, "127.0.0.2 localhost\n127.0.0.3 app.localhost\n", "nameserver 127.0.0.2\n")
	s := serveNames(t, "127.0.0.2:53", knows("x.localhost", "127.0.0.9"))
	two, three := port(t, "127.0.0.2:0"), port(t, "127.0.0.3:0")
	four, six := port(t, "127.0.0.1:0"), port(t, "[::1]:0")
	for _, target := range []string{
		two, "localhost:" + two, "LOCALHOST.:" + two, four, six, "localhost:" + six,
		"x.localhost:" + four, "a.B.LocalHost.:" + six,
		"app.localhost:" + three, "app.localhost:" + four,
	} {
		expect(t, 0, nil, "-t", "1s", target)
	}
	expect(t, 124, []string{"still accepts"}, "-t", "50ms", "-s", "down", two)
	for _, target := range []string{three, "x.localhost:" + two, "notapp.localhost:" + three} {
		expect(t, 124, []string{"connection refused"}, "-t", "50ms", target)
	}
	if asked := s.asked(); len(asked) > 0 {
		t.Errorf("a server was asked %q", asked)
	}
	expect(t, 1, []string{"empty part"}, "a..localhost:80")
}

// TestBlockedName: a server that answers 0.0.0.0 blocks the name. The address does not mean this
// host.
func TestBlockedName(t *testing.T) {
	test.Isolate(t)
	etc(t, "", "nameserver 127.0.0.2\n")
	serveNames(t, "127.0.0.2:53", knows("db", "0.0.0.0", "::"))
	expect(t, 124, []string{
		"the name does not resolve: its only address is ",
		", which no host can have (asked 127.0.0.2:53)",
	}, "-t", "300ms", "db:"+port(t, "127.0.0.1:0"))
}

// TestInvalidAnswers: invalid messages are ignored, in any number, and a valid answer after them is
// used.
func TestInvalidAnswers(t *testing.T) {
	// wrong returns a handler whose answer differs from a valid one.
	wrong := func(change func(m *dnsmessage.Message)) handler {
		return func(q query, send func([]byte)) {
			m := q.reply("127.0.0.1", "::1")
			change(&m)
			send(pack(m))
		}
	}
	otherID := wrong(func(m *dnsmessage.Message) { m.ID++ })
	for name, do := range map[string]handler{
		"empty": func(_ query, send func([]byte)) { send(nil) },
		"garbage": func(_ query, send func([]byte)) {
			send([]byte(strings.Repeat("\xc0\x0c", 300)))
		},
		"zeros": func(_ query, send func([]byte)) { send(make([]byte, 65000)) },
		"cut off": func(q query, send func([]byte)) {
			b := pack(q.reply("127.0.0.1", "::1"))
			send(b[:len(b)-1])
		},
		"other ID":      otherID,
		"not an answer": wrong(func(m *dnsmessage.Message) { m.Response = false }),
		"other opcode":  wrong(func(m *dnsmessage.Message) { m.OpCode = 4 }),
		"other name": wrong(func(m *dnsmessage.Message) {
			m.Questions = slices.Clone(m.Questions)
			m.Questions[0].Name = dnsmessage.MustNewName("dc.")
		}),
		"no question": wrong(func(m *dnsmessage.Message) { m.Questions = nil }),
		"two questions": wrong(func(m *dnsmessage.Message) {
			m.Questions = append(m.Questions, m.Questions...)
		}),
		"flood": func(q query, send func([]byte)) {
			for end := time.Now().Add(time.Second); time.Now().Before(end); {
				otherID(q, send)
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			test.Isolate(t)
			etc(t, "", "nameserver 127.0.0.2\n")
			up := port(t, "127.0.0.1:0")
			serveNames(t, "127.0.0.2:53", func(q query, send func([]byte)) {
				do(q, send)
				if q.name == "valid" {
					send(pack(q.reply("127.0.0.1")))
				}
			})
			within(t, 3*time.Second, func() {
				expect(t, 124, []string{"no valid answer yet (asked 127.0.0.2:53)"},
					"-t", "600ms", "db:"+up)
			})
			if name != "flood" {
				expect(t, 0, nil, "-t", "5s", "valid:"+up)
			}
		})
	}
}

// TestInvalidAnswersOverTCP: a server that does not answer over TCP, or sends something invalid,
// does not delay the query to the next server.
func TestInvalidAnswersOverTCP(t *testing.T) {
	for name, do := range map[string]handler{
		"silent":    func(query, func([]byte)) { time.Sleep(2 * time.Second) },
		"zeros":     func(_ query, send func([]byte)) { send(make([]byte, 65535)) },
		"empty":     func(_ query, send func([]byte)) { send(nil) },
		"truncated": func(q query, send func([]byte)) { send(pack(q.truncated())) },
	} {
		t.Run(name, func(t *testing.T) {
			test.Isolate(t)
			etc(t, "", "nameserver 127.0.0.2\nnameserver 127.0.0.3\n")
			serveNames(t, "127.0.0.2:53", func(q query, send func([]byte)) {
				if q.tcp {
					do(q, send)
					return
				}
				send(pack(q.truncated()))
			})
			serveNames(t, "127.0.0.3:53", knows("db", "127.0.0.1"))
			expect(t, 0, nil, "-t", "1s", "db:"+port(t, "127.0.0.1:0"))
		})
	}
}

// TestForgedAnswer: an answer from another address than that of the server is ignored.
func TestForgedAnswer(t *testing.T) {
	test.Isolate(t)
	etc(t, "", "nameserver 127.0.0.2\n")
	other, err := net.ListenPacket("udp", "127.0.0.3:53")
	test.Must(t, err)
	defer other.Close()
	server, err := net.ListenPacket("udp", "127.0.0.2:53")
	test.Must(t, err)
	defer server.Close()
	s := &nameServer{}
	go s.serveUDP(server, func(q query, from net.Addr) {
		_, _ = other.WriteTo(pack(q.reply("127.0.0.1")), from)
	})
	expect(t, 124, []string{"no answer yet (asked 127.0.0.2:53)"},
		"-t", "600ms", "db:"+port(t, "127.0.0.1:0"))
	if len(s.asked()) == 0 {
		t.Error("the server was not asked")
	}
}

// TestNoServer: if resolv.conf names no server, the server is 127.0.0.1 (resolv.conf(5)).
func TestNoServer(t *testing.T) {
	test.Isolate(t)
	etc(t, "", "# comment\n")
	expect(t, 124, []string{"connection refused (asked 127.0.0.1:53)"}, "-t", "50ms", "db:80")
	serveNames(t, "127.0.0.1:53", knows("db", "127.0.0.1"))
	expect(t, 0, nil, "-t", "5s", "db:"+port(t, "127.0.0.1:0"))
}

// TestUnusualFiles: reading /etc/hosts and /etc/resolv.conf never blocks, whatever they are.
func TestUnusualFiles(t *testing.T) {
	dir := t.TempDir()
	fifo, large := filepath.Join(dir, "fifo"), filepath.Join(dir, "large")
	test.Must(t, unix.Mkfifo(fifo, 0o600))
	rewrite(t, large, "127.0.0.1 first\nnameserver 127.0.0.2\n"+
		strings.Repeat("127.0.0.8 other # comment\n", 1<<20)+"127.0.0.1 last\n")
	for _, file := range []string{"/dev/null", "/dev/zero", "/dev/urandom", fifo, large} {
		t.Run(filepath.Base(file), func(t *testing.T) {
			test.Isolate(t)
			for _, path := range []string{"/etc/hosts", "/etc/resolv.conf"} {
				test.Must(t, unix.Mount(file, path, "", unix.MS_BIND, ""))
			}
			up := port(t, "127.0.0.1:0")
			within(t, 3*time.Second, func() {
				expect(t, 124, []string{"does not resolve"}, "-t", "300ms", "last:80")
				expect(t, 0, nil, "-t", "1s", up)
			})
			if file == large {
				expect(t, 0, nil, "-t", "1s", "first:"+up)
			}
		})
	}
}

// TestRaisedFileLimit: if /etc/hosts cannot be opened for lack of file descriptors, that is
// reported, and the name is not taken for a missing one. The wait continues when there are some
// again.
func TestRaisedFileLimit(t *testing.T) {
	test.Isolate(t)
	etc(t, "127.0.0.1 db\n", "nameserver 127.0.0.2\n")
	s := serveNames(t, "127.0.0.2:53", knows("other", "127.0.0.1"))
	down := freePort(t)
	p, lines := startLines(t, util(t, "-v", "-t", "0", "db:"+down))
	lines.expect(`util wait-for-port: target "db:` + down + `": connection refused`)
	var before unix.Rlimit
	few := unix.Rlimit{Cur: 3, Max: 1024}
	test.Must(t, unix.Prlimit(p.Process.Pid, unix.RLIMIT_NOFILE, &few, &before))
	const why = "the name does not resolve: /etc/hosts: too many open files"
	lines.expect(`util wait-for-port: target "db:` + down + `": ` + why +
		" (was: connection refused)")
	if asked := s.asked(); len(asked) > 0 {
		t.Errorf("a server was asked %q", asked)
	}
	enough := unix.Rlimit{Cur: 1024, Max: 1024}
	test.Must(t, unix.Prlimit(p.Process.Pid, unix.RLIMIT_NOFILE, &enough, nil))
	listen(t, "tcp", "127.0.0.1:"+down)
	expectStatus(t, p, 0)
}

// TestManySilentQuestions: with many names and silent servers, no file is left open and the wait
// ends in time.
func TestManySilentQuestions(t *testing.T) {
	test.Isolate(t)
	etc(t, "", "nameserver 127.0.0.2\nnameserver 127.0.0.3\nnameserver 127.0.0.4\n")
	for _, address := range []string{"127.0.0.2:53", "127.0.0.3:53", "127.0.0.4:53"} {
		serveNames(t, address, silence)
	}
	args := []string{"--any", "-t", "3s"}
	for i := range 150 {
		args = append(args, fmt.Sprintf("db%d:80", i))
	}
	within(t, 6*time.Second, func() {
		expect(t, 124,
			[]string{"no answer yet (asked 127.0.0.2:53, 127.0.0.3:53, 127.0.0.4:53)"}, args...)
	})
	args = append(args, "127.0.0.1:"+port(t, "127.0.0.1:0"), "--", test.Probe(t), "fds")
	_, with, _ := test.Run(t, util(t, args...))
	if _, without, _ := test.Run(t, exec.Command(test.Probe(t), "fds")); with != without {
		t.Errorf("open files %q, without wait-for-port %q", with, without)
	}
}
