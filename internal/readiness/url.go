package readiness

import (
	"encoding/base64"
	"strconv"
	"strings"

	"util/internal/ascii"
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
	name, rest, ok = strings.Cut(text, "://")
	if !ok || name == "" || strings.TrimLeft(strings.ToLower(name), schemeLetters) != "" {
		return "", "", false
	}
	return strings.ToLower(name), rest, true
}

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
		return list[:from], list[from+1:], true
	}
	isHTTP := name == "http" || name == "https"
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

// redact returns a text without what may be secret in a URL: user, password and options.
func redact(text string) string {
	name, rest, ok := splitURL(text)
	switch {
	case hasScheme(text, "unix"), hasScheme(text, "file"):
		return text
	case hasScheme(text, httpUnix):
		return withoutOptions(text)
	case !ok || name == "tcp" || name == "udp":
		if i := strings.LastIndexByte(text, '@'); i >= 0 {
			text = "…" + text[i:]
		}
		return text
	}
	_, hosts, path := cutAuthority(rest)
	if passwordIsCut(name, hosts, path) {
		return name + "://…"
	}
	if !isHTTPName(name) {
		path = ""
	}
	return name + "://" + hosts + withoutOptions(path)
}

func withoutOptions(path string) string {
	path, options := pathOf(path)
	if options {
		path += "?…"
	}
	return path
}

// passwordIsCut reports whether the authority of a URL seems to have been cut in a password: it
// contains one of /?#; and the @ comes later. Over HTTP, a path can contain an @ too.
func passwordIsCut(name, hosts, path string) bool {
	if !strings.Contains(path, "@") {
		return false
	}
	i := strings.LastIndexByte(hosts, ':')
	return !isHTTPName(name) || i >= 0 && !strings.HasSuffix(hosts, "]") && parsePort(hosts[i+1:]) == 0
}

func isHTTPName(name string) bool { return name == "http" || name == "https" }

// pathOf returns a path without its options, and whether it has any.
func pathOf(path string) (_ string, options bool) {
	if i := strings.IndexAny(path, "?#"); i >= 0 {
		return path[:i], true
	}
	return path, false
}

// parseURL reads a URL, which may name several hosts. Its user, password and options are ignored,
// except over HTTP.
func (r *Parser) parseURL(text string) ([]Target, error) {
	name, rest, _ := splitURL(text)
	if r.Host != "" {
		return nil, hasOwnHost(text, r.Host)
	}
	_, hosts, path := cutAuthority(rest)
	if passwordIsCut(name, hosts, path) {
		return nil, targetError(text, `has a "/", "?", "#" or ";" in the password: `+
			"write it as %2F, %3F, %23 or %3B")
	}
	switch name {
	case "http":
		t, err := r.parseHTTP(text, rest)
		return []Target{t}, err
	case "https":
		return nil, targetError(text, "TLS is not supported: wait for the port, as in "+
			"tcp://HOST:443, or ask a port of the service that speaks http")
	case "mongodb+srv":
		return nil, targetError(text, "SRV records are not supported: name the hosts, as in "+
			"mongodb://a:27017,b:27017")
	}
	s, ok := knownScheme(name)
	if !ok {
		return nil, cli.Usagef("target %q: scheme %q: unknown%s: for a TCP port write tcp://HOST:PORT",
			redact(text), name, cli.DidYouMean(name, schemeNames()))
	}
	var all []Target
	for host := range strings.SplitSeq(hosts, ",") {
		t, err := urlTarget(text, host, s.port)
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

func schemeNames() []string {
	all := []string{"http", httpUnix, "tcp", "unix", "file", "env"}
	for _, s := range schemes {
		all = append(all, s.name)
	}
	return all
}

// urlTarget reads the host and port of a URL.
func urlTarget(text, host string, port uint16) (t Target, err error) {
	if host == "" {
		return t, targetError(text, "needs a host")
	}
	name, number := host, ""
	if i := strings.LastIndexByte(host, ':'); i >= 0 && !strings.HasSuffix(host, "]") {
		name, number = host[:i], host[i+1:]
		if port = parsePort(number); port == 0 {
			return t, portError(text, number)
		}
	}
	if name == "" {
		return t, targetError(text, "needs a host")
	}
	t.Port = port
	t.Host, err = stripBrackets(text, name, false)
	// In a URL, the percent sign before the interface is written as %25 (RFC 6874, section 2).
	t.Host = strings.Replace(t.Host, "%25", "%", 1)
	return t, err
}

// parseHTTP reads an http URL, or in the form of nginx a path on a unix socket: http://unix:PATH.
func (r *Parser) parseHTTP(text, rest string) (Target, error) {
	if path, ok := strings.CutPrefix(rest, "unix:"); ok && strings.HasPrefix(path, "/") {
		return r.parseHTTPUnix(text, path)
	}
	user, host, path := cutAuthority(rest)
	if strings.HasPrefix(path, ";") {
		return Target{}, targetError(text, `has a ";" after the host`)
	}
	t, err := urlTarget(text, host, 80)
	if err != nil {
		return t, err
	}
	t.Name = redact(text)
	return r.speakHTTP(t, text, protocol.HostField(t.Host, t.Port), user, path)
}

// parseHTTPUnix reads a path on a unix socket: "SOCKET:/PATH", or only "SOCKET".
func (r *Parser) parseHTTPUnix(text, rest string) (Target, error) {
	socket, path := rest, "/"
	if i := strings.LastIndex(rest, ":/"); i >= 0 {
		socket, path = rest[:i], rest[i+1:]
	}
	t, err := parsePath(text, socket, r.Host, pathKind{"a unix socket", httpUnix, "/run/app.sock:/"})
	if err != nil {
		return t, err
	}
	t.Name = withoutOptions(text)
	return r.speakHTTP(t, text, "localhost", "", path)
}

// speakHTTP completes a target that is asked for a path over HTTP. host is the value of the field
// Host.
func (r *Parser) speakHTTP(t Target, text, host, user, path string) (Target, error) {
	onlyPath, _ := pathOf(path)
	if next := targetInPath(onlyPath); next != "" {
		return t, pathLast(text, "a URL with a path", next)
	}
	resource, err := protocol.ParsePath(path)
	if err != nil {
		return t, cli.Usagef("target %q: %w", redact(text), err)
	}
	h := r.HTTP
	h.Host, h.Path = host, resource
	if user != "" && !hasField(h.Headers, "Authorization") {
		credentials := base64.StdEncoding.EncodeToString([]byte(decodePercent(user)))
		h.Headers = append(append([]string{}, h.Headers...), "Authorization: Basic "+credentials)
	}
	if err := h.Check(); err != nil {
		return t, cli.Usagef("target %q: %w", redact(text), err)
	}
	t.Protocol = h
	return t, nil
}

// hasField reports whether a list of fields "Name: value" contains one of that name.
func hasField(fields []string, name string) bool {
	for _, field := range fields {
		if n, _, _ := strings.Cut(field, ":"); ascii.EqualFold(n, name) {
			return true
		}
	}
	return false
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
