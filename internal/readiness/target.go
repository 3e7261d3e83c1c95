package readiness

import (
	"errors"
	"fmt"
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
	// Command is whether a command can follow the targets; for an error message.
	Command bool
}

// Parse reads one argument: a target, several targets separated by commas, or "env:NAME" for those
// that an environment variable holds. The error is a [cli.Exit] with status 2. It shows an argument
// only as [redact] does, and nothing of the value of a variable.
func (p *Parser) Parse(arg string) ([]Target, error) {
	if !hasScheme(arg, "env") {
		return p.parseList(arg, 0, func(_ int, text, why string) error {
			return cli.Usagef("target %s: %s", shown(text), why)
		})
	}
	wrong := func(why string) error { return cli.Usagef("target %s: %s", shown(arg), why) }
	_, name, _ := strings.Cut(arg, ":")
	if name == "" {
		return nil, wrong("needs the name of a variable, as in env:DATABASE_URL")
	}
	if strings.Contains(name, "://") {
		return nil, wrong("holds a URL, and not the name of a variable, as in env:DATABASE_URL")
	}
	value, set := os.LookupEnv(name)
	switch {
	case !set:
		return nil, wrong("the variable is not set")
	case strings.Trim(value, blanks) == "":
		return nil, wrong("the variable is empty")
	}
	var all []Target
	for word := range strings.FieldsFuncSeq(value, isBlank) {
		word = strings.Trim(word, ",") // "a:1, b:2"
		if word == "" {
			continue
		}
		targets, err := p.parseList(word, len(all), func(entry int, _, why string) error {
			return wrong(fmt.Sprintf("entry %d of the variable: %s", entry, why))
		})
		if err != nil {
			return nil, err
		}
		all = append(all, targets...)
	}
	if len(all) == 0 {
		return nil, wrong("the variable holds no target")
	}
	return all, nil
}

// shown returns an argument for an error: without what may be secret, shortened, and in quotation
// marks.
func shown(arg string) string {
	const most = 300 // bytes, which is more than a host name has
	text := redact(arg)
	if len(text) > most {
		text = strings.ToValidUTF8(text[:most], "") + "…"
	}
	return strconv.Quote(text)
}

const blanks = " \t\r\n"

func isBlank(r rune) bool { return strings.ContainsRune(blanks, r) }

// parseList reads targets that are separated by commas. before is how many targets precede them.
// wrong makes the error about an entry, which is counted from 1.
func (p *Parser) parseList(
	list string, before int, wrong func(entry int, text, why string) error,
) ([]Target, error) {
	var all []Target
	for rest, more := list, true; more; {
		var text string
		text, rest, more = cutTarget(rest)
		entry := before + len(all) + 1
		if text == "" && list != "" {
			return nil, wrong(entry, list, "has an empty entry before or after a comma")
		}
		targets, err := p.parseTarget(text)
		if err != nil {
			return nil, wrong(entry, text, err.Error())
		}
		all = append(all, targets...)
	}
	return all, nil
}

// cutTarget returns the first target of a list. A unix socket or a file takes the rest, because a
// path may contain commas.
func cutTarget(list string) (first, rest string, more bool) {
	switch {
	case hasScheme(list, "unix"), hasScheme(list, "file"), hasScheme(list, httpUnix):
		return list, "", false
	case isURL(list):
		return cutURL(list)
	}
	return strings.Cut(list, ",")
}

// hasTarget reports whether a part of a path between commas looks like a target of its own.
func hasTarget(path string) bool {
	for part := range strings.SplitSeq(path, ",") {
		if part == path || !strings.Contains(part, ":") {
			continue
		}
		if _, err := new(Parser).parseTarget(part); err == nil || isURL(part) {
			return true
		}
	}
	return false
}

// pathLast is the error about a target with a path that is not the last one of its list.
func pathLast(what string) error {
	return errors.New(what + " must be the last entry of a list, because its path may contain " +
		"commas: write what follows the comma as a separate argument")
}

// hasScheme reports whether a text begins with a scheme and a colon.
func hasScheme(text, scheme string) bool {
	before, _, ok := strings.Cut(text, ":")
	return ok && sameName(before, scheme)
}

