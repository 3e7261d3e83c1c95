package readiness

import (
	"net/netip"
	"os"
	"strconv"
	"strings"

	"util/internal/cli"
	"util/internal/readiness/protocol"
)

// Target is one thing to wait for: a TCP port of a host, a unix socket, or a file.
type Target struct {
	Name string // as the user wrote it, but of a URL only what cannot be secret
	Host string // a name or an IP address, without brackets
	Port uint16
	Path string // of the unix socket or the file; "" for TCP
	File bool   // Path is a file, which only has to exist
	// Protocol is what is spoken with the server. If it is nil, an accepted connection is enough.
	Protocol protocol.Protocol
}

func (t *Target) isTCP() bool { return t.Path == "" }

// Parser reads targets.
type Parser struct {
	Host string        // of a target that is only a port; "" stands for localhost
	HTTP protocol.HTTP // the fields and statuses of targets that are asked over HTTP
}

// Parse reads one argument: a target, several targets separated by commas, or "env:NAME" for those
// that an environment variable holds. The error is a [cli.Exit] with status 2.
func (r *Parser) Parse(arg string) ([]Target, error) {
	if !hasScheme(arg, "env") {
		return r.parseList(arg)
	}
	_, name, _ := strings.Cut(arg, ":")
	if name == "" {
		return nil, targetError(arg, "needs the name of a variable, as in env:DATABASE_URL")
	}
	value, set := os.LookupEnv(name)
	switch {
	case !set:
		return nil, targetError(arg, "the variable is not set")
	case strings.Trim(value, blanks) == "":
		return nil, targetError(arg, "the variable is empty")
	}
	var all []Target
	for word := range strings.FieldsFuncSeq(value, isBlank) {
		word = strings.Trim(word, ",") // "a:1, b:2"
		if word == "" {
			continue
		}
		targets, err := r.parseList(word)
		if err != nil {
			return nil, cli.Usagef("target %q: %w", arg, err)
		}
		all = append(all, targets...)
	}
	if len(all) == 0 {
		return nil, targetError(arg, "the variable holds no target")
	}
	return all, nil
}

const blanks = " \t\r\n"

func isBlank(r rune) bool { return strings.ContainsRune(blanks, r) }

// parseList reads targets that are separated by commas. A unix socket or a file takes the rest of
// the text, because a path may contain commas.
func (r *Parser) parseList(arg string) ([]Target, error) {
	var all []Target
	for rest, more := arg, true; more; {
		var text string
		text, rest, more = cutTarget(rest)
		if text == "" && text != arg {
			return nil, targetError(arg, "has an empty entry before or after a comma")
		}
		targets, err := r.parseTarget(text)
		if err != nil {
			return nil, err
		}
		all = append(all, targets...)
	}
	return all, nil
}

// cutTarget returns the first target of a list.
func cutTarget(list string) (first, rest string, more bool) {
	switch {
	case hasScheme(list, "unix"), hasScheme(list, "file"), hasScheme(list, httpUnix):
		return list, "", false
	case isURL(list):
		return cutURL(list)
	}
	return strings.Cut(list, ",")
}

// targetInPath returns the first part of a path between commas that looks like a target of its own,
// or "".
func targetInPath(path string) string {
	for part := range strings.SplitSeq(path, ",") {
		if part == path || !strings.Contains(part, ":") {
			continue
		}
		if _, err := (&Parser{}).parseTarget(part); err == nil {
			return part
		}
	}
	return ""
}

// pathLast is the error about a target with a path that is not the last one of its list.
func pathLast(text, what, next string) error {
	return targetError(text, what+" must be the last entry of a list, because its path may contain "+
		"commas: write "+strconv.Quote(next)+" as a separate argument")
}

// hasScheme reports whether a text begins with a scheme and a colon.
func hasScheme(text, scheme string) bool {
	before, _, ok := strings.Cut(text, ":")
	return ok && sameName(before, scheme)
}

// targetError returns an error about a target. What may be secret in a URL is not shown.
func targetError(text, why string) error { return cli.Usagef("target %q: %s", redact(text), why) }

// parseTarget reads one target, or the URL of several hosts.
func (r *Parser) parseTarget(text string) ([]Target, error) {
	_, after, _ := strings.Cut(text, ":")
	var t Target
	var err error
	switch {
	case hasScheme(text, "unix"):
		t, err = parsePath(text, after, r.Host, unixSocket)
	case hasScheme(text, "file"):
		t, err = parsePath(text, after, r.Host, regularFile)
	case hasScheme(text, "tcp"):
		t, err = parseTCP(text, strings.TrimPrefix(after, "//"), "tcp:host:80", r.Host)
	case hasScheme(text, "udp"):
		err = targetError(text, noUDP)
	case hasScheme(text, "env"):
		err = targetError(text, "a list cannot contain a variable: write it as a separate argument")
	case hasScheme(text, httpUnix):
		t, err = r.parseHTTPUnix(text, after)
	case isURL(text):
		return r.parseURL(text)
	default:
		t, err = parseTCP(text, text, "host:80", r.Host)
	}
	return []Target{t}, err
}

