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

// parseTarget reads a target. host is that of a target that is only a port; with "" it is localhost.
func parseTarget(text, host string) (Target, error) {
	bad := func(why string) (Target, error) { return Target{}, cli.Usagef("target %q: %s", text, why) }
	rest := text // what is left to read
	scheme, after, ok := strings.Cut(text, ":")
	switch strings.ToLower(scheme) {
	case "unix":
		if !ok {
			break
		}
		if host != "" {
			return bad("is a unix socket, which has no --host")
		}
		path := after
		if strings.HasPrefix(after, "//") {
			if path = after[2:]; !strings.HasPrefix(path, "/") {
				return bad("needs an absolute path behind unix://, as in unix:///run/app.sock")
			}
		}
		if path == "" {
			return bad("has no path, as in unix:/run/app.sock")
		}
		return Target{Name: text, Path: path}, nil
	case "tcp":
		if strings.HasPrefix(after, "//") {
			rest = after[2:]
		}
	case "udp":
		if strings.HasPrefix(after, "//") {
			return bad(noUDP)
		}
	default:
		if strings.HasPrefix(after, "//") {
			return bad("only tcp:// and unix:// are known: leave out the scheme and the path, as in db:5432")
		}
	}
	if strings.HasSuffix(rest, "/udp") {
		return bad(noUDP)
	}
	name, port := "", rest
	if i := strings.LastIndexByte(rest, ':'); i >= 0 {
		name, port = rest[:i], rest[i+1:]
	}
	if _, err := netip.ParseAddr(rest); err == nil {
		return bad("is an address without a port, or needs brackets, as in [::1]:80")
	}
	if name == "" && port == rest && strings.Trim(port, "0123456789") != "" && strings.Trim(port, "+-0123456789") != "" {
		return bad("has no port, as in host:80 (a command stands behind \"--\")")
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
