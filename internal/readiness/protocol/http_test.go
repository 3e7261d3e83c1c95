package protocol

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"slices"
	"strings"
	"testing"

	"util/internal/version"
)

// answerHTTP lets a conversation take an answer in parts of the given size, then the end of file.
// It returns the reply, and how many bytes were taken before it.
func answerHTTP(t testing.TB, answer string, size int) (r Reply, taken int) {
	t.Helper()
	c := aRequest.Begin()
	if r := c.Step(nil, false); r.Verdict != Pending || len(r.Send) == 0 {
		t.Fatalf("first step: %+v", r)
	}
	for taken < len(answer) {
		part := answer[taken:min(len(answer), taken+size)]
		taken += len(part)
		if r = c.Step([]byte(part), false); r.Verdict != Pending {
			return r, taken
		}
		if r.Why != "" || len(r.Send) > 0 {
			t.Fatalf("a later step that is pending: %+v", r)
		}
	}
	return c.Step(nil, true), taken
}

var aRequest = HTTP{Host: "db", Path: "/"}

func TestHTTPAnswers(t *testing.T) {
	const (
		ready  = "ready"
		middle = "closed the connection in the middle of its answer"
		tooBig = "the head of its answer has more than 16384 bytes"
	)
	for _, c := range []struct{ answer, want string }{
		{"HTTP/1.1 200 OK\r\n\r\n", ready},
		{"HTTP/1.1 200 OK\r\nServer: x\r\nContent-Length: 5\r\n\r\nhello", ready},
		{"HTTP/1.0 204 No Content\nA:b\n\n", ready},
		{"HTTP/1.1 301 Moved\r\nLocation: /\r\n\r\n", ready},
		{"HTTP/1.1 399\r\n\r\n", ready},
		{"HTTP/1.1   200 OK\r\n\r\n", ready},
		{"HTTP/1.9 200 OK\r\n\r\n", ready},
		{"HTTP/1.1 200 \xff\xfe caf\xc3\xa9\r\n\r\n", ready},
		{"HTTP/1.1 200 " + strings.Repeat("x", 1000) + "\r\n\r\n", ready},
		{"HTTP/1.1 200 OK\r\nA: b\r\n continued\r\n\tagain\r\n\r\n", ready},
		{"HTTP/1.1 200 OK\r\n" + strings.Repeat("a", 1000) + ": b\r\n\r\n", ready},

		{"HTTP/1.1 400 Bad Request\r\n\r\n", "status 400"},
		{"HTTP/1.1 503 Service Unavailable\r\nRetry-After: 1\r\n\r\n", "status 503"},
		{"HTTP/1.1 599\r\n\r\n", "status 599"},
		{"HTTP/1.1 600\r\n\r\n", "status 600"},
		{"HTTP/1.1 999 LinkedIn\r\n\r\n", "status 999"},

		{"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\n\r\n", ready},
		{"HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\nHTTP/1.1 503 No\r\n\r\n", "status 503"},
		{"HTTP/1.1 101 Switching Protocols\r\n\r\n", "status 101"},
		{"HTTP/1.1 100 Continue\r\n\r\n", middle},
		{strings.Repeat("HTTP/1.1 103\r\n\r\n", 16) + "HTTP/1.1 200\r\n\r\n", ready},
		{
			strings.Repeat("HTTP/1.1 102\r\n\r\n", 17) + "HTTP/1.1 200\r\n\r\n",
			"sends more than 16 interim answers (status 102)",
		},
		{"HTTP/1.1 100 Continue\r\n\r\nh", `not an HTTP answer: "h"`},

		{"", "closed the connection without an answer"},
		{"H", middle},
		{"HTTP/1.1 200 OK", middle},
		{"HTTP/1.1 200 OK\r\n", middle},
		{"HTTP/1.1 200 OK\r\nServer: x\r\n", middle},
		{"HTTP/1.1 200 OK\r\n\r", middle},

		{
			"HTTP/1.1 200 OK\r\nno field\r\n\r\n",
			`its answer contains a line that is not a header field: "no field"`,
		},
		{
			"HTTP/1.1 200 OK\r\nA: b\r\nno field\r\n\r\n",
			`its answer contains a line that is not a header field: "no field"`,
		},
		{
			"HTTP/1.1 200 OK\r\n" + strings.Repeat("a", 1000) + "\n\n",
			"its answer contains a line that is not a header field: \"" +
				strings.Repeat("a", 40) + `…"`,
		},
		{
			"HTTP/1.1 200 OK\r\n\r\r\n\r\n",
			`its answer contains a line that is not a header field: "\r"`,
		},

		{"HTTP/1.1 20 OK\r\n\r\n", `not an HTTP answer: "HTTP/1.1 20 OK"`},
		{"HTTP/1.1 2000 OK\r\n\r\n", `not an HTTP answer: "HTTP/1.1 2000 OK"`},
		{"HTTP/1.1 +20 OK\r\n\r\n", `not an HTTP answer: "HTTP/1.1 +20 OK"`},
		{"HTTP/1.1 099 OK\r\n\r\n", `not an HTTP answer: "HTTP/1.1 099 OK"`},
		{"HTTP/1.1 OK\r\n\r\n", `not an HTTP answer: "HTTP/1.1 OK"`},
		{"HTTP/1.1\r\n\r\n", `not an HTTP answer: "HTTP/1.1"`},
		{"HTTP/1.1\t200 OK\r\n\r\n", `not an HTTP answer: "HTTP/1.1\t200 OK"`},
		{"HTTP/1.10 200 OK\r\n\r\n", `not an HTTP answer: "HTTP/1.10 200 OK"`},
		{
			"HTTP/1.1 2" + strings.Repeat("0", 1000) + "\r\n\r\n",
			`not an HTTP answer: "HTTP/1.1 2` + strings.Repeat("0", 30) + `…"`,
		},

		{"HTTP/1.1 200 OK\r\n" + strings.Repeat("A: b\r\n", 3000), tooBig},
		{"HTTP/1.1 200 OK\r\nA: " + strings.Repeat("b", 20000), tooBig},
		{"HTTP/1.1 " + strings.Repeat(" ", 20000), tooBig},
		{"HTTP/1.1 200 OK\r\nA:" + strings.Repeat("b", MaxAnswer-23) + "\r\n\r\nbody", ready},
		{"HTTP/1.1 200 OK\r\nA:" + strings.Repeat("b", MaxAnswer-22) + "\r\n\r\nbody", tooBig},
		{"HTTP/1.1 200 OK\r\n\r\n" + strings.Repeat("body", MaxAnswer), ready},

		{
			"\x15\x03\x01\x00\x02\x02\x46",
			"answers in TLS: the port is one for https, which is not supported",
		},
		{"\x15\x02", `not an HTTP answer: "\x15\x02"`},
		{
			"\x00\x00\x12\x04\x00\x00\x00\x00\x00\x00\x03",
			"answers in HTTP/2 only, which is not supported",
		},
		{
			"\x00\x00\x08\x07\x00\x00\x00\x00\x00rest",
			"answers in HTTP/2 only, which is not supported",
		},
		{
			"\x00\x00\x08\x07\x00\x00\x00\x00\x01",
			`not an HTTP answer: "\x00\x00\b\a\x00\x00\x00\x00\x01"`,
		},
		{"\x00\x00\x08\x07\x00\x00", middle},
	} {
		for _, size := range []int{1, 2, 7, len(c.answer) + 1} {
			got, taken := answerHTTP(t, c.answer, size)
			why := got.Why
			if got.Verdict == Ready {
				why = ready
			}
			if why != c.want || got.Verdict == Pending {
				t.Errorf("%.60q in parts of %d bytes: %+v, want %q", c.answer, size, got, c.want)
			}
			if len(got.Send) > 0 {
				t.Errorf("%.60q: sends %q at the end", c.answer, got.Send)
			}
			if taken > MaxAnswer+size {
				t.Errorf("%.60q: took %d bytes", c.answer, taken)
			}
		}
	}
}

