package readiness

import (
	"bytes"
	"fmt"
	"time"

	"golang.org/x/sys/unix"
)

const (
	hostsPath  = "/etc/hosts"
	configPath = "/etc/resolv.conf"
	maxFile    = 256 << 10 // in bytes; the rest of a larger file is ignored
)

// files holds the content of /etc/hosts and /etc/resolv.conf. They are read at each attempt.
type files struct {
	hosts  []byte
	config []byte
	resolvConf
	err  error     // why the last update failed; the content is then that of an earlier update
	read time.Time // the time of the last update; zero for never
}

// update reads the files again, at most once in each iteration of the loop, and reports whether
// they have changed.
func (f *files) update(now time.Time) bool {
	if f.read.Equal(now) {
		return false
	}
	f.read = now
	hosts, err := readFile(hostsPath)
	config, configErr := readFile(configPath)
	if err == nil {
		err = configErr
	}
	if f.err = err; err != nil {
		return false
	}
	known := len(f.servers) > 0 // the files were read before: there is always a server
	if known && bytes.Equal(hosts, f.hosts) && bytes.Equal(config, f.config) {
		return false
	}
	f.hosts, f.config = hosts, config
	f.resolvConf = parseResolvConf(string(config), localDomain())
	return true
}

// readFile returns the content of a file; of a file that is too large, the lines that fit. A file
// that cannot be read counts as empty; resolv.conf(5) defines the defaults for that case. The error
// is not about the file but about a lack of resources. readFile never blocks, whatever kind of file
// it is.
func readFile(path string) ([]byte, error) {
	fd, err := unix.Open(path, unix.O_RDONLY|unix.O_CLOEXEC|unix.O_NONBLOCK|unix.O_NOCTTY, 0)
	switch err {
	case nil:
	case unix.EMFILE, unix.ENFILE, unix.ENOMEM:
		return nil, fmt.Errorf("%s: %w", path, err)
	default:
		return nil, nil
	}
	defer unix.Close(fd)
	buf := make([]byte, 4096)
	for size := 0; ; {
		n, err := unix.Read(fd, buf[size:])
		if err == unix.EINTR {
			continue
		}
		if n <= 0 || err != nil {
			return buf[:size], nil
		}
		switch size += n; {
		case size == maxFile:
			return buf[:bytes.LastIndexByte(buf, '\n')+1], nil
		case size == len(buf):
			buf = append(buf, make([]byte, min(len(buf), maxFile-len(buf)))...)
		}
	}
}

// localDomain returns the part of the host name after its first dot, or "".
func localDomain() string {
	var name unix.Utsname
	if unix.Uname(&name) != nil {
		return ""
	}
	_, domain, _ := bytes.Cut(name.Nodename[:bytes.IndexByte(name.Nodename[:], 0)], []byte("."))
	return string(domain)
}
