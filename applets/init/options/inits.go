package options

import "util/internal/ascii"

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
// table would cost a page fault. They are in parts of at most six letters (package entry).
func InitOf(name string) Init {
	first, second, two := ascii.Cut(name, '-')
	switch {
	case !two:
		if name == "tini" {
			return Tini
		}
		if len(name) > 6 && name[:6] == "catato" && name[6:] == "nit" {
			return Catatonit
		}
	case second == "init":
		if first == "docker" {
			return Tini
		}
		if first == "dumb" {
			return DumbInit
		}
		if first == "podman" {
			return Catatonit
		}
	case first == "tini" && second == "static":
		return Tini
	}
	return Util
}
