package readiness

import (
	"fmt"
	"net/netip"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/net/dns/dnsmessage"
)

const (
	askedID   = 0x1234
	askedName = "db.example."
)

// respond returns a response to the question for the A records of askedName.
func respond(t testing.TB, change func(m *dnsmessage.Message)) []byte {
	t.Helper()
	m := dnsmessage.Message{
		Header: dnsmessage.Header{ID: askedID, Response: true, RecursionAvailable: true},
		Questions: []dnsmessage.Question{{
			Name:  dnsmessage.MustNewName(askedName),
			Type:  dnsmessage.TypeA,
			Class: dnsmessage.ClassINET,
		}},
	}
	change(&m)
	b, err := m.Pack()
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// with returns a change that sets the answer section.
func with(answers ...dnsmessage.Resource) func(m *dnsmessage.Message) {
	return func(m *dnsmessage.Message) { m.Answers = answers }
}

// withCode returns a change that sets the response code.
func withCode(code dnsmessage.RCode) func(m *dnsmessage.Message) {
	return func(m *dnsmessage.Message) { m.RCode = code }
}

func record(name string, body dnsmessage.ResourceBody) dnsmessage.Resource {
	h := dnsmessage.ResourceHeader{Name: dnsmessage.MustNewName(name), Class: dnsmessage.ClassINET}
	return dnsmessage.Resource{Header: h, Body: body}
}

func aRecord(name, ip string) dnsmessage.Resource {
	return record(name, &dnsmessage.AResource{A: netip.MustParseAddr(ip).As4()})
}

func alias(name, to string) dnsmessage.Resource {
	return record(name, &dnsmessage.CNAMEResource{CNAME: dnsmessage.MustNewName(to)})
}

// chain returns n aliases in a row, then an address.
func chain(n int) (all []dnsmessage.Resource) {
	name := askedName
	for i := range n {
		next := fmt.Sprintf("n%d.example.", i)
		all = append(all, alias(name, next))
		name = next
	}
	return append(all, aRecord(name, "10.0.0.1"))
}

func TestReadAnswer(t *testing.T) {
	const ip = "10.0.0.1"
	good, other := aRecord(askedName, ip), aRecord("other.example.", "10.0.0.2")
	otherClass := aRecord(askedName, "10.0.0.2")
	otherClass.Header.Class = dnsmessage.ClassCHAOS
	for _, c := range []struct {
		name    string
		change  func(m *dnsmessage.Message)
		meaning meaning
		ips     string
	}{
		{"one address", with(good), addresses, "[10.0.0.1]"},
		{"upper case", func(m *dnsmessage.Message) {
			m.Questions[0].Name = dnsmessage.MustNewName("DB.Example.")
			m.Answers = []dnsmessage.Resource{aRecord("dB.eXample.", ip)}
		}, addresses, "[10.0.0.1]"},
		{"other name too", with(other, good), addresses, "[10.0.0.1]"},
		{"only other name", with(other), noAddress, "[]"},
		{"other class", with(otherClass), noAddress, "[]"},
		{
			"aliases in any order",
			with(aRecord("c.", ip), alias("b.", "c."), alias(askedName, "B.")),
			addresses, "[10.0.0.1]",
		},
		{"alias without address", with(alias(askedName, "b.")), noAddress, "[]"},
		{"loop", with(alias(askedName, "b."), alias("b.", askedName)), failure, "[]"},
		{"chain", with(chain(maxAliases - 1)...), addresses, "[10.0.0.1]"},
		{"chain too long", with(chain(maxAliases)...), failure, "[]"},
		{"no record", with(), noAddress, "[]"},
		{"no such name", withCode(dnsmessage.RCodeNameError), noName, "[]"},
		{"referral", func(m *dnsmessage.Message) { m.RecursionAvailable = false }, failure, "[]"},
		{"authoritative", func(m *dnsmessage.Message) {
			m.RecursionAvailable, m.Authoritative = false, true
		}, noAddress, "[]"},
		{"SERVFAIL", withCode(dnsmessage.RCodeServerFailure), failure, "[]"},
		{"SERVFAIL without question", func(m *dnsmessage.Message) {
			m.RCode, m.Questions = dnsmessage.RCodeServerFailure, nil
		}, failure, "[]"},
		{"no such name without question", func(m *dnsmessage.Message) {
			m.RCode, m.Questions = dnsmessage.RCodeNameError, nil
		}, noAnswer, "[]"},
		{"other type in question", func(m *dnsmessage.Message) {
			m.Questions[0].Type = dnsmessage.TypeAAAA
		}, noAnswer, "[]"},
		{"other class in question", func(m *dnsmessage.Message) {
			m.Questions[0].Class = dnsmessage.ClassCHAOS
		}, noAnswer, "[]"},
		{"truncated", func(m *dnsmessage.Message) { m.Truncated = true }, truncated, "[]"},
	} {
		got := readAnswer(respond(t, c.change), askedID, askedName, dnsmessage.TypeA)
		if got.meaning != c.meaning || fmt.Sprint(got.ips) != c.ips {
			t.Errorf("%s: %+v, want %v %s", c.name, got, c.meaning, c.ips)
		}
	}
	message := respond(t, with(slices.Repeat([]dnsmessage.Resource{good}, 4000)...))
	many := readAnswer(message, askedID, askedName, dnsmessage.TypeA)
	if many.meaning != addresses || len(many.ips) != maxAddresses {
		t.Errorf("%d of 4000 addresses are used, want %d", len(many.ips), maxAddresses)
	}
}

func FuzzReadAnswer(f *testing.F) {
	f.Add(respond(f, with(aRecord(askedName, "10.0.0.1"))))
	f.Add(respond(f, with(alias(askedName, "b."), alias("b.", "c."), aRecord("c.", "10.0.0.1"))))
	f.Add(respond(f, with(alias(askedName, askedName))))
	f.Add([]byte("\x12\x34\x80\x80\x00\x01\xff\xff\x00\x00\x00\x00" +
		"\xc0\x0c\x00\x01\x00\x01"))
	f.Fuzz(func(t *testing.T, message []byte) {
		for _, kind := range []dnsmessage.Type{dnsmessage.TypeA, dnsmessage.TypeAAAA} {
			a := readAnswer(message, askedID, askedName, kind)
			if (a.meaning == addresses) != (len(a.ips) > 0) || len(a.ips) > maxAddresses ||
				(a.meaning == failure) != (a.why != "") {
				t.Errorf("%+v", a)
			}
			isResponse := len(message) >= 12 && message[0] == 0x12 && message[1] == 0x34 &&
				message[2]&0x80 != 0
			if a.meaning != noAnswer && !isResponse {
				t.Errorf("%+v for a message that is not a response to the query", a)
			}
		}
	})
}

func TestInHosts(t *testing.T) {
	const text = "# comment\n127.0.0.1 localhost\n::1\tlocalhost ip6-localhost\n" +
		"10.0.0.1 db.example db # db2\n10.0.0.2  DB\nfe80::1%eth0 linked\n" +
		"::ffff:10.0.0.3 mapped\nnot.an.address bad\n10.0.0.4\n\n \t\r\n" +
		"10.0.0.5 dot. crlf\r\n10.0.0.6 db db\n10.0.0.7 last"
	for name, want := range map[string]string{
		"localhost":  "[127.0.0.1 ::1]",
		"db":         "[10.0.0.1 10.0.0.2 10.0.0.6]",
		"Db.":        "[10.0.0.1 10.0.0.2 10.0.0.6]",
		"db.example": "[10.0.0.1]",
		"db2":        "[]",
		"linked":     "[fe80::1%eth0]",
		"mapped":     "[10.0.0.3]",
		"bad":        "[]",
		"":           "[]",
		"dot":        "[10.0.0.5]",
		"crlf":       "[10.0.0.5]",
		"last":       "[10.0.0.7]",
		"127.0.0.1":  "[]",
		"#":          "[]",
	} {
		if got := fmt.Sprint(inHosts([]byte(text), name)); got != want {
			t.Errorf("%q: %s, want %s", name, got, want)
		}
	}
	many := inHosts([]byte(strings.Repeat("10.0.0.1 db\n", 1000)), "db")
	if len(many) != maxAddresses {
		t.Errorf("%d of 1000 addresses are used, want %d", len(many), maxAddresses)
	}
}

func FuzzInHosts(f *testing.F) {
	f.Add([]byte("10.0.0.1 db other # comment\nfe80::1%eth0\tdb\r\n"), "db")
	f.Add([]byte("::1 DB.\n"), "db.")
	f.Fuzz(func(t *testing.T, text []byte, name string) {
		ips := inHosts(text, name)
		if len(ips) > maxAddresses {
			t.Errorf("%d addresses", len(ips))
		}
		for _, ip := range ips {
			if !ip.IsValid() {
				t.Error("an invalid address")
			}
		}
	})
}

func TestParseResolvConf(t *testing.T) {
	servers := func(all ...string) (list []netip.AddrPort) {
		for _, s := range all {
			list = append(list, netip.MustParseAddrPort(s))
		}
		return list
	}
	local := []string{"local"}
	defaultServer := servers("127.0.0.1:53")
	for _, c := range []struct {
		text string
		want resolvConf
	}{
		{"", resolvConf{defaultServer, local, 1, defaultLimit}},
		{
			"nameserver 10.0.0.1 # first\nnameserver\nnameserver x\n  nameserver fe80::1%eth0\n" +
				"nameserver 10.0.0.1\nnameserver ::ffff:10.0.0.3\nnameserver 10.0.0.4\n",
			resolvConf{
				servers("10.0.0.1:53", "[fe80::1%eth0]:53", "10.0.0.3:53"), local, 1, defaultLimit,
			},
		},
		{"domain a.b c\n", resolvConf{defaultServer, []string{"a.b"}, 1, defaultLimit}},
		{
			"domain a.b\nsearch c. d c\n;search e\n#search f\n",
			resolvConf{defaultServer, []string{"c", "d"}, 1, defaultLimit},
		},
		{"search .\n", resolvConf{defaultServer, []string{""}, 1, defaultLimit}},
		{
			"options ndots:5 timeout:7 attempts:3 rotate edns0\n",
			resolvConf{defaultServer, local, 5, 7 * time.Second},
		},
		{"options ndots:0 timeout:0\n", resolvConf{defaultServer, local, 0, minLimit}},
		{
			"options ndots:99 timeout:99 timeout:x ndots:-1 ndots: ndots\n",
			resolvConf{defaultServer, local, maxNdots, maxLimit},
		},
		{
			"options ndots:99999999999999999999\n",
			resolvConf{defaultServer, local, 1, defaultLimit},
		},
	} {
		if got := parseResolvConf(c.text, "local"); !reflect.DeepEqual(got, c.want) {
			t.Errorf("%q: %+v, want %+v", c.text, got, c.want)
		}
	}
	if got := parseResolvConf("", ""); len(got.search) != 0 {
		t.Errorf("without a domain: %q", got.search)
	}
}

func TestNames(t *testing.T) {
	long := strings.Repeat("a.", 120) + "a"
	for _, c := range []struct {
		host   string
		ndots  int
		search []string
		want   string
	}{
		{"db", 1, []string{"a.b", "c"}, "[db.a.b. db.c. db.]"},
		{"db", 0, []string{"a.b"}, "[db. db.a.b.]"},
		{"db.x", 1, []string{"a.b"}, "[db.x. db.x.a.b.]"},
		{"db.x", 5, []string{"a.b"}, "[db.x.a.b. db.x.]"},
		{"db.x.", 5, []string{"a.b"}, "[db.x.]"},
		{"db", 1, nil, "[db.]"},
		{"db", 1, []string{""}, "[db.]"},
		{
			long, 1,
			[]string{"a.b", strings.Repeat("b.", 20) + "b"},
			"[" + long + ". " + long + ".a.b.]",
		},
		{"db", 1, []string{"a..b", strings.Repeat("a", 64)}, "[db.]"},
	} {
		r := resolvConf{search: c.search, ndots: c.ndots}
		if got := fmt.Sprint(r.names(c.host)); got != c.want {
			t.Errorf("%q, ndots %d, search %q: %s, want %s", c.host, c.ndots, c.search, got, c.want)
		}
	}
}

func FuzzParseResolvConf(f *testing.F) {
	f.Add("nameserver 10.0.0.1\nsearch a.b c.d\noptions ndots:5 timeout:2\n")
	f.Add("nameserver fe80::1%eth0\ndomain .\n;\n#\noptions ndots:-1\n")
	f.Fuzz(func(t *testing.T, text string) {
		c := parseResolvConf(text, "")
		if len(c.servers) < 1 || len(c.servers) > maxServers || len(c.search) > maxSearch ||
			c.ndots < 0 || c.ndots > maxNdots || c.limit < minLimit || c.limit > maxLimit {
			t.Errorf("%+v", c)
		}
		names := c.names("db.example")
		if len(names) < 1 || len(names) > maxSearch+1 {
			t.Errorf("%d names", len(names))
		}
		for _, name := range names {
			if !strings.HasSuffix(name, ".") || !canBeName(name) {
				t.Errorf("name %q", name)
			}
			if _, err := newQuery(1, name, dnsmessage.TypeA); err != nil {
				t.Errorf("query for %q: %v", name, err)
			}
		}
	})
}
