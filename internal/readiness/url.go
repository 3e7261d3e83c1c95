package readiness

import (
	"encoding/base64"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"util/internal/cli"
	"util/internal/readiness/protocol"
)

// scheme is a scheme of URLs.
type scheme struct {
	name string
	port uint16 // the port of a URL without one
	// speak is the protocol of the server; nil if an accepted connection is enough.
	speak func() protocol.Protocol
}

// schemes are the schemes that URLs of services have in practice, apart from http. The ports are
// those of IANA's registry, or of the documentation of the service. Over the schemes that mean TLS
// nothing is spoken.
var schemes = [...]scheme{
	{"postgres", 5432, protocol.Postgres},
	{"postgresql", 5432, protocol.Postgres},
	{"postgis", 5432, protocol.Postgres},
	{"mysql", 3306, protocol.MySQL},
	{"mysql2", 3306, protocol.MySQL},
	{"mariadb", 3306, protocol.MySQL},
	{"redis", 6379, protocol.Redis},
	{"valkey", 6379, protocol.Redis},
	{"amqp", 5672, nil},
	{"amqps", 5671, nil},
	{"bolt", 7687, nil},
	{"cassandra", 9042, nil},
	{"clickhouse", 9000, nil},
	{"couchbase", 11210, nil},
	{"etcd", 2379, nil},
	{"ftp", 21, nil},
	{"imap", 143, nil},
	{"imaps", 993, nil},
	{"kafka", 9092, nil},
	{"ldap", 389, nil},
	{"ldaps", 636, nil},
	{"memcached", 11211, nil},
	{"memcache", 11211, nil},
	{"mongodb", 27017, nil},
	{"mqtt", 1883, nil},
	{"mqtts", 8883, nil},
	{"mssql", 1433, nil},
	{"nats", 4222, nil},
	{"neo4j", 7687, nil},
	{"oracle", 1521, nil},
	{"pulsar", 6650, nil},
	{"rediss", 6379, nil},
	{"smtp", 25, nil},
	{"smtps", 465, nil},
	{"sqlserver", 1433, nil},
	{"ssh", 22, nil},
	{"stomp", 61613, nil},
	{"submission", 587, nil},
	{"valkeys", 6379, nil},
	{"zookeeper", 2181, nil},
}

const httpUnix = "http+unix"

// isURL reports whether a text is a URL: a scheme (RFC 3986, section 3.1), a colon, two slashes.
// "jdbc:" may precede it.
func isURL(text string) bool { _, _, ok := splitURL(text); return ok }

// splitURL returns the scheme of a URL in lower case, and what follows the two slashes.
func splitURL(text string) (name, rest string, ok bool) {
	if hasScheme(text, "jdbc") {
		text = text[len("jdbc:"):]
	}
	i := strings.IndexByte(text[:min(len(text), maxScheme)], ':')
	if i <= 0 || !strings.HasPrefix(text[i:], "://") {
		return "", "", false
	}
	name = strings.ToLower(text[:i])
	return name, text[i+len("://"):], strings.TrimLeft(name, schemeLetters) == ""
}

// maxScheme is longer than any scheme. A long list is not searched as a whole for each of its
// entries.
const maxScheme = 64

const schemeLetters = "abcdefghijklmnopqrstuvwxyz0123456789+-."

// knownScheme returns a scheme. What follows a plus sign is the name of a driver, as in
// "postgresql+psycopg".
func knownScheme(name string) (scheme, bool) {
	base, _, _ := strings.Cut(name, "+")
	for _, s := range schemes {
		if s.name == base {
			return s, true
		}
	}
	return scheme{}, false
}

// cutAuthority splits what follows the two slashes of a URL: user and password, hosts, and the
// rest, which begins with one of /?#; or is empty. A password may contain commas.
func cutAuthority(rest string) (user, hosts, path string) {
	hosts = rest
	if i := strings.IndexAny(rest, "/?#;"); i >= 0 {
		hosts, path = rest[:i], rest[i:]
	}
	if i := strings.LastIndexByte(hosts, '@'); i >= 0 {
		user, hosts = hosts[:i], hosts[i+1:]
	}
	return user, hosts, path
}

