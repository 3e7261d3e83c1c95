package options

// Init is a program that init can emulate: its command line, environment, messages and behaviour.
type Init uint8

// The programs.
const (
	Util Init = iota // init's own
	DumbInit
	Tini
	Catatonit
)

// Aliases are the names under which init is another init.
var Aliases = [...]string{
	"dumb-init", "tini", "tini-static", "docker-init", "catatonit", "podman-init",
}

// InitOf returns the program that goes with a name, or Util. The comparisons are code, because a
// table would cost a page fault.
func InitOf(name string) Init {
	if len(name) < len("tini") {
		return Util
	}
	if name == "docker-init" || name == "tini" || name == "tini-static" {
		return Tini
	}
	if name == "dumb-init" {
		return DumbInit
	}
	if name == "catatonit" || name == "podman-init" {
		return Catatonit
	}
	return Util
}