// What another protocol says first is quoted, as far as it has arrived with its first byte.
func TestHTTPQuotes(t *testing.T) {
	for answer, want := range map[string]string{
		"SSH-2.0-OpenSSH_9.2p1 Debian-2+deb12u3\r\n": `"SSH-2.0-OpenSSH_9.2p1 Debian-2+deb12u3"`,
		"220 mail.example ESMTP Postfix\r\n":         `"220 mail.example ESMTP Postfix"`,
		"+OK\nmore":                                  `"+OK"`,
		"HTTP/2 200\r\nA: b\r\n\r\n":                 `"HTTP/2 200"`,
		"HTTP/0.9 200\r\n\r\n":                       `"HTTP/0.9 200"`,
		"http/1.1 200\r\n\r\n":                       `"http/1.1 200"`,
		"\r\nHTTP/1.1 200 OK\r\n\r\n":                `""`,
		" HTTP/1.1 200 OK\r\n\r\n":                   `" HTTP/1.1 200 OK"`,
		"<html>" + strings.Repeat("x", 1000):         `"<html>` + strings.Repeat("x", 34) + `…"`,
		"J\x00\x00\x00\n8.0.36\x00\x01":              `"J\x00\x00\x00\n8.0.36\x00\x01"`,
		"\x1b[2J\u202e\n":                            `"\x1b[2J\u202e\n"`,
	} {
		got, _ := answerHTTP(t, answer, len(answer))
		if got.Verdict != NotReady || got.Why != "not an HTTP answer: "+want {
			t.Errorf("%.60q: %+v, want %s", answer, got, want)
		}
	}
}

