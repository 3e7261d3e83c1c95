package waitfor

import (
	"net/netip"
	"strconv"
	"strings"

	"util/internal/cli"
)

// Target is one thing to wait for: a TCP port of a host, or a unix socket.
type Target struct {
	Name string // as the user wrote it
	Host string // a name or an IP address, without brackets
	Port uint16
	Path string // of the unix socket; "" for TCP
}

// parseTargets reads one argument: a target, or several targets separated by commas. A unix socket
// takes the rest of the argument, because a path may contain commas.
func parseTargets(arg, host string) ([]Target, error) {
	var all []Target
	for rest, more := arg, true; more; {
		text := rest
		if hasScheme(rest, "unix") {
			more = false
		} else {
			text, rest, more = strings.Cut(rest, ",")
		}
		if text == "" && text != arg {
			return nil, targetError(arg, "has an empty entry before or after a comma")
		}
		t, err := parseTarget(text, host)
		if err != nil {
			return nil, err
		}
		if next := targetInPath(t.Path); next != "" {
			return nil, targetError(arg, "a unix socket must be the last entry of a list, because "+
				"its path may contain commas: write "+strconv.Quote(next)+" as a separate argument")
		}
		all = append(all, t)
	}
	return all, nil
}

// targetInPath returns the first part of a path between commas that looks like a target of its own,
// or "".
func targetInPath(path string) string {
	for part := range strings.SplitSeq(path, ",") {
		_, err := parseTarget(part, "")
		if err == nil && strings.Contains(part, ":") && part != path {
			return part
		}
	}
	return ""
}

// hasScheme reports whether a text begins with a scheme and a colon.
func hasScheme(text, scheme string) bool {
	before, _, ok := strings.Cut(text, ":")
	return ok && sameName(before, scheme)
}

func targetError(text, why string) error { return cli.Usagef("target %q: %s", text, why) }

// parseTarget reads one target. host is the host of a target that is only a port; "" stands for
// localhost.
func parseTarget(text, host string) (Target, error) {
	_, after, _ := strings.Cut(text, ":")
	switch {
	case hasScheme(text, "unix"):
		return parseUnix(text, after, host)
	case hasScheme(text, "tcp"):
		return parseTCP(text, strings.TrimPrefix(after, "//"), "tcp:host:80", host)
	case hasScheme(text, "udp"):
		return Target{}, targetError(text, noUDP)
	case strings.HasPrefix(after, "//"):
		return Target{}, targetError(text, "only tcp:// and unix:// are supported: "+
			"leave out the scheme and the path, as in db:5432")
	}
	return parseTCP(text, text, "host:80", host)
}

const noUDP = "UDP has no connections, so an open port cannot be detected: " +
	"wait for a TCP port of the service, or use the client of the service"

// parseUnix reads a unix socket. path is the text after "unix:".
func parseUnix(text, path, host string) (Target, error) {
	if host != "" {
		return Target{}, targetError(text, "is a unix socket, to which --host does not apply")
	}
	path, slashes := strings.CutPrefix(path, "//")
	switch {
	case slashes && !strings.HasPrefix(path, "/") && !isAbstract(path):
		return Target{}, targetError(text,
			"needs an absolute path after unix://, as in unix:///run/app.sock")
	case path == "":
		return Target{}, targetError(text, "needs a path, as in unix:/run/app.sock")
	case path == "@":
		return Target{}, targetError(text, "needs a name after the @, as in unix:@app")
	case strings.Contains(path, "\x00"):
		return Target{}, targetError(text, "contains a NUL byte")
	}
	return Target{Name: text, Path: path}, nil
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
		return Target{}, cli.Usagef("target %q: port %q: is not a number from 1 to 65535",
			text, port)
	}
	t := Target{Name: text, Port: number}
	switch {
	case name != "" && host != "":
		return Target{}, targetError(text,
			"has its own host, which conflicts with --host "+strconv.Quote(host))
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
