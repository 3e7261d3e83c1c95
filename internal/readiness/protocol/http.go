package protocol

import (
	"bytes"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"util/internal/version"
)

// HTTP asks for one resource with GET. The semantics are those of RFC 9110, the messages those of
// HTTP/1.1 (RFC 9112).
//
// The server is ready if the final status of its answer is in Up. The verdict comes with the end of
// the head: the body is not waited for. Header fields of the answer are not interpreted. A redirect
// is a status like any other, and ready by default; the HTTP probes of Kubernetes follow a redirect
// to the same host, and count one to another host as a success.
type HTTP struct {
	Host    string    // the value of the Host field, such as "db:8080": see [HostField]
	Path    string    // the request target, path and query, as [ParsePath] returns it
	Headers []string  // more fields, as [ParseHeader] returns them
	Up      StatusSet // the statuses that count as ready
}

// Limits of the request. RFC 9110 (section 4.1) recommends that servers support a target of 8000
// bytes; nginx by default rejects a line of more than 8 kB, and Apache more than 100 fields.
const (
	maxRequest = 8 << 10
	maxPath    = 4 << 10
	maxHeaders = 64
)

// Check returns an error if no valid request can be made of h. Begin must not be called then.
func (h HTTP) Check() error {
	if len(h.Headers) > maxHeaders {
		return fmt.Errorf("more than %d header fields", maxHeaders)
	}
	if !isHost(h.Host) {
		return fmt.Errorf("host %q: is not possible in an HTTP request", h.Host)
	}
	if path, err := ParsePath(h.Path); err != nil {
		return fmt.Errorf("path %q: %w", h.Path, err)
	} else if path != h.Path {
		return fmt.Errorf("path %q: is not escaped", h.Path)
	}
	for i, field := range h.Headers {
		if _, err := ParseHeader(field); err != nil {
			return fmt.Errorf("a header field %w", err)
		}
		// A server must reject two Host fields (RFC 9112, section 3.2). No list is possible in
		// User-Agent either; a server may see the first or the last one.
		for _, name := range []string{"Host", "User-Agent"} {
			if isField(field, name) && fieldOf(h.Headers[:i], name) != "" {
				return fmt.Errorf("has two header fields %s", name)
			}
		}
	}
	if n := len(h.request()); n > maxRequest {
		return fmt.Errorf("the request has %d bytes, more than %d", n, maxRequest)
	}
	return nil
}

// request returns the request. A field of the user replaces the one that it would have otherwise.
func (h HTTP) request() []byte {
	b := []byte("GET " + h.Path + " HTTP/1.1\r\n")
	add := func(field string) { b = append(append(b, field...), "\r\n"...) }
	defaults := []string{
		"Host: " + h.Host, // first: RFC 9110, section 7.2
		"User-Agent: util/" + version.Number(),
		"Accept: */*",
	}
	for _, field := range defaults {
		name, _, _ := strings.Cut(field, ":")
		if own := fieldOf(h.Headers, name); name == "Host" && own != "" {
			add(own)
		} else if own == "" {
			add(field)
		}
	}
	add("Connection: close")
	for _, field := range h.Headers {
		if !isField(field, "Host") {
			add(field)
		}
	}
	return append(b, "\r\n"...)
}

// HasField reports whether one of the Headers has this name.
func (h HTTP) HasField(name string) bool { return fieldOf(h.Headers, name) != "" }

// fieldOf returns the first field with this name, or "".
func fieldOf(fields []string, name string) string {
	for _, field := range fields {
		if isField(field, name) {
			return field
		}
	}
	return ""
}

// isField reports whether a field has this name. Names are case-insensitive (RFC 9110, section
// 5.1).
func isField(field, name string) bool {
	before, _, _ := strings.Cut(field, ":")
	return strings.EqualFold(before, name)
}

// HostField returns the value of the Host field for a host, which is a name or an IP address
// without brackets. It leaves out the default port (RFC 9110, section 4.2.3) and the zone of an
// IPv6 address, which means nothing to the server (RFC 6874, section 1).
func HostField(host string, port uint16) string {
	if strings.Contains(host, ":") {
		host, _, _ = strings.Cut(host, "%")
		host = "[" + host + "]"
	}
	if port == 80 {
		return host
	}
	return host + ":" + strconv.Itoa(int(port))
}