// The end of file can come with the answer, and before the request has been sent.
func TestHTTPEndOfFile(t *testing.T) {
	for answer, want := range map[string]Verdict{
		"HTTP/1.1 200 OK\r\n\r\n": Ready,
		"HTTP/1.1 200 OK\r\n":     NotReady,
		"":                        NotReady,
	} {
		if r := aRequest.Begin().Step([]byte(answer), true); r.Verdict != want || len(r.Send) > 0 {
			t.Errorf("%q: %+v, want verdict %d", answer, r, want)
		}
	}
}

func TestHTTPRequest(t *testing.T) {
	agent := "User-Agent: util/" + version.Number() + "\r\n"
	for _, c := range []struct {
		h    HTTP
		want string
	}{
		{
			HTTP{Host: "db:8080", Path: "/a?b"},
			"GET /a?b HTTP/1.1\r\nHost: db:8080\r\n" + agent + "Accept: */*\r\n" +
				"Connection: close\r\n\r\n",
		},
		{
			HTTP{Host: "db", Path: "/", Headers: []string{"X: 1", "host: other", "X: 2"}},
			"GET / HTTP/1.1\r\nhost: other\r\n" + agent + "Accept: */*\r\n" +
				"Connection: close\r\nX: 1\r\nX: 2\r\n\r\n",
		},
		{
			HTTP{Host: "db", Path: "/", Headers: []string{
				"user-agent: me", "Accept: a", "ACCEPT: b", "Host: ",
			}},
			"GET / HTTP/1.1\r\nHost: \r\nConnection: close\r\n" +
				"user-agent: me\r\nAccept: a\r\nACCEPT: b\r\n\r\n",
		},
	} {
		if err := c.h.Check(); err != nil {
			t.Errorf("%+v: %v", c.h, err)
		}
		if got := string(c.h.Begin().Step(nil, false).Send); got != c.want {
			t.Errorf("%+v: sends %q, want %q", c.h, got, c.want)
		}
	}
}

// parsers are the functions that check what a user has written.
var parsers = map[string]func(text string) (string, error){
	"header": ParseHeader,
	"path":   ParsePath,
	"statuses": func(text string) (string, error) {
		s, err := ParseStatuses(text)
		return listed(s), err
	},
}

