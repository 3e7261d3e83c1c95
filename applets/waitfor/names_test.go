package waitfor_test

import (
	"fmt"
	"net"
	"os"
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

// within fails the test if what do does takes longer.
func within(t testing.TB, limit time.Duration, do func()) {
	t.Helper()
	begin := time.Now()
	do()
	if took := time.Since(begin); took > limit {
		t.Errorf("took %v, want at most %v", took, limit)
	}
}

// port returns the port of a listener on an address.
func port(t testing.TB, address string) string {
	t.Helper()
	_, port, _ := net.SplitHostPort(listen(t, "tcp", address).Addr().String())
	return port
}

// TestDeadNameServer: a health check of one second works with a dead server before the good one, however it is dead.
func TestDeadNameServer(t *testing.T) {
	for _, dead := range []string{"10.9.0.2", "127.0.0.2", "127.0.0.9", "10.7.0.1", "fe80::7%v0", "fe80::7%none", "2001:db8::1"} {
		t.Run(dead, func(t *testing.T) {
			isolate(t)
			veth(t)
			blackHole(t, "2") // where nothing comes back; nobody listens at 127.0.0.9, nothing leads to 10.7.0.1
			etc(t, "", "nameserver "+dead+"\nnameserver 127.0.0.3\n")
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

// TestTwoDeadNameServers: also with two before it.
func TestTwoDeadNameServers(t *testing.T) {
	isolate(t)
	etc(t, "", "nameserver 127.0.0.2\nnameserver 127.0.0.3\nnameserver 127.0.0.4\nnameserver 127.0.0.5\n")
	serveNames(t, "127.0.0.2:53", silence)
	serveNames(t, "127.0.0.3:53", silence)
	serveNames(t, "127.0.0.4:53", knows("db", "127.0.0.1"))
	fourth := serveNames(t, "127.0.0.5:53", knows("db", "127.0.0.1"))
	expect(t, 0, nil, "-t", "1s", "db:"+port(t, "127.0.0.1:0"))
	if asked := fourth.asked(); len(asked) > 0 {
		t.Errorf("the fourth server was asked %q", asked)
	}
}

// TestAnsweringServerIsFirst: the server that answered is asked first at the next attempt.
func TestAnsweringServerIsFirst(t *testing.T) {
	isolate(t)
	etc(t, "", "nameserver 127.0.0.2\nnameserver 127.0.0.3\n")
	dead := serveNames(t, "127.0.0.2:53", silence)
	good := serveNames(t, "127.0.0.3:53", knows("db", "127.0.0.1"))
	within(t, 5*time.Second, func() { expect(t, 0, nil, "--stable", "20", "-t", "20s", "db:"+port(t, "127.0.0.1:0")) })
	if d, g := len(dead.asked()), len(good.asked()); d > 6 || g < 20 {
		t.Errorf("the dead server was asked %d times, the good one %d times", d, g)
	}
}

// TestLostFamily: of A and AAAA one is never answered.
func TestLostFamily(t *testing.T) {
	for _, c := range []struct{ kind, ip string }{{"A", "127.0.0.1"}, {"AAAA", "::1"}} {
		t.Run(c.kind, func(t *testing.T) {
			isolate(t)
			etc(t, "", "nameserver 127.0.0.2\n")
			serveNames(t, "127.0.0.2:53", answersOnly(c.kind, "db", c.ip))
			up := port(t, net.JoinHostPort(c.ip, "0"))
			expect(t, 0, nil, "-t", "1s", "db:"+up)
			within(t, 8*time.Second, func() { expect(t, 0, nil, "-t", "20s", "-s", "down", "db:1") })
			other, why := "IPv6", "connection refused"
			if c.kind == "AAAA" {
				other = "IPv4"
			}
			expect(t, 124, []string{"still accepts"}, "-t", "1s", "-s", "down", "db:"+up)
			expect(t, 124, []string{why + ", but its " + other + " addresses: no answer yet (asked 127.0.0.2:53)"}, "-t", "1s", "-s", "down", "db:1")
			// A port that is closed is tried again and again meanwhile.
			_, stderr := expect(t, 124, []string{why}, "-v", "-t", "3s", "db:1")
			if n := strings.Count(stderr, ": attempt "); n < 4 {
				t.Errorf("%s: only %d attempts: %s", c.kind, n, stderr)
			}
		})
	}
}

// TestLostFamilyOnTheSearchList: a name that does not exist is left, though one answer about it is lost.
func TestLostFamilyOnTheSearchList(t *testing.T) {
	isolate(t)
	etc(t, "", "nameserver 127.0.0.2\nsearch a.b c.d\noptions ndots:5\n")
	serveNames(t, "127.0.0.2:53", answersOnly("A", "db", "127.0.0.1"))
	within(t, 4*time.Second, func() { expect(t, 0, nil, "-t", "20s", "db:"+port(t, "127.0.0.1:0")) })
}

// TestDeadNameServerOnTheSearchList: a second server's "no such name" counts soon enough for a health check of one second.
func TestDeadNameServerOnTheSearchList(t *testing.T) {
	isolate(t)
	etc(t, "", "nameserver 127.0.0.2\nnameserver 127.0.0.3\nsearch default.svc.cluster.local svc.cluster.local cluster.local\noptions ndots:5\n")
	serveNames(t, "127.0.0.2:53", silence)
	serveNames(t, "127.0.0.3:53", knows("db.example.org", "127.0.0.1"))
	expect(t, 0, nil, "-t", "1s", "db.example.org:"+port(t, "127.0.0.1:0"))
	expect(t, 124, []string{"no such host (asked 127.0.0.3:53), no answer (asked 127.0.0.2:53)"}, "-t", "1.5s", "nobody.example.org:80")
}

// TestSilentSearchDomain: a domain about which nobody answers does not hide the names behind it.
func TestSilentSearchDomain(t *testing.T) {
	isolate(t)
	etc(t, "", "nameserver 127.0.0.2\nsearch dead.example\noptions timeout:1\n")
	serveNames(t, "127.0.0.2:53", func(q query, send func([]byte)) {
		if !strings.HasSuffix(q.name, ".dead.example") {
			knows("db", "127.0.0.1")(q, send)
		}
	})
	within(t, 6*time.Second, func() { expect(t, 0, nil, "-t", "20s", "db:"+port(t, "127.0.0.1:0")) })
}

// TestSilentNameServers: who does not answer is named, while it is waited for and afterwards.
func TestSilentNameServers(t *testing.T) {
	isolate(t)
	etc(t, "", "nameserver 127.0.0.2\nnameserver 127.0.0.3\nsearch a.example b.example c.example\noptions timeout:1 attempts:1\n")
	s := serveNames(t, "127.0.0.2:53", silence)
	serveNames(t, "127.0.0.3:53", silence)
	for _, state := range []string{"up", "down"} {
		within(t, 2*time.Second, func() {
			expect(t, 124, []string{`target "db:80": its name does not resolve: no answer yet (asked 127.0.0.2:53, 127.0.0.3:53)`}, "-s", state, "-t", "700ms", "db:80")
		})
	}
	before := len(s.asked())
	_, stderr := expect(t, 124, []string{
		`target "db:80": its name does not resolve: no answer yet (asked 127.0.0.2:53, 127.0.0.3:53)` + "\n",
		`target "db:80": its name does not resolve: no answer (asked 127.0.0.2:53, 127.0.0.3:53)` + "\n",
	}, "-t", "6.5s", "db:80")
	if n := len(s.asked()) - before; n < 6 || n > 60 {
		t.Errorf("each server was asked %d times in 6.5 s: %s", n, stderr)
	}
}

// TestSlowNameServer: answers that take two seconds are as good as others, also if only those about one family do.
func TestSlowNameServer(t *testing.T) {
	isolate(t)
	etc(t, "", "nameserver 127.0.0.2\noptions timeout:1\n")
	slow := map[string]bool{"A": true, "AAAA": true}
	serveNames(t, "127.0.0.2:53", func(q query, send func([]byte)) {
		if q.nth > 0 { // it answers each question once, and knows no haste
			return
		}
		if slow[q.kind] {
			time.Sleep(2 * time.Second)
		}
		knows("db", "127.0.0.9", "::1")(q, send)
	})
	up := port(t, "[::1]:0")
	within(t, 6*time.Second, func() { expect(t, 0, nil, "-t", "20s", "db:"+up) })
}

// TestSlowFamily: the addresses of the slower family are found though the attempts, which the faster one decides, are
// shorter than its answers take.
func TestSlowFamily(t *testing.T) {
	isolate(t)
	veth(t)
	etc(t, "", "nameserver 127.0.0.2\n")
	serveNames(t, "127.0.0.2:53", func(q query, send func([]byte)) {
		if q.kind == "AAAA" {
			time.Sleep(2 * time.Second)
		}
		knows("db", "10.9.0.1", "::1")(q, send)
	})
	within(t, 6*time.Second, func() { expect(t, 0, nil, "-t", "20s", "db:"+port(t, "[::1]:0")) })
}

// TestFailingNameServer: one that cannot tell is passed over at once, and named if no other can.
func TestFailingNameServer(t *testing.T) {
	for _, c := range []struct {
		says string
		do   func(q query, send func([]byte))
	}{
		{"the name server failed (SERVFAIL) (asked 127.0.0.2:53)", func(q query, send func([]byte)) { send(pack(q.code(dnsmessage.RCodeServerFailure))) }},
		{"the name server refused (REFUSED) (asked 127.0.0.2:53)", func(q query, send func([]byte)) { send(pack(q.code(dnsmessage.RCodeRefused))) }},
		{"the name server gave an error (FormatError) (asked 127.0.0.2:53)", func(q query, send func([]byte)) {
			m := q.code(dnsmessage.RCodeFormatError)
			m.Questions = nil
			send(pack(m))
		}},
		{"the name server does not answer for that name (asked 127.0.0.2:53)", func(q query, send func([]byte)) {
			m := q.reply()
			m.RecursionAvailable = false
			send(pack(m))
		}},
		{"the name server's answer is an endless alias (asked 127.0.0.2:53)", func(q query, send func([]byte)) {
			m := q.reply()
			m.Answers = append(m.Answers, q.record(dnsmessage.TypeCNAME, &dnsmessage.CNAMEResource{CNAME: q.Questions[0].Name}))
			send(pack(m))
		}},
		{"over TCP it is cut off (asked 127.0.0.2:53)", func(q query, send func([]byte)) {
			m := q.reply()
			if m.Truncated = true; !q.tcp {
				send(pack(m))
			}
		}},
	} {
		t.Run(c.says, func(t *testing.T) {
			isolate(t)
			_, config := etc(t, "", "nameserver 127.0.0.2\n")
			serveNames(t, "127.0.0.2:53", c.do)
			expect(t, 124, []string{"its name does not resolve: ", c.says}, "-t", "300ms", "db:80")
			rewrite(t, config, "nameserver 127.0.0.2\nnameserver 127.0.0.3\n")
			serveNames(t, "127.0.0.3:53", knows("db", "127.0.0.1"))
			expect(t, 0, nil, "-t", "1s", "db:"+port(t, "127.0.0.1:0"))
		})
	}
}

// TestLongAnswer: one that is too long for UDP comes over TCP.
func TestLongAnswer(t *testing.T) {
	isolate(t)
	etc(t, "", "nameserver 127.0.0.2\n")
	var ips []string
	for i := range 40 {
		ips = append(ips, fmt.Sprintf("127.0.1.%d", i+1))
	}
	s := serveNames(t, "127.0.0.2:53", func(q query, send func([]byte)) {
		m := q.reply(ips...)
		if !q.tcp && len(m.Answers) > 0 {
			m.Answers, m.Truncated = m.Answers[:5], true
		}
		send(pack(m))
	})
	expect(t, 0, nil, "-t", "5s", "db:"+port(t, "127.0.1.40:0"))
	if !slices.Contains(s.asked(), "TCP A db") || slices.Contains(s.asked(), "TCP AAAA db") {
		t.Errorf("asked %q", s.asked())
	}
}

// TestSearchList: with the resolv.conf of a pod in Kubernetes.
func TestSearchList(t *testing.T) {
	isolate(t)
	etc(t, "", "nameserver 127.0.0.2\nsearch default.svc.cluster.local svc.cluster.local cluster.local example.com.\noptions ndots:5 edns0\n")
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
		names    []string
	}{
		{"db", up4, []string{"db.default.svc.cluster.local"}},
		{"db.other", up4, []string{"db.other.default.svc.cluster.local", "db.other.svc.cluster.local"}},
		{"www.example.org", up4, []string{"www.example.org.default.svc.cluster.local", "www.example.org.svc.cluster.local", "www.example.org.cluster.local", "www.example.org.example.com", "www.example.org"}},
		{"a.b.c.d.e.f", up4, []string{"a.b.c.d.e.f"}},
		{"db.other.svc.cluster.local.", up4, []string{"db.other.svc.cluster.local"}},
		{"six", up6, []string{"six.default.svc.cluster.local", "six.svc.cluster.local", "six.cluster.local", "six.example.com"}},
		{"failing", up4, []string{"failing.default.svc.cluster.local", "failing.svc.cluster.local", "failing.cluster.local", "failing.example.com", "failing"}},
	} {
		before := len(s.asked())
		expect(t, 0, nil, "-t", "5s", c.host+":"+c.up)
		var names []string
		for _, asked := range s.asked()[before:] {
			if _, name, _ := strings.Cut(asked, " "); !slices.Contains(names, name) {
				names = append(names, name)
			}
		}
		if !slices.Equal(names, c.names) {
			t.Errorf("%s: asked for %q, want %q", c.host, names, c.names)
		}
	}
	expect(t, 124, []string{`"nobody:80": its name does not resolve: no such host (asked 127.0.0.2:53)`}, "-t", "500ms", "nobody:80")
	expect(t, 124, []string{`"six:80": its name does not resolve: no IPv4 address (asked 127.0.0.2:53)`}, "-4", "-t", "500ms", "six:80")
}

// TestOneFamily: -4 and -6 ask for nothing else.
func TestOneFamily(t *testing.T) {
	isolate(t)
	etc(t, "", "nameserver 127.0.0.2\n")
	s := serveNames(t, "127.0.0.2:53", knows("db", "127.0.0.1", "::1"))
	for _, c := range []struct{ option, ip, kind string }{{"-4", "127.0.0.1", "A db"}, {"-6", "::1", "AAAA db"}} {
		before := len(s.asked())
		expect(t, 0, nil, c.option, "-t", "5s", "db:"+port(t, net.JoinHostPort(c.ip, "0")))
		if asked := s.asked()[before:]; !slices.Equal(asked, []string{c.kind}) {
			t.Errorf("%s: asked %q", c.option, asked)
		}
	}
}

// TestSlowServerKnowsBetter: a later server's "no" does not beat the addresses of the first one, which is slow. It may be
// the one of a private network.
func TestSlowServerKnowsBetter(t *testing.T) {
	isolate(t)
	etc(t, "", "nameserver 127.0.0.2\nnameserver 127.0.0.3\n")
	serveNames(t, "127.0.0.2:53", func(q query, send func([]byte)) {
		time.Sleep(450 * time.Millisecond)
		knows("db", "127.0.0.1")(q, send)
	})
	serveNames(t, "127.0.0.3:53", knows("other", "127.0.0.1"))
	expect(t, 0, nil, "-t", "5s", "db:"+port(t, "127.0.0.1:0"))
}

// TestFilesChange: changes of /etc/hosts and /etc/resolv.conf are seen at the next attempt, and while a server is silent.
func TestFilesChange(t *testing.T) {
	for _, c := range []struct {
		name string
		do   func(q query, send func([]byte))
	}{{"no such name", knows("other", "127.0.0.1")}, {"silence", silence}} {
		for _, file := range []string{"hosts", "resolv.conf"} {
			t.Run(c.name+"/"+file, func(t *testing.T) {
				isolate(t)
				hosts, config := etc(t, "", "nameserver 127.0.0.2\n")
				s := serveNames(t, "127.0.0.2:53", c.do)
				serveNames(t, "127.0.0.3:53", knows("db", "127.0.0.1"))
				p := test.Start(t, util(t, "-t", "0", "db:"+port(t, "127.0.0.1:0")))
				test.Eventually(t, "the server is asked", func() bool { return len(s.asked()) > 0 })
				within(t, 3*time.Second, func() {
					if file == "hosts" {
						rewrite(t, hosts, "127.0.0.1 localhost\n127.0.0.1 other DB # the database\n")
					} else {
						rewrite(t, config, "nameserver 127.0.0.3\n")
					}
					if status := p.Status(); status != 0 {
						t.Errorf("status %d: %s", status, p.Stderr())
					}
				})
			})
		}
	}
}

// TestHosts: all addresses that /etc/hosts gives a name, and no server is asked.
func TestHosts(t *testing.T) {
	isolate(t)
	veth(t)
	ip(t, "address add fe80::1/64 dev v0 nodad")
	etc(t, "127.0.0.9 db\n127.0.0.1\tother db db # comment\n#127.0.0.8 db\nfe80::1%v0 linked\n0.0.0.0 blocked\n127.0.0.1 four\n", "nameserver 127.0.0.2\n")
	s := serveNames(t, "127.0.0.2:53", silence)
	up := port(t, "127.0.0.1:0")
	for _, host := range []string{"db", "DB.", "other"} {
		expect(t, 0, nil, "-t", "5s", host+":"+up)
	}
	expect(t, 124, []string{"still accepts"}, "-t", "50ms", "-s", "down", "db:"+up)
	expect(t, 0, nil, "-t", "5s", "-s", "down", "db:1")
	expect(t, 0, nil, "-t", "5s", "linked:"+port(t, "[fe80::1%v0]:0"))
	expect(t, 124, []string{"its name does not resolve: /etc/hosts has only the address 0.0.0.0 for it"}, "-t", "50ms", "blocked:"+up)
	expect(t, 124, []string{"its name does not resolve: /etc/hosts has no IPv6 address for it"}, "-6", "-t", "50ms", "four:"+up)
	if asked := s.asked(); len(asked) > 0 {
		t.Errorf("a server was asked %q", asked)
	}
}

// TestLocalhost: it means what /etc/hosts says besides 127.0.0.1 and ::1, and so do names below it, without any server.
func TestLocalhost(t *testing.T) {
	isolate(t)
	etc(t, "127.0.0.2 localhost\n127.0.0.3 app.localhost\n", "nameserver 127.0.0.2\n")
	s := serveNames(t, "127.0.0.2:53", knows("x.localhost", "127.0.0.9"))
	two, three, four, six := port(t, "127.0.0.2:0"), port(t, "127.0.0.3:0"), port(t, "127.0.0.1:0"), port(t, "[::1]:0")
	for _, target := range []string{
		two, "localhost:" + two, "LOCALHOST.:" + two, four, six, "localhost:" + six, "x.localhost:" + four, "a.B.LocalHost.:" + six,
		"app.localhost:" + three, "app.localhost:" + four,
	} {
		expect(t, 0, nil, "-t", "1s", target)
	}
	expect(t, 124, []string{"still accepts"}, "-t", "50ms", "-s", "down", two)
	for _, target := range []string{three, "x.localhost:" + two, "notlocalhost.localhost:" + three} {
		expect(t, 124, []string{"connection refused"}, "-t", "50ms", target)
	}
	if asked := s.asked(); len(asked) > 0 {
		t.Errorf("a server was asked %q", asked)
	}
	expect(t, 1, []string{"empty part"}, "a..localhost:80")
}

// TestBlockedName: a server that answers 0.0.0.0 blocks the name. It does not mean this host.
func TestBlockedName(t *testing.T) {
	isolate(t)
	etc(t, "", "nameserver 127.0.0.2\n")
	serveNames(t, "127.0.0.2:53", knows("db", "0.0.0.0", "::"))
	expect(t, 124, []string{"its name does not resolve: only to ", "which is no host's address (asked 127.0.0.2:53)"}, "-t", "300ms", "db:"+port(t, "127.0.0.1:0"))
}

// TestHostileNameServer: what is no answer is dropped, however much of it comes, and a right answer still counts.
func TestHostileNameServer(t *testing.T) {
	wrong := func(q query, change func(m *dnsmessage.Message)) []byte {
		m := q.reply("127.0.0.1", "::1")
		change(&m)
		return pack(m)
	}
	for name, do := range map[string]func(q query, send func([]byte)){
		"nothing in it":  func(_ query, send func([]byte)) { send(nil) },
		"garbage":        func(_ query, send func([]byte)) { send([]byte(strings.Repeat("\xc0\x0c", 300))) },
		"too large":      func(_ query, send func([]byte)) { send(make([]byte, 65000)) },
		"a cut answer":   func(q query, send func([]byte)) { b := wrong(q, func(*dnsmessage.Message) {}); send(b[:len(b)-1]) },
		"another ID":     func(q query, send func([]byte)) { send(wrong(q, func(m *dnsmessage.Message) { m.ID++ })) },
		"no response":    func(q query, send func([]byte)) { send(wrong(q, func(m *dnsmessage.Message) { m.Response = false })) },
		"another opcode": func(q query, send func([]byte)) { send(wrong(q, func(m *dnsmessage.Message) { m.OpCode = 4 })) },
		"another name": func(q query, send func([]byte)) {
			send(wrong(q, func(m *dnsmessage.Message) {
				m.Questions = slices.Clone(m.Questions)
				m.Questions[0].Name = dnsmessage.MustNewName("dc.")
			}))
		},
		"no question": func(q query, send func([]byte)) { send(wrong(q, func(m *dnsmessage.Message) { m.Questions = nil })) },
		"two questions": func(q query, send func([]byte)) {
			send(wrong(q, func(m *dnsmessage.Message) { m.Questions = append(m.Questions, m.Questions...) }))
		},
		"a flood": func(q query, send func([]byte)) {
			b := wrong(q, func(m *dnsmessage.Message) { m.ID++ })
			for end := time.Now().Add(time.Second); time.Now().Before(end); {
				send(b)
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			isolate(t)
			etc(t, "", "nameserver 127.0.0.2\n")
			up := port(t, "127.0.0.1:0")
			good := func(q query, send func([]byte)) { // in front of the right answer, and alone
				if do(q, send); q.name == "later" && name != "a flood" {
					send(pack(q.reply("127.0.0.1")))
				}
			}
			serveNames(t, "127.0.0.2:53", good)
			within(t, 3*time.Second, func() {
				expect(t, 124, []string{"no valid answer yet (asked 127.0.0.2:53)"}, "-t", "600ms", "db:"+up)
			})
			if name != "a flood" {
				expect(t, 0, nil, "-t", "5s", "later:"+up)
			}
		})
	}
}

// TestHostileOverTCP: neither a server that never ends nor one that says something else holds up the next one.
func TestHostileOverTCP(t *testing.T) {
	for name, do := range map[string]func(q query, send func([]byte)){
		"silent":    func(query, func([]byte)) { time.Sleep(2 * time.Second) },
		"garbage":   func(_ query, send func([]byte)) { send(make([]byte, 65535)) },
		"empty":     func(_ query, send func([]byte)) { send(nil) },
		"truncated": func(q query, send func([]byte)) { m := q.reply(); m.Truncated = true; send(pack(m)) },
	} {
		t.Run(name, func(t *testing.T) {
			isolate(t)
			etc(t, "", "nameserver 127.0.0.2\nnameserver 127.0.0.3\n")
			serveNames(t, "127.0.0.2:53", func(q query, send func([]byte)) {
				m := q.reply()
				if m.Truncated = true; !q.tcp {
					send(pack(m))
					return
				}
				do(q, send)
			})
			serveNames(t, "127.0.0.3:53", knows("db", "127.0.0.1"))
			expect(t, 0, nil, "-t", "1s", "db:"+port(t, "127.0.0.1:0"))
		})
	}
}

// TestForgedAnswer: one that comes from somewhere else than the server is not even seen.
func TestForgedAnswer(t *testing.T) {
	isolate(t)
	etc(t, "", "nameserver 127.0.0.2\n")
	up := port(t, "127.0.0.1:0")
	other, err := net.ListenPacket("udp", "127.0.0.3:53")
	if err != nil {
		t.Fatal(err)
	}
	defer other.Close()
	server, err := net.ListenPacket("udp", "127.0.0.2:53")
	if err != nil {
		t.Fatal(err)
	}
	defer server.Close()
	go func() {
		s := &nameServer{}
		for buf := make([]byte, 512); ; {
			n, from, err := server.ReadFrom(buf)
			if err != nil {
				return
			}
			if q, ok := s.read(buf[:n], false); ok {
				_, _ = other.WriteTo(pack(q.reply("127.0.0.1")), from)
			}
		}
	}()
	expect(t, 124, []string{"no answer yet (asked 127.0.0.2:53)"}, "-t", "600ms", "db:"+up)
}

// TestNoNameServer: without a resolv.conf, or one that says no server, it is at 127.0.0.1 (resolv.conf(5)).
func TestNoNameServer(t *testing.T) {
	isolate(t)
	etc(t, "", "# nothing\n")
	expect(t, 124, []string{"connection refused (asked 127.0.0.1:53)"}, "-t", "50ms", "db:80")
	serveNames(t, "127.0.0.1:53", knows("db", "127.0.0.1"))
	expect(t, 0, nil, "-t", "5s", "db:"+port(t, "127.0.0.1:0"))
}

// TestHostileFiles: whatever stands in the place of the files, they are read without waiting and not for ever.
func TestHostileFiles(t *testing.T) {
	dir := t.TempDir()
	fifo, huge := filepath.Join(dir, "fifo"), filepath.Join(dir, "huge")
	if err := unix.Mkfifo(fifo, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(huge, []byte("127.0.0.1 first\nnameserver 127.0.0.2\n"+strings.Repeat("127.0.0.8 other # filler\n", 1<<20)+"127.0.0.1 last\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, file := range []string{"/dev/null", "/dev/zero", "/dev/urandom", fifo, huge} {
		t.Run(filepath.Base(file), func(t *testing.T) {
			isolate(t)
			for _, path := range []string{"/etc/hosts", "/etc/resolv.conf"} {
				if err := unix.Mount(file, path, "", unix.MS_BIND, ""); err != nil {
					t.Fatal(err)
				}
			}
			within(t, 3*time.Second, func() {
				expect(t, 124, []string{"does not resolve"}, "-t", "300ms", "last:80")
				expect(t, 0, nil, "-t", "1s", port(t, "127.0.0.1:0"))
			})
			if file == huge {
				expect(t, 0, nil, "-t", "1s", "first:"+port(t, "127.0.0.1:0"))
			}
		})
	}
}

// TestManySilentQuestions: with many names and silent servers, nothing is left open and the wait ends in time.
func TestManySilentQuestions(t *testing.T) {
	isolate(t)
	etc(t, "", "nameserver 127.0.0.2\nnameserver 127.0.0.3\nnameserver 127.0.0.4\n")
	for _, address := range []string{"127.0.0.2:53", "127.0.0.3:53", "127.0.0.4:53"} {
		serveNames(t, address, silence)
	}
	l := listen(t, "tcp", "127.0.0.1:0")
	args := []string{"--any", "-t", "3s"}
	for i := range 150 {
		args = append(args, fmt.Sprintf("db%d:80", i))
	}
	within(t, 6*time.Second, func() {
		expect(t, 124, []string{"no answer yet (asked 127.0.0.2:53, 127.0.0.3:53, 127.0.0.4:53)"}, args...)
	})
	cmd := util(t, append(append(args, l.Addr().String()), "--", test.Probe(t), "fds")...)
	_, with, _ := test.Run(t, cmd)
	if _, without, _ := test.Run(t, exec.Command(test.Probe(t), "fds")); with != without {
		t.Errorf("open files %q, without wait-for-port %q", with, without)
	}
}
