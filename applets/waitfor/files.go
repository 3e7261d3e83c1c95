package waitfor

import (
	"bytes"
	"time"

	"golang.org/x/sys/unix"
)

const (
	hostsPath  = "/etc/hosts"
	configPath = "/etc/resolv.conf"
	maxFile    = 256 << 10 // of each file, in bytes; what is behind that is not read
)

// files is what /etc/hosts and /etc/resolv.conf say. They are read at each attempt.
type files struct {
	hosts  []byte
	config []byte
	resolvConf
	read time.Time // when they were read; zero is never
}

// update reads the files anew, at most once in a turn of the loop, and reports whether they have changed.
func (f *files) update(now time.Time) bool {
	if f.read.Equal(now) {
		return false
	}
	first := f.read.IsZero()
	f.read = now
	hosts, config := readFile(hostsPath), readFile(configPath)
	if !first && bytes.Equal(hosts, f.hosts) && bytes.Equal(config, f.config) {
		return false
	}
	f.hosts, f.config = hosts, config
	f.resolvConf = parseResolvConf(string(config), localDomain())
	return true
}

// readFile returns a file, up to its last whole line if it is too large. One that cannot be read is empty: resolv.conf(5)
// says what holds then. It never waits, whatever the file is.
func readFile(path string) []byte {
	fd, err := unix.Open(path, unix.O_RDONLY|unix.O_CLOEXEC|unix.O_NONBLOCK|unix.O_NOCTTY, 0)
	if err != nil {
		return nil
	}
	defer unix.Close(fd)
	buf := make([]byte, 4096)
	for size := 0; ; {
		n, err := unix.Read(fd, buf[size:])
		if err == unix.EINTR {
			continue
		}
		if n <= 0 || err != nil {
			return buf[:size]
		}
		switch size += n; {
		case size == maxFile:
			return buf[:bytes.LastIndexByte(buf, '\n')+1]
		case size == len(buf):
			buf = append(buf, make([]byte, min(len(buf), maxFile-len(buf)))...)
		}
	}
}

// localDomain returns what of the host name stands behind its first dot, or "".
func localDomain() string {
	var name unix.Utsname
	if unix.Uname(&name) != nil {
		return ""
	}
	_, domain, _ := bytes.Cut(name.Nodename[:bytes.IndexByte(name.Nodename[:], 0)], []byte("."))
	return string(domain)
}