// listed returns a set as a list of ranges.
func listed(s StatusSet) string {
	var all []string
	for low := -100; low < 2000; low++ {
		if !s.Has(low) {
			continue
		}
		high := low
		for s.Has(high + 1) {
			high++
		}
		all = append(all, fmt.Sprintf("%d-%d", low, high))
		low = high
	}
	return strings.Join(all, ",")
}

func TestHTTPParsers(t *testing.T) {
	for _, c := range []struct{ parser, text, want string }{
		{"header", "Accept: text/html", "Accept: text/html"},
		{"header", "accept:\t text/html; q=1 \t", "accept: text/html; q=1"},
		{"header", "X-Empty:", "X-Empty: "},
		{"header", "X: a\tb caf\xc3\xa9 \xff:", "X: a\tb caf\xc3\xa9 \xff:"},
		{"header", "Host: db:80", "Host: db:80"},
		{"header", "Host: [::1]:80", "Host: [::1]:80"},
		{"header", "X_1.~: y", "X_1.~: y"},

		{"path", "", "/"},
		{"path", "?a=b", "/?a=b"},
		{"path", "#top", "/"},
		{"path", "/a/../b%?c?d#e#f", "/a/../b%?c?d"},
		{"path", "/caf\u00e9?\xff", "/caf%C3%A9?%FF"},
		{"path", "/\"<>\\^`{|}'*", "/\"<>\\^`{|}'*"},
		{"path", "/" + strings.Repeat("a", 4095), "/" + strings.Repeat("a", 4095)},

		{"statuses", "200", "200-200"},
		{"statuses", "200,204,300-399", "200-200,204-204,300-399"},
		{"statuses", "599,200-599", "200-599"},
		{"statuses", "401,401-402,200-263,264-265", "200-265,401-402"},
	} {
		if got, err := parsers[c.parser](c.text); got != c.want || err != nil {
			t.Errorf("%s %.60q: %.60q, %v; want %.60q", c.parser, c.text, got, err, c.want)
		}
	}
	if got := listed(StatusSet{}); got != "200-399" {
		t.Errorf("the zero value: %s", got)
	}
}

func TestHTTPParserErrors(t *testing.T) {
	const status = " neither a status from 200 to 599 nor a range, as in 300-399"
	for _, c := range []struct{ parser, text, want string }{
		{"header", "", `needs a name and a colon, as in "Accept: text/html"`},
		{"header", "Accept text/html", `needs a name and a colon, as in "Accept: text/html"`},
		{"header", ": x", "needs a name before the colon"},
		{"header", ":authority: x", "needs a name before the colon"},
		{"header", "Accept : x", "has a blank before the colon"},
		{"header", " Accept: x", `the name contains " ", which is not possible in a name`},
		{"header", "A(b: x", `the name contains "(", which is not possible in a name`},
		{"header", "A\r\nB: x", `the name contains "\r", which is not possible in a name`},
		{"header", "Caf\u00e9: x", `the name contains "\xc3", which is not possible in a name`},
		{"header", "A: b\r\nC: d", "the value contains a control character"},
		{"header", "A: b\nC: d", "the value contains a control character"},
		{"header", "A: \x00", "the value contains a control character"},
		{"header", "A: \x7f", "the value contains a control character"},
		{
			"header", "connection: keep-alive",
			"is not possible: the request is always the only one of its connection",
		},
		{"header", "Content-Length: 1", "is not possible: the request has no body"},
		{"header", "Transfer-Encoding: chunked", "is not possible: the request has no body"},
		{"header", "Expect: 100-continue", "is not possible: the request has no body"},
		{"header", "UPGRADE: h2c", "is not possible: the connection stays with HTTP/1.1"},
		{"header", "Host: a b", "the value is not a host"},
		{"header", "Host: http://a", "the value is not a host"},
		{"header", "Host: caf\u00e9", "the value is not a host"},
		{"header", "A: " + strings.Repeat("b", 8190), "has more than 8192 bytes"},

		{"path", "a", `the path must begin with "/"`},
		{"path", "/a b", "contains a blank: write %20 instead"},
		{"path", "/a\r\nb", "contains a control character"},
		{"path", "/a\tb", "contains a control character"},
		{"path", "/\x7f", "contains a control character"},
		{"path", "/" + strings.Repeat("a", 4096), "the path and the query have more than 4096 bytes"},
		{
			"path", "/" + strings.Repeat("\xff", 1366),
			"the path and the query have more than 4096 bytes",
		},

		{"statuses", "", "needs a status, as in 200,204,300-399"},
		{"statuses", "200,", "has an empty entry before or after a comma"},
		{"statuses", ",200", "has an empty entry before or after a comma"},
		{"statuses", "2xx", "is" + status},
		{"statuses", "200, 204", `" 204" is` + status},
		{"statuses", "199", "is" + status},
		{"statuses", "600", "is" + status},
		{"statuses", "0200", "is" + status},
		{"statuses", "+20", "is" + status},
		{"statuses", "-200", "is" + status},
		{"statuses", "200-", "is" + status},
		{"statuses", "200-300-400", "is" + status},
		{"statuses", "399-300", `"399-300" is a range that ends before it begins`},
	} {
		if got, err := parsers[c.parser](c.text); err == nil || err.Error() != c.want {
			t.Errorf("%s %.60q: %.60q, %v; want %s", c.parser, c.text, got, err, c.want)
		}
	}
}

