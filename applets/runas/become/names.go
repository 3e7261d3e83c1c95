package become

import "util/internal/ascii"

// Users returns the names in /etc/passwd. It is for completion, and needs the Go runtime.
func Users() []string { return names(passwdPath) }

// Groups returns the names in /etc/group.
func Groups() []string { return names(groupPath) }

// names returns the first fields of a file, each once.
func names(path string) (all []string) {
	text, _, _ := load(path)
	seen := map[string]bool{}
	for s := (entries{rest: text}); ; {
		entry, ok := s.next()
		if !ok {
			return all
		}
		if name, _, _ := ascii.Cut(entry, ':'); name != "" && !seen[name] {
			seen[name] = true
			all = append(all, name)
		}
	}
}
