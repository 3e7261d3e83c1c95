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
	Path string // of the unix socket; "" is TCP
}

// parseTargets reads a word of the command line: a target, or several with commas between them. A unix socket takes all of
// the word behind it, because a path can have commas.
func parseTargets(word, host string) ([]Target, error) {
	var all []Target
	for rest, more := word, true; more; {
		text := rest
		if !hasScheme(rest, "unix") {
			text, rest, more = strings.Cut(rest, ",")
		} else {
			more = false
		}
		if text == "" && text != word {
			return nil, cli.Usagef("target %q: has nothing on one side of a comma", word)
		}
		t, err := parseTarget(text, host)
		if err != nil {
			return nil, err
		}
		for part := range strings.SplitSeq(t.Path, ",") {
			if _, err := parseTarget(part, ""); err == nil && strings.Contains(part, ":") && part != t.Path {
				return nil, cli.Usagef("target %q: a list ends with a unix socket, whose path can have commas: write %q as a word of its own", word, part)
			}
		}
		all = append(all, t)
	}
	return all, nil
}

// hasScheme reports whether a text begins with a scheme and a colon.
func hasScheme(text, scheme string) bool {
	before, _, ok := strings.Cut(text, ":")
	return ok && sameName(before, scheme)
}

// parseTarget reads a target. host is that of a target that is only a port; with "" it is localhost.
func parseTarget(text, host string) (Target, error) {
	bad := func(why string) (Target, error) { return Target{}, cli.Usagef("target %q: %s", text, why) }
	rest, like := text, "host:80" // what is left to read; how it could look
	_, after, _ := strings.Cut(text, ":")
	switch {
	case hasScheme(text, "unix"):
		if host != "" {
			return bad("is a unix socket, which has no --host")
		}
		path := after
		if strings.HasPrefix(after, "//") {
			if path = after[2:]; !strings.HasPrefix(path, "/") && !isAbstract(path) {
				return bad("needs an absolute path behind unix://, as in unix:///run/app.sock")
			}
		}
		switch {
		case path == "":
			return bad("has no path, as in unix:/run/app.sock")
		case path == "@":
			return bad("has no name behind the @, as in unix:@app")
		case strings.Contains(path, "\x00"):
			return bad("has a NUL in its path")
		}
		return Target{Name: text, Path: path}, nil
	case hasScheme(text, "tcp"):
		rest, like = strings.TrimPrefix(after, "//"), "tcp:host:80"
	case hasScheme(text, "udp"):
		return bad(noUDP)
	case strings.HasPrefix(after, "//"):
		return bad("only tcp:// and unix:// are known: leave out the scheme and the path, as in db:5432")
	}
	switch protocol := rest[strings.LastIndexByte(rest, '/')+1:]; {
	case sameName(protocol, "udp") && protocol != rest:
		return bad(noUDP)
	case protocol != rest:
		return bad("has a \"/\" behind the port: leave out what begins there, as in " + like)
	}
	name, port := "", rest
	if i := strings.LastIndexByte(rest, ':'); i >= 0 {
		name, port = rest[:i], rest[i+1:]
	}
	if _, err := netip.ParseAddr(rest); err == nil {
		return bad("is an address without a port, or needs brackets, as in [::1]:80")
	}
	if name == "" && port == rest && strings.Trim(port, "0123456789") != "" && strings.Trim(port, "+-0123456789") != "" {
		if like == "host:80" {
			like += " (a command stands behind \"--\")"
		}
		return bad("has no port, as in " + like)
	}
	if port == "" && text != "" {
		return bad("has no port, as in " + like)
	}
	number := parsePort(port)
	if number == 0 {
		return Target{}, cli.Usagef("target %q: port %q: is not a number from 1 to 65535", text, port)
	}
	switch {
	case name != "" && host != "":
		return bad("has a host of its own, but --host says " + strconv.Quote(host))
	case name == "" && host != "":
		name = host
	case name == "":
		name = "localhost"
	}
	t := Target{Name: text, Host: strings.TrimSuffix(strings.TrimPrefix(name, "["), "]"), Port: number}
	switch brackets := t.Host != name; {
	case brackets && name != "["+t.Host+"]":
		return bad("has only one of the two brackets, as in [::1]:80")
	case brackets && !strings.Contains(t.Host, ":"):
		return bad("has brackets around what is no IPv6 address")
	case strings.Contains(t.Host, ":") && !brackets && host == "":
		return bad("an IPv6 address needs brackets, as in [::1]:80")
	}
	if host != "" {
		t.Name = hostPort(t.Host, port)
	}
	return t, nil
}

// parsePort returns a port number, or 0 for what is none.
func parsePort(text string) uint16 {
	n, err := strconv.ParseUint(text, 10, 16)
	if err != nil {
		return 0
	}
	return uint16(n)
}

const noUDP = "UDP has no connections, so without a reply nobody can see whether a port is open: wait for a TCP port of the service, or let its own client ask"

// hostPort writes a host and a port, with brackets around an IPv6 address.
func hostPort(host, port string) string {
	if strings.Contains(host, ":") {
		host = "[" + host + "]"
	}
	return host + ":" + port
}