func TestHTTPCheck(t *testing.T) {
	big := "A: " + strings.Repeat("b", 5000)
	for _, c := range []struct {
		h    HTTP
		want string
	}{
		{HTTP{Host: "db", Path: "/", Headers: slices.Repeat([]string{"A: b"}, 64)}, ""},
		{
			HTTP{Host: "db", Path: "/", Headers: slices.Repeat([]string{"A: b"}, 65)},
			"more than 64 header fields",
		},
		{HTTP{Path: "/"}, `host "": is not possible in an HTTP request`},
		{
			HTTP{Host: "a\r\nB: c", Path: "/"},
			`host "a\r\nB: c": is not possible in an HTTP request`,
		},
		{HTTP{Host: "a/b", Path: "/"}, `host "a/b": is not possible in an HTTP request`},
		{HTTP{Host: "db", Path: ""}, `path "": is not escaped`},
		{HTTP{Host: "db", Path: "/\xff"}, `path "/\xff": is not escaped`},
		{HTTP{Host: "db", Path: "/ "}, `path "/ ": contains a blank: write %20 instead`},
		{
			HTTP{Host: "db", Path: "/", Headers: []string{"Host: a", "A: b", "host: c"}},
			"has two header fields Host",
		},
		{
			HTTP{Host: "db", Path: "/", Headers: []string{"User-Agent: a", "user-agent: c"}},
			"has two header fields User-Agent",
		},
		{
			HTTP{Host: "db", Path: "/", Headers: []string{"A"}},
			`a header field needs a name and a colon, as in "Accept: text/html"`,
		},
		{
			HTTP{Host: "db", Path: "/", Headers: []string{big, big}},
			fmt.Sprintf("the request has %d bytes, more than 8192",
				len(HTTP{Host: "db", Path: "/", Headers: []string{big, big}}.request())),
		},
	} {
		text := ""
		if err := c.h.Check(); err != nil {
			text = err.Error()
		}
		if text != c.want {
			t.Errorf("%.200q: %q, want %q", fmt.Sprint(c.h), text, c.want)
		}
	}
}

func TestHostField(t *testing.T) {
	for _, c := range []struct {
		host string
		port uint16
		want string
	}{
		{"db", 80, "db"},
		{"db", 8080, "db:8080"},
		{"10.0.0.1", 443, "10.0.0.1:443"},
		{"::1", 80, "[::1]"},
		{"fe80::1%eth0", 8080, "[fe80::1]:8080"},
	} {
		if got := HostField(c.host, c.port); got != c.want {
			t.Errorf("%s, %d: %s, want %s", c.host, c.port, got, c.want)
		}
	}
}

