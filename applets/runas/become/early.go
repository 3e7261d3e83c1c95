package become

import (
	"unsafe"

	"util/internal/ascii"
	"util/internal/proc"
	"util/internal/sig"
	"util/internal/sys"
)

// Outcome is what [Run] has done.
type Outcome struct {
	Done    bool    // the command line was plain
	Problem Problem // why the command was not executed; None if that was the exec
	Home    string
	Options Options
	Name    string    // the command
	Errno   sys.Errno // why the exec failed
	Found   bool      // there was a file to execute
}

// Early is the outcome of Run, for package runas: the process has changed its user already, or has
// met a problem that needs words.
var Early Outcome

// Run carries out a plain command line and does not return. argv are the words after the name of
// the program, env is the environment, whose end is a NULL, and mask is the signal mask that it was
// started with.
//
// If the command line is not plain, which is so if there is an error in it, Run returns without
// having done anything. If the command cannot be executed, it returns with Early set.
func Run(argv, env []*byte, mask sig.Set) {
	o := &Early.Options
	n, ok := o.parse(argv)
	if !ok {
		return
	}
	o.Secure = isSecure(env)
	Early.Home, Early.Problem = Become(o)
	Early.Done = true
	if Early.Problem.Reason == None {
		execute(argv[n:], env, mask)
	}
}

// parse reads a plain command line, by the same rules as package runas. It returns the index of the
// command.
func (o *Options) parse(argv []*byte) (command int, ok bool) {
	i := 0
	for ; i < len(argv); i++ {
		word := sys.String(argv[i])
		switch {
		case word == "--no-new-privs":
			o.NoNewPrivs = true
			continue
		case word == "--keep-groups":
			o.KeepGroups = true
			continue
		case word == "--":
			i++
		case len(word) > 1 && word[0] == '-':
			return 0, false
		}
		break
	}
	if i >= len(argv) || o.ParseUser(sys.String(argv[i])) != None {
		return 0, false
	}
	i++
	if i < len(argv) && sys.String(argv[i]) == "--" {
		i++
	}
	return i, i < len(argv)
}

// isSecure reads AT_SECURE from the auxiliary vector, which the kernel put behind the environment
// (getauxval(3)).
func isSecure(env []*byte) bool {
	type entry struct{ key, value uintptr }
	const null = 0 // AT_NULL
	end := unsafe.Add(unsafe.Pointer(unsafe.SliceData(env)), len(env)*int(unsafe.Sizeof(env[0])))
	for p := (*entry)(unsafe.Add(end, unsafe.Sizeof(env[0]))); p.key != null; {
		if p.key == Secure {
			return p.value != 0
		}
		p = (*entry)(unsafe.Add(unsafe.Pointer(p), unsafe.Sizeof(*p)))
	}
	return false
}

// homeVar is how the entry of HOME in the environment begins.
const homeVar = "HOME="

// execute executes the command with HOME in its environment. It returns only if that fails. argv
// and env stay as they are, because the runtime reads them next.
func execute(argv, env []*byte, mask sig.Set) {
	const word = int(unsafe.Sizeof(uintptr(0)))
	path, _ := proc.Environment(unsafe.SliceData(env), 0)
	// In one block of memory: a word before the argv, which proc.Command needs for a script, argv,
	// the environment with HOME, and the texts.
	words := 1 + len(argv) + 1 + len(env) + 1 + 1
	texts := len(homeVar) + len(Early.Home) + 1 + len(path) + len(sys.String(argv[0])) + 2
	memory, e := sys.MmapAnonymous(words*word + texts)
	if e != 0 {
		Early.Problem = Problem{Reason: NoMemory, Errno: e}
		return
	}
	*(*byte)(memory) = 0 // shows the compiler that it is not nil
	vectors := unsafe.Slice((**byte)(memory), words)
	text := unsafe.Slice((*byte)(unsafe.Add(memory, words*word)), texts)
	home := put(text, homeVar)
	home += put(text[home:], Early.Home) + 1

	newArgv := vectors[1 : 1+len(argv)+1]
	for i := range argv { //nolint:staticcheck // copy would call the runtime
		newArgv[i] = argv[i]
	}
	newEnv := vectors[1+len(newArgv):]
	setHome(newEnv, env, &text[0])
	command := proc.Command{Argv: &newArgv[0], Envp: &newEnv[0], Path: path}
	sys.Sigprocmask(mask)
	Early.Errno = command.Exec(unsafe.Pointer(&text[home]))
	Early.Found, Early.Name = command.Found, sys.String(argv[0])
}

// put copies a text to the beginning of p and returns its length.
func put(p []byte, text string) int {
	for i := 0; i < len(text); i++ { // copy would call the runtime
		p[i] = text[i]
	}
	return len(text)
}

// setHome copies an environment, with entry in place of the first HOME, and without others. Without
// one, entry is the last. All other entries stay as they are and where they are.
func setHome(to, env []*byte, entry *byte) {
	n, set := 0, false
	for _, p := range env {
		if ascii.HasPrefix(sys.String(p), homeVar) {
			if set {
				continue
			}
			p, set = entry, true
		}
		to[n] = p
		n++
	}
	if !set {
		to[n] = entry
	}
}