const noUDP = "UDP has no connections, so an open port cannot be detected: " +
	"wait for a TCP port of the service, or use the client of the service"

// pathKind is what a path can name.
type pathKind struct{ what, scheme, like string }

var (
	unixSocket  = pathKind{"a unix socket", "unix", "/run/app.sock"}
	regularFile = pathKind{"a file", "file", "/run/ready"}
)

// parsePath reads a unix socket or a file. path is the text after the scheme.
func parsePath(text, path, host string, kind pathKind) (Target, error) {
	isFile := kind == regularFile
	if host != "" {
		return Target{}, targetError(text, "is "+kind.what+", to which --host does not apply")
	}
	path, slashes := strings.CutPrefix(path, "//")
	switch {
	case slashes && !strings.HasPrefix(path, "/") && (isFile || !isAbstract(path)):
		return Target{}, targetError(text, "needs an absolute path after "+kind.scheme+"://, as in "+
			kind.scheme+"://"+kind.like)
	case path == "":
		return Target{}, targetError(text, "needs a path, as in "+kind.scheme+":"+kind.like)
	case path == "@" && !isFile:
		return Target{}, targetError(text, "needs a name after the @, as in unix:@app")
	case strings.Contains(path, "\x00"):
		return Target{}, targetError(text, "contains a NUL byte")
	}
	if next := targetInPath(path); next != "" {
		return Target{}, pathLast(text, kind.what, next)
	}
	return Target{Name: text, Path: path, File: isFile}, nil
}

// parseTCP reads a TCP port with or without a host. rest is the text after the scheme, and like is
// an example in the form that the user chose.
func parseTCP(text, rest, like, host string) (Target, error) {
	name, port, err := splitPort(text, rest, like)
	if err != nil {
		return Target{}, err
	}
	number := parsePort(port)
	if number == 0 {
		return Target{}, portError(text, port)
	}
	t := Target{Name: text, Port: number}
	switch {
	case name != "" && host != "":
		return Target{}, hasOwnHost(text, host)
	case host != "":
		t.Host, err = stripBrackets(text, host, true)
		t.Name = hostPort(t.Host, port)
	case name == "":
		t.Host = "localhost"
	default:
		t.Host, err = stripBrackets(text, name, false)
	}
	return t, err
}

func portError(text, port string) error {
	return targetError(text, "port "+strconv.Quote(port)+": is not a number from 1 to 65535")
}

func hasOwnHost(text, host string) error {
	return targetError(text, "has its own host, which conflicts with --host "+strconv.Quote(host))
}

// splitPort splits HOST:PORT, :PORT or PORT. The port is not empty unless text is.
func splitPort(text, rest, like string) (name, port string, err error) {
	if i := strings.LastIndexByte(rest, '/'); i >= 0 {
		if sameName(rest[i+1:], "udp") {
			return "", "", targetError(text, noUDP)
		}
		return "", "", targetError(text, "has a \"/\" after the port: "+
			"leave out the slash and what follows it, as in "+like)
	}
	if _, err := netip.ParseAddr(rest); err == nil {
		return "", "", targetError(text,
			"is an address without a port, or needs brackets, as in [::1]:80")
	}
	i := strings.LastIndexByte(rest, ':')
	if i < 0 && strings.Trim(rest, "+-0123456789") != "" { // a host without a port
		if rest == text {
			like += ` (a command comes after "--")`
		}
		return "", "", targetError(text, "needs a port, as in "+like)
	}
	if i >= 0 {
		name = rest[:i]
	}
	port = rest[i+1:]
	if port == "" && text != "" {
		return "", "", targetError(text, "needs a port, as in "+like)
	}
	return name, port, nil
}

// stripBrackets removes the brackets of an IPv6 address. Only the value of --host may be an IPv6
// address without brackets.
func stripBrackets(text, name string, optional bool) (string, error) {
	host := strings.TrimSuffix(strings.TrimPrefix(name, "["), "]")
	isIPv6 := strings.Contains(host, ":")
	switch brackets := host != name; {
	case brackets && name != "["+host+"]":
		return "", targetError(text, "needs a pair of brackets, as in [::1]:80")
	case brackets && !isIPv6:
		return "", targetError(text, "has brackets around something that is not an IPv6 address")
	case isIPv6 && !brackets && !optional:
		return "", targetError(text, "needs brackets around the IPv6 address, as in [::1]:80")
	}
	return host, nil
}

// parsePort returns a port number, or 0 if the text is not one.
func parsePort(text string) uint16 {
	n, err := strconv.ParseUint(text, 10, 16)
	if err != nil {
		return 0
	}
	return uint16(n)
}

// hostPort joins a host and a port, with brackets around an IPv6 address.
func hostPort(host, port string) string {
	if strings.Contains(host, ":") {
		host = "[" + host + "]"
	}
	return host + ":" + port
}