// cutURL returns the first URL of a list. A comma ends a URL if a further URL follows it.
// Otherwise:
//
//   - between two hosts it ends the URL, unless a path or options follow the last host, as in
//     mongodb://a,b/data, which is one URL with two hosts;
//   - in a path it ends the URL, except over HTTP, where it is part of the path;
//   - in options it is part of them.
func cutURL(list string) (first, rest string, more bool) {
	name, after, _ := splitURL(list)
	start := len(list) - len(after)
	user, hosts, path := cutAuthority(after)
	hostsAt := start
	if strings.Contains(after[:len(after)-len(path)], "@") {
		hostsAt += len(user) + 1
	}
	pathAt := len(list) - len(path)
	comma := func(from int) (string, string, bool) {
		first, rest := list[:from], list[from+1:]
		if i := strings.LastIndexByte(first, ':'); strings.Contains(rest, "@") && i > start &&
			!strings.Contains(first, "@") && parsePort(first[i+1:]) == 0 {
			return list, "", false // the comma seems to be in a password
		}
		return first, rest, true
	}
	isHTTP := isHTTPName(name)
	endsInScheme := strings.HasSuffix(hosts, ":") && strings.HasPrefix(path, "//")
	if i := strings.IndexByte(hosts, ','); i >= 0 && (path == "" || isHTTP || endsInScheme) {
		return comma(hostsAt + i)
	}
	for i := pathAt; i < len(list); i++ {
		switch {
		case list[i] != ',':
		case !isHTTP && !strings.ContainsAny(list[pathAt:i], "?;"), beginsTarget(list[i+1:]):
			return comma(i)
		}
	}
	return list, "", false
}

// beginsTarget reports whether a text begins with a scheme, so that it is a target of its own.
func beginsTarget(text string) bool {
	text, _, _ = strings.Cut(text, ",")
	for _, name := range []string{"unix", "file", "tcp", "env", httpUnix} {
		if hasScheme(text, name) {
			return true
		}
	}
	return isURL(text)
}

// redact returns a text without what may be secret: of a URL, user, password and options; of
// anything else, what looks like a part of a URL or of a connection string.
func redact(text string) string {
	name, rest, ok := splitURL(text)
	switch {
	case hasScheme(text, "unix"), hasScheme(text, "file"):
		return withoutURLs(text)
	case hasScheme(text, httpUnix):
		return withoutURLs(withoutOptions(text))
	case !ok || name == "tcp" || name == "udp":
		shown := withoutOptions(text)
		if strings.Contains(shown, "=") || strings.Contains(text, ";") {
			return "…"
		}
		if i := strings.LastIndexByte(text, '@'); i >= 0 {
			shown = withoutOptions("…" + text[i:])
		}
		return shown
	case passwordIsCut(name, rest):
		return name + "://…"
	}
	_, hosts, path := cutAuthority(rest)
	if !isHTTPName(name) {
		path = ""
	}
	return name + "://" + hosts + withoutURLs(withoutOptions(path))
}

// withoutURLs cuts a path at a comma that a URL follows.
func withoutURLs(path string) string {
	for i := range len(path) {
		if path[i] == ',' && isURL(path[i+1:]) {
			return path[:i] + ",…"
		}
	}
	return path
}

func withoutOptions(path string) string {
	path, options := pathOf(path)
	if options {
		path += "?…"
	}
	return path
}

// passwordIsCut reports whether the authority of a URL seems to end within a password, which then
// contains one of /?#; and is followed by an @: what follows the colon is not a port, or the @ is
// in the path, where only that of HTTP can have one.
func passwordIsCut(name, rest string) bool {
	user, hosts, path := cutAuthority(rest)
	i := strings.LastIndexByte(hosts, ':')
	if user != "" || i < 0 || strings.HasSuffix(hosts, "]") || !strings.Contains(path, "@") ||
		isHTTPName(name) && strings.HasPrefix(rest, "unix:/") {
		return false
	}
	onlyPath, _ := pathOf(path)
	return parsePort(hosts[i+1:]) == 0 || !isHTTPName(name) && strings.Contains(onlyPath, "@")
}

func isHTTPName(name string) bool { return name == "http" || name == "https" }

// pathOf returns a path without its options, and whether it has any.
func pathOf(path string) (_ string, options bool) {
	if i := strings.IndexAny(path, "?#;"); i >= 0 {
		return path[:i], true
	}
	return path, false
}

// parseURL reads a URL, which may name several hosts. Its user, password and options are ignored,
// except over HTTP.
func (p *Parser) parseURL(text string) ([]Target, error) {
	name, rest, _ := splitURL(text)
	_, hosts, _ := cutAuthority(rest)
	switch {
	case p.Host != "":
		return nil, hasOwnHost(p.Host)
	case passwordIsCut(name, rest):
		return nil, errors.New(`has a "/", "?", "#", ";" or "," in the password: ` +
			"write it as %2F, %3F, %23, %3B or %2C")
	case name == "http":
		t, err := p.parseHTTP(text, rest)
		return []Target{t}, err
	case name == "https":
		return nil, errors.New("TLS is not supported: for the port alone write tcp://HOST:443, " +
			"or ask a port of the service that speaks http")
	case name == "mongodb+srv":
		return nil, errors.New("SRV records are not supported: name the hosts, as in " +
			"mongodb://a:27017,b:27017")
	}
	s, ok := knownScheme(name)
	if !ok {
		return nil, fmt.Errorf("scheme %q: unknown%s: for a TCP port write tcp://HOST:PORT",
			name, cli.DidYouMean(name, schemeNames()))
	}
	var all []Target
	for host := range strings.SplitSeq(allHosts(rest, hosts), ",") {
		t, err := urlTarget(host, s.port)
		if err != nil {
			return nil, err
		}
		t.Name = name + "://" + host
		if s.speak != nil {
			t.Protocol = s.speak()
		}
		all = append(all, t)
	}
	return all, nil
}