// A server that never stops sending costs no memory.
func TestHTTPMemory(t *testing.T) {
	var data [1024]byte
	for i := range data {
		data[i] = "A: b\n"[i%5]
	}
	c := aRequest.Begin()
	c.Step([]byte("HTTP/1.1 200 OK\n"), false)
	if n := testing.AllocsPerRun(10, func() { c.Step(data[:], false) }); n > 0 {
		t.Errorf("%v allocations for 1 kB of an answer", n)
	}
}

// httpAnswers are answers that random ones are made from.
var httpAnswers = []string{
	"HTTP/1.1 200 OK\r\nServer: x\r\nContent-Length: 5\r\n\r\nhello",
	"HTTP/1.0 503 Service Unavailable\nRetry-After: 1\n\n",
	"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\nHTTP/1.1 301\r\nLocation: /\r\n\r\n",
	"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n",
	"HTTP/1.1 200 OK\r\nA: b\r\n folded\r\n\r\n",
	"HTTP/2.0 200 OK\r\n\r\n",
	"SSH-2.0-OpenSSH_9.2\r\n",
	"\x15\x03\x01\x00\x02\x02\x46",
	"\x00\x00\x12\x04\x00\x00\x00\x00\x00\x00\x03",
	"HTTP/1.1 2",
}

// readWithNetHTTP returns the status that net/http reads from an answer, after interim ones, as its
// Transport does.
func readWithNetHTTP(answer string) (status int, err error) {
	r := bufio.NewReader(strings.NewReader(answer))
	for {
		resp, err := http.ReadResponse(r, nil)
		if err != nil {
			return 0, err
		}
		if resp.ProtoMajor != 1 || resp.StatusCode < 100 {
			return 0, errNotHTTP1
		}
		if resp.StatusCode >= 200 || resp.StatusCode == 101 {
			return resp.StatusCode, nil
		}
	}
}

// errNotHTTP1 is what net/http accepts on purpose and this package does not: another major version,
// and a status below 100, with a sign or without.
var errNotHTTP1 = errors.New("not HTTP/1, or no valid status")

// compareWithNetHTTP compares the verdict with what net/http reads. These differences are meant:
//
//   - Only net/http checks names and values of fields, and reads Content-Length and
//     Transfer-Encoding. None of that changes the status, and curl(1) is as lenient.
//   - Only net/http rejects a first field that begins with a blank.
//   - There is no limit in ReadResponse, and it requires less than a head of interim answers.
func compareWithNetHTTP(t *testing.T, answer string) {
	t.Helper()
	if len(answer) > MaxAnswer || strings.Count(answer, "HTTP/1") > maxInterim {
		return
	}
	status, err := readWithNetHTTP(answer)
	got, _ := answerHTTP(t, answer, len(answer)+1)
	strict := err != nil && (strings.Contains(err.Error(), "malformed MIME header") ||
		strings.Contains(err.Error(), "invalid header") ||
		strings.Contains(err.Error(), "Content-Length") ||
		strings.Contains(err.Error(), "transfer encoding") ||
		strings.Contains(err.Error(), "Transfer-Encoding"))
	ok := false
	switch {
	case strict:
		return
	case err != nil:
		ok = got.Verdict == NotReady && !strings.HasPrefix(got.Why, "status ")
	case status >= 200 && status <= 399:
		ok = got.Verdict == Ready
	default:
		ok = got.Verdict == NotReady && got.Why == fmt.Sprintf("status %d", status)
	}
	if !ok {
		t.Errorf("%q: %+v, but net/http: status %d, %v", answer, got, status, err)
	}
}

// mutateHTTP changes an answer at random.
func mutateHTTP(random *rand.Rand, answer string) string {
	b := []byte(answer)
	pieces := []string{
		"\r", "\n", " ", ":", "\t", "\x00", "HTTP/1.1 ", "1", "9", "\r\n", "\r\n\r\n", "A: b\r\n", "\xff",
	}
	for range 1 + random.IntN(4) {
		at := random.IntN(len(b) + 1)
		piece := pieces[random.IntN(len(pieces))]
		switch random.IntN(3) {
		case 0:
			b = slices.Insert(b, at, []byte(piece)...)
		case 1:
			b = slices.Delete(b, at, min(len(b), at+1+random.IntN(3)))
		case 2:
			if at < len(b) {
				b[at] = piece[0]
			}
		}
	}
	return string(b)
}