// parseTarget reads one target, or the URL of several hosts.
func (p *Parser) parseTarget(text string) ([]Target, error) {
	_, after, _ := strings.Cut(text, ":")
	var t Target
	var err error
	switch {
	case hasScheme(text, "unix"):
		t, err = parsePath(text, after, p.Host, unixSocket)
	case hasScheme(text, "file"):
		t, err = parsePath(text, after, p.Host, regularFile)
	case hasScheme(text, "tcp"):
		t, err = p.parseTCP(text, strings.TrimPrefix(after, "//"), "tcp:host:80")
	case hasScheme(text, "udp"):
		err = errors.New(noUDP)
	case hasScheme(text, "env"):
		err = errors.New("a list cannot contain a variable: write it as a separate argument")
	case hasScheme(text, httpUnix):
		t, err = p.parseHTTPUnix(text, after)
	case isURL(text):
		return p.parseURL(text)
	default:
		t, err = p.parseTCP(text, text, "host:80")
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
		return Target{}, errors.New("is " + kind.what + ", to which --host does not apply")
	}
	path, slashes := strings.CutPrefix(path, "//")
	switch {
	case slashes && !strings.HasPrefix(path, "/") && (isFile || !isAbstract(path)):
		return Target{}, errors.New("needs an absolute path after " + kind.scheme + "://, as in " +
			kind.scheme + "://" + kind.like)
	case path == "":
		return Target{}, errors.New("needs a path, as in " + kind.scheme + ":" + kind.like)
	case path == "@" && !isFile:
		return Target{}, errors.New("needs a name after the @, as in unix:@app")
	case strings.Contains(path, "\x00"):
		return Target{}, errors.New("contains a NUL byte")
	}
	if hasTarget(path) {
		return Target{}, pathLast(kind.what)
	}
	return Target{Name: text, Path: path, File: isFile}, nil
}

// parseTCP reads a TCP port with or without a host. rest is the text after the scheme, and like is
// an example in the form that the user chose.
func (p *Parser) parseTCP(text, rest, like string) (Target, error) {
	name, port, err := p.splitPort(text, rest, like)
	if err != nil {
		return Target{}, err
	}
	host := p.Host
	number := parsePort(port)
	if number == 0 {
		return Target{}, errPort
	}
	t := Target{Name: text, Port: number}
	switch {
	case name != "" && host != "":
		return Target{}, hasOwnHost(host)
	case host != "":
		t.Host, err = stripBrackets(host, true)
		t.Name = hostPort(t.Host, port)
	case name == "":
		t.Host = "localhost"
	default:
		t.Host, err = stripBrackets(name, false)
	}
	return t, err
}

// errPort does not show the port, because it may be a part of a password.
var errPort = errors.New("the port is not a number from 1 to 65535")

func hasOwnHost(host string) error {
	return fmt.Errorf("has its own host, which conflicts with --host %q", host)
}

// splitPort splits HOST:PORT, :PORT or PORT. The port is not empty.
func (p *Parser) splitPort(text, rest, like string) (name, port string, err error) {
	_, noAddress := netip.ParseAddr(rest)
	path, _ := pathOf(rest)
	i := strings.LastIndexByte(rest, ':')
	switch {
	case text == "":
		return "", "", errors.New("is empty")
	case strings.HasPrefix(rest, "$"):
		return "", "", errors.New("is not expanded, because there is no shell: for a variable, " +
			"write env:NAME")
	case strings.Contains(rest, "@"):
		return "", "", errors.New("has a user, but no scheme: write a URL, as in postgres://USER@HOST")
	case strings.Contains(path, "="), strings.Contains(rest, ";"):
		return "", "", errors.New("is not a target: write " + like +
			", or a URL, as in postgres://HOST")
	case strings.HasPrefix(rest, "/") && rest == text:
		return "", "", errors.New("is a path: write file:PATH, or unix:PATH for a unix socket")
	case strings.Contains(rest, "/"):
		return "", "", slashError(rest, like)
	case noAddress == nil:
		return "", "", errors.New("is an address without a port, or needs brackets, as in [::1]:80")
	case rest == "", i < 0 && strings.Trim(rest, "+-0123456789") != "", i >= 0 && rest[i+1:] == "":
		return "", "", errors.New("needs a port, as in " + like + p.portHint(text, rest))
	}
	if i >= 0 {
		name = rest[:i]
	}
	return name, rest[i+1:], nil
}

// slashError is the error about a target that contains a slash.
func slashError(rest, like string) error {
	if sameName(rest[strings.LastIndexByte(rest, '/')+1:], "udp") {
		return errors.New(noUDP)
	}
	return errors.New("has a \"/\" after the port: write a URL, as in http://host:80/path, or " +
		"leave out the slash and what follows it, as in " + like)
}

// portHint is what a word without a port may mean.
func (p *Parser) portHint(text, rest string) string {
	_, isVariable := os.LookupEnv(rest)
	switch {
	case strings.Contains(rest, ":"):
		return ""
	case isVariable:
		return " (for the variable of that name, write env:NAME)"
	case p.Command && rest == text:
		return ` (a command comes after "--")`
	}
	return ""
}

// stripBrackets removes the brackets of an IPv6 address. Only the value of --host may be an IPv6
// address without brackets.
func stripBrackets(name string, optional bool) (string, error) {
	host := strings.TrimSuffix(strings.TrimPrefix(name, "["), "]")
	isIPv6 := strings.Contains(host, ":")
	switch brackets := host != name; {
	case brackets && name != "["+host+"]":
		return "", errors.New("needs a pair of brackets, as in [::1]:80")
	case brackets && !isIPv6:
		return "", errors.New("has brackets around something that is not an IPv6 address")
	case isIPv6 && !brackets && !optional:
		return "", errors.New("needs brackets around the IPv6 address, as in [::1]:80")
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