// allHosts returns the hosts of a URL. In the form user@a,user@b each has its own user.
func allHosts(rest, hosts string) string {
	user, _, path := cutAuthority(rest)
	if user == "" {
		return hosts
	}
	all := strings.Split(rest[:len(rest)-len(path)], ",")
	for i, part := range all {
		at := strings.LastIndexByte(part, '@')
		if at < 0 {
			return hosts // the comma is in the password
		}
		all[i] = part[at+1:]
	}
	return strings.Join(all, ",")
}

func schemeNames() []string {
	all := []string{"http", httpUnix, "tcp", "unix", "file", "env"}
	for _, s := range schemes {
		all = append(all, s.name)
	}
	return all
}

// urlTarget reads the host and port of a URL.
func urlTarget(host string, port uint16) (t Target, err error) {
	name, number := host, ""
	if i := strings.LastIndexByte(host, ':'); i >= 0 && !strings.HasSuffix(host, "]") {
		name, number = host[:i], host[i+1:]
		if number != "" { // without one, the colon means nothing (RFC 3986, section 3.2.3)
			port = parsePort(number)
		}
		if port == 0 {
			return t, errPort
		}
	}
	if name == "" {
		return t, errors.New("needs a host; for a unix socket write unix:PATH")
	}
	t.Port = port
	t.Host, err = stripBrackets(name, false)
	// In a URL, the percent sign before the interface is written as %25 (RFC 6874, section 2).
	t.Host = strings.Replace(t.Host, "%25", "%", 1)
	return t, err
}

// parseHTTP reads an http URL, or in the form of nginx a path on a unix socket: http://unix:PATH.
func (p *Parser) parseHTTP(text, rest string) (Target, error) {
	if path, ok := strings.CutPrefix(rest, "unix:"); ok && strings.HasPrefix(path, "/") {
		return p.parseHTTPUnix(text, path)
	}
	user, host, path := cutAuthority(rest)
	if strings.HasPrefix(path, ";") {
		return Target{}, errors.New(`has a ";" after the host`)
	}
	t, err := urlTarget(host, 80)
	if err != nil {
		return t, err
	}
	t.Name = redact(text)
	return p.speakHTTP(t, protocol.HostField(t.Host, t.Port), user, path)
}

// parseHTTPUnix reads a path on a unix socket: "SOCKET:/PATH", or only "SOCKET".
func (p *Parser) parseHTTPUnix(text, rest string) (Target, error) {
	socket, path := rest, "/"
	withoutQuery, _ := pathOf(rest)
	if hasTarget(withoutQuery) {
		return Target{}, pathLast("a URL with a path")
	}
	if i := strings.Index(withoutQuery, ":/"); i >= 0 {
		socket, path = rest[:i], rest[i+1:]
	}
	kind := pathKind{"a unix socket", httpUnix, "/run/app.sock:/"}
	t, err := parsePath(text, socket, p.Host, kind)
	if err != nil {
		return t, err
	}
	t.Name = withoutOptions(text)
	return p.speakHTTP(t, "localhost", "", path)
}

// speakHTTP completes a target that is asked for a path over HTTP. host is the value of the field
// Host.
func (p *Parser) speakHTTP(t Target, host, user, path string) (Target, error) {
	onlyPath, _ := pathOf(path)
	if hasTarget(onlyPath) {
		return t, pathLast("a URL with a path")
	}
	resource, err := protocol.ParsePath(path)
	if err != nil {
		return t, err
	}
	h := p.HTTP
	h.Host, h.Path = host, resource
	if !strings.Contains(user, ":") && user != "" {
		user += ":" // without a password (RFC 7617, section 2)
	}
	if user != "" && !h.HasField("Authorization") {
		credentials := base64.StdEncoding.EncodeToString([]byte(decodePercent(user)))
		h.Headers = append(append([]string{}, h.Headers...), "Authorization: Basic "+credentials)
	}
	if err := h.Check(); err != nil {
		return t, err
	}
	t.Protocol = h
	return t, nil
}

// decodePercent replaces each percent sign that two hexadecimal digits follow (RFC 3986, section
// 2.1).
func decodePercent(text string) string {
	var out []byte
	for i := 0; i < len(text); i++ {
		if text[i] == '%' && i+2 < len(text) {
			if c, err := strconv.ParseUint(text[i+1:i+3], 16, 8); err == nil {
				out = append(out, byte(c))
				i += 2
				continue
			}
		}
		out = append(out, text[i])
	}
	return string(out)
}