func TestHTTPAgainstNetHTTP(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 1))
	for range 100_000 {
		compareWithNetHTTP(t, mutateHTTP(random, httpAnswers[random.IntN(len(httpAnswers))]))
		if t.Failed() {
			return
		}
	}
}

// TestHTTPRequestAgainstNetHTTP: net/http reads the request as it is meant.
func TestHTTPRequestAgainstNetHTTP(t *testing.T) {
	h := HTTP{Host: "db:8080", Path: "/a?b=c", Headers: []string{"X: 1", "X: 2", "Accept: text/html"}}
	r, err := http.ReadRequest(bufio.NewReader(bytes.NewReader(h.request())))
	if err != nil {
		t.Fatal(err)
	}
	if r.Method != "GET" || r.RequestURI != "/a?b=c" || r.Host != "db:8080" || !r.Close ||
		fmt.Sprint(r.Header["X"], r.Header["Accept"]) != "[1 2] [text/html]" || r.ContentLength != 0 {
		t.Errorf("%+v", r)
	}
}

// FuzzHTTP: whatever a server sends and however it is split, the verdict is the same, and little is
// kept.
func FuzzHTTP(f *testing.F) {
	for _, answer := range httpAnswers {
		f.Add([]byte(answer), uint16(1))
	}
	f.Fuzz(func(t *testing.T, answer []byte, size uint16) {
		whole, _ := answerHTTP(t, string(answer), len(answer)+1)
		parts, taken := answerHTTP(t, string(answer), int(size)+1)
		_, before, _ := strings.Cut(whole.Why, ": ")
		_, after, _ := strings.Cut(parts.Why, ": ")
		why := strings.TrimSuffix(whole.Why, before) == strings.TrimSuffix(parts.Why, after)
		switch {
		case whole.Verdict != parts.Verdict || !why:
			t.Errorf("%+v, in parts %+v", whole, parts)
		case whole.Verdict == Pending || (whole.Verdict == NotReady) != (whole.Why != ""):
			t.Errorf("%+v at the end of file", whole)
		case len(whole.Why) > 300 || strings.ContainsAny(whole.Why, "\x00\n\r\x1b"):
			t.Errorf("reason %q", whole.Why)
		case taken > MaxAnswer+int(size)+1:
			t.Errorf("%d bytes were taken", taken)
		}
		compareWithNetHTTP(t, string(answer))
	})
}

// FuzzHTTPParsers: what is accepted makes a valid request, and is accepted again.
func FuzzHTTPParsers(f *testing.F) {
	f.Add("Accept: text/html", "/a?b#c", "200,300-399")
	f.Add("Host: [::1]:80", "?\xff", "599")
	f.Fuzz(func(t *testing.T, header, path, statuses string) {
		for name, text := range map[string]string{"header": header, "path": path, "statuses": statuses} {
			value, err := parsers[name](text)
			if err != nil {
				continue
			}
			if again, err := parsers[name](value); again != value || err != nil {
				t.Errorf("%s %q: %q, and then %q, %v", name, text, value, again, err)
			}
		}
		h := HTTP{Host: "db", Path: "/"}
		if value, err := ParseHeader(header); err == nil {
			h.Headers = []string{value}
		}
		if value, err := ParsePath(path); err == nil {
			h.Path = value
		}
		if h.Check() != nil {
			return // too long
		}
		r, err := http.ReadRequest(bufio.NewReader(bytes.NewReader(h.request())))
		if err != nil {
			// Only net/http rejects a percent sign without digits after it.
			if !strings.Contains(err.Error(), "invalid URL escape") {
				t.Errorf("%q: %v", h.request(), err)
			}
			return
		}
		if r.RequestURI != h.Path || r.ContentLength != 0 || !r.Close {
			t.Errorf("%q: %+v", h.request(), r)
		}
	})
}