// isHost reports whether a text can be the value of the Host field. Bytes above 127 are not
// possible there (RFC 3986, section 3.2.2), and what ends the host in a URL is not either.
func isHost(text string) bool {
	for i := range len(text) {
		if !isVisible(text[i]) || strings.IndexByte(`/?#@\`, text[i]) >= 0 {
			return false
		}
	}
	return text != ""
}

func isVisible(c byte) bool { return c > ' ' && c < 0x7f }

// ParsePath returns the request target of what follows the host in a URL: a path, a query, both or
// nothing. It removes the fragment, which is not for the server, and escapes the bytes above 127.
// Everything else stays as it is, such as a percent sign without two digits and "/../".
func ParsePath(text string) (string, error) {
	text, _, _ = strings.Cut(text, "#")
	if text == "" || text[0] == '?' {
		text = "/" + text
	}
	if text[0] != '/' {
		return "", errors.New(`the path must begin with "/"`)
	}
	var b strings.Builder
	for i := range len(text) {
		switch c := text[i]; {
		case c == ' ':
			return "", errors.New("contains a blank: write %20 instead")
		case c < ' ' || c == 0x7f:
			return "", errors.New("contains a control character")
		case c > 0x7f:
			fmt.Fprintf(&b, "%%%02X", c)
		default:
			b.WriteByte(c)
		}
		if b.Len() > maxPath {
			return "", fmt.Errorf("the path and the query have more than %d bytes", maxPath)
		}
	}
	return b.String(), nil
}

// refused are fields that would change how the messages are framed, or what is spoken.
var refused = []struct{ name, why string }{
	{"Connection", "the request is always the only one of its connection"},
	{"Content-Length", "the request has no body"},
	{"Transfer-Encoding", "the request has no body"},
	{"Expect", "the request has no body"},
	{"Upgrade", "the connection stays with HTTP/1.1"},
}

// ParseHeader checks a header field "Name: value" (RFC 9110, section 5) and returns it with one
// blank after the colon and none at the end. The value may be empty.
func ParseHeader(text string) (string, error) {
	name, value, ok := strings.Cut(text, ":")
	switch {
	case !ok:
		return "", errors.New(`needs a name and a colon, as in "Accept: text/html"`)
	case name == "":
		return "", errors.New("needs a name before the colon")
	case strings.TrimRight(name, " \t") != name:
		return "", errors.New("has a blank before the colon")
	}
	for i := range len(name) {
		if !isTokenByte(name[i]) {
			return "", fmt.Errorf("the name contains %q, which is not possible in a name",
				name[i:i+1])
		}
	}
	value = strings.Trim(value, " \t")
	for i := range len(value) {
		if c := value[i]; c < ' ' && c != '\t' || c == 0x7f {
			return "", errors.New("the value contains a control character")
		}
	}
	for _, r := range refused {
		if strings.EqualFold(name, r.name) {
			return "", errors.New("is not possible: " + r.why)
		}
	}
	// A Host field without a value is valid (RFC 9112, section 3.2).
	if strings.EqualFold(name, "Host") && value != "" && !isHost(value) {
		return "", errors.New("the value is not a host")
	}
	field := name + ": " + value
	if len(field) > maxRequest {
		return "", fmt.Errorf("has more than %d bytes", maxRequest)
	}
	return field, nil
}

// isTokenByte reports whether a byte is possible in the name of a field: tchar of RFC 9110, section
// 5.6.2.
func isTokenByte(c byte) bool {
	return 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9' ||
		strings.IndexByte("!#$%&'*+-.^_`|~", c) >= 0
}

// StatusSet is a set of final statuses. The zero value is 200 to 399.
type StatusSet struct {
	bits [(maxStatus-minStatus)/64 + 1]uint64
}

// A final status has a class from 2 to 5 (RFC 9110, section 15).
const (
	minStatus = 200
	maxStatus = 599
)

// Has reports whether a status is in the set.
func (s StatusSet) Has(status int) bool {
	if s == (StatusSet{}) {
		return status >= 200 && status <= 399
	}
	if status < minStatus || status > maxStatus {
		return false
	}
	n := status - minStatus
	return s.bits[n/64]>>(n%64)&1 == 1
}

// ParseStatuses reads a list of statuses and of ranges, such as "200,204,300-399".
func ParseStatuses(text string) (StatusSet, error) {
	var s StatusSet
	for entry := range strings.SplitSeq(text, ",") {
		low, high, isRange := strings.Cut(entry, "-")
		if !isRange {
			high = low
		}
		from, to := parseStatus(low), parseStatus(high)
		switch {
		case entry == "" && text == "":
			return StatusSet{}, errors.New("needs a status, as in 200,204,300-399")
		case entry == "":
			return StatusSet{}, errors.New("has an empty entry before or after a comma")
		case from < 0 || to < 0:
			which := "is" // the caller shows the text
			if entry != text {
				which = strconv.Quote(entry) + " is"
			}
			return StatusSet{}, fmt.Errorf("%s neither a status from %d to %d nor a range, "+
				"as in 300-399", which, minStatus, maxStatus)
		case from > to:
			return StatusSet{}, fmt.Errorf("%q is a range that ends before it begins", entry)
		}
		for n := from - minStatus; n <= to-minStatus; n++ {
			s.bits[n/64] |= 1 << (n % 64)
		}
	}
	return s, nil
}

// parseStatus reads a final status, or returns -1.
func parseStatus(text string) int {
	n := threeDigits(text)
	if n < minStatus || n > maxStatus {
		return -1
	}
	return n
}

// threeDigits reads a number of exactly three digits, or returns -1.
func threeDigits(text string) int {
	if len(text) != 3 {
		return -1
	}
	n := 0
	for i := range len(text) {
		if text[i] < '0' || text[i] > '9' {
			return -1
		}
		n = n*10 + int(text[i]-'0')
	}
	return n
}

// Begin returns a new conversation.
func (h HTTP) Begin() Conversation { return &httpConversation{request: h.request(), up: h.Up} }

// httpConversation reads an answer byte by byte and keeps only the beginning of the current line.
type httpConversation struct {
	request []byte // nil after it has been returned for sending
	up      StatusSet
	size    int           // bytes of the answer so far
	line    [maxLine]byte // the beginning of the current line
	kept    int           // how many bytes of line are used
	colon   bool          // the current line contains a colon
	status  int           // of the current head; 0 before its status line is complete
	interim int           // answers with a status of class 1 so far
}

const (
	// maxLine is enough for the status and for what a message quotes.
	maxLine = 64
	// maxInterim is more than any server sends: 100 only if it is asked to, 103 a few times.
	maxInterim = 16
)

// Step implements [Conversation].
func (c *httpConversation) Step(data []byte, closed bool) Reply {
	send := c.request
	c.request = nil
	for i, b := range data {
		if c.size++; c.size > MaxAnswer {
			return notReady(fmt.Sprintf("the head of its answer has more than %d bytes", MaxAnswer))
		}
		if r := c.next(b, data[i+1:]); r.Verdict != Pending {
			return r
		}
	}
	switch {
	case !closed:
		return Reply{Send: send}
	case c.size == 0:
		return notReady("closed the connection without an answer")
	}
	return notReady("closed the connection in the middle of its answer")
}

// next takes the next byte. rest is what has been received after it.
func (c *httpConversation) next(b byte, rest []byte) Reply {
	if c.kept < maxLine {
		c.line[c.kept] = b
		c.kept++
	}
	c.colon = c.colon || b == ':'
	if c.status == 0 {
		switch begin := c.line[:c.kept]; {
		case isTLS(begin):
			return notReady("answers in TLS: the port is one for https, which is not supported")
		case isHTTP2(begin):
			return notReady("answers in HTTP/2 only, which is not supported")
		case !mayBecomeHTTP(begin) && !mayBecomeTLS(begin) && !mayBecomeHTTP2(begin):
			return c.notHTTP(rest)
		}
	}
	// A line may end without a carriage return (RFC 9112, section 2.2).
	if b != '\n' {
		return Reply{}
	}
	line := bytes.TrimSuffix(bytes.TrimSuffix(c.line[:c.kept], []byte("\n")), []byte("\r"))
	switch {
	case c.status == 0:
		if c.status = statusOf(string(line)); c.status < 100 {
			return c.notHTTP(nil)
		}
	case len(line) == 0:
		if r := c.endHead(); r.Verdict != Pending {
			return r
		}
	// The other line without a colon continues the one before it (RFC 9112, section 5.2).
	case !c.colon && line[0] != ' ' && line[0] != '\t':
		return notReady("its answer contains a line that is not a header field: " + quote(line, glimpse))
	}
	c.kept, c.colon = 0, false
	return Reply{}
}

// endHead decides at the end of a head.
func (c *httpConversation) endHead() Reply {
	switch {
	// An interim answer comes before the final one (RFC 9110, section 15.2). 101 is the end of
	// HTTP on this connection; only a request with an Upgrade field permits it.
	case c.status < 200 && c.status != 101:
		if c.interim++; c.interim > maxInterim {
			return notReady(fmt.Sprintf("sends more than %d interim answers (status %d)",
				maxInterim, c.status))
		}
		c.status = 0
		return Reply{}
	case c.up.Has(c.status):
		return Reply{Verdict: Ready, Closes: true}
	}
	return Reply{Verdict: NotReady, Why: "status " + strconv.Itoa(c.status), Closes: true}
}

// notHTTP returns the reply for an answer that is not one of HTTP/1. rest is what has been received
// after the current byte.
func (c *httpConversation) notHTTP(rest []byte) Reply {
	begin := append(c.line[:c.kept:c.kept], rest[:min(len(rest), maxLine)]...)
	// The first line, if it is one of text: the greeting of MySQL contains a line feed as a number.
	for i, b := range begin {
		if b == '\n' {
			begin = bytes.TrimSuffix(begin[:i], []byte("\r"))
			break
		}
		if b < ' ' && b != '\r' && b != '\t' {
			break
		}
	}
	return notReady("not an HTTP answer: " + quote(begin, glimpse))
}

// statusOf returns the status of a status line (RFC 9112, section 4), or -1 if the line is not one
// of HTTP/1. The reason phrase and the blank before it may be missing, and there may be more blanks
// before the status. A later minor version counts as one that is known (RFC 9110, section 2.5).
func statusOf(line string) int {
	rest, ok := strings.CutPrefix(line, httpPrefix)
	if !ok || len(rest) < 2 || rest[0] < '0' || rest[0] > '9' || rest[1] != ' ' {
		return -1
	}
	status, _, _ := strings.Cut(strings.TrimLeft(rest[1:], " "), " ")
	return threeDigits(status)
}

const httpPrefix = "HTTP/1."

// mayBecomeHTTP reports whether an answer that begins so can be one of HTTP/1.
func mayBecomeHTTP(begin []byte) bool {
	n := min(len(begin), len(httpPrefix))
	return string(begin[:n]) == httpPrefix[:n]
}

// tlsAlert begins a TLS record with an alert (RFC 8446, sections 5.1 and B.1): a server that
// expected a ClientHello can send nothing else.
const tlsAlert = "\x15\x03"

func isTLS(begin []byte) bool { return len(begin) == len(tlsAlert) && mayBecomeTLS(begin) }

func mayBecomeTLS(begin []byte) bool {
	return len(begin) <= len(tlsAlert) && string(begin) == tlsAlert[:len(begin)]
}

// frameHeader is the size of the header of an HTTP/2 frame (RFC 9113, section 4.1): length (3),
// type (1), flags (1), stream (4).
const frameHeader = 9

func isHTTP2(begin []byte) bool { return len(begin) == frameHeader && mayBecomeHTTP2(begin) }

// mayBecomeHTTP2 reports whether an answer that begins so can be a frame SETTINGS, which a server
// sends first (RFC 9113, section 3.4), or a frame GOAWAY. Both belong to stream 0, and neither is
// longer than 255 bytes in practice.
func mayBecomeHTTP2(begin []byte) bool {
	const settings, goAway = 4, 7
	for i, b := range begin {
		switch i {
		case 2, 4: // the last byte of the length, and the flags
		case 3:
			if b != settings && b != goAway {
				return false
			}
		default:
			if b != 0 {
				return false
			}
		}
	}
	return len(begin) <= frameHeader
}
