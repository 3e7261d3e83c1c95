package initcmd_test

import (
	"debug/elf"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"util/internal/test"
)

// architectures are those of ARCHS in the Makefile, with emulators of Debian's qemu-user-static.
var architectures = []struct{ name, emulator string }{
	{"386", "qemu-i386-static"},
	{"amd64", "qemu-x86_64-static"},
	{"arm64", "qemu-aarch64-static"},
	{"armv6", "qemu-arm-static"},
	{"armv7", "qemu-arm-static"},
	{"loong64", "qemu-loongarch64-static"},
	{"ppc64le", "qemu-ppc64le-static"},
	{"riscv64", "qemu-riscv64-static"},
	{"s390x", "qemu-s390x-static"},
}

// The architectures of the tests are those of the Makefile and of docs/platforms.md.
func TestListOfArchitectures(t *testing.T) {
	var tested []string
	for _, arch := range architectures {
		tested = append(tested, arch.name)
	}
	const root = "../.."
	makefile := read(t, filepath.Join(root, "Makefile"))
	inMakefile := func(variable string) []string {
		m := regexp.MustCompile(`(?m)^` + variable + ` *= (.*)$`).FindStringSubmatch(makefile)
		if m == nil {
			t.Fatalf("the Makefile has no %s", variable)
		}
		return strings.Fields(strings.Replace(m[1], "arm ", "armv6 armv7 ", 1))
	}
	var documented []string
	row := regexp.MustCompile(`(?m)^\| (\w+) \| [^|]+ \| yes \| yes \|`)
	table := read(t, filepath.Join(root, "docs/platforms.md"))
	for _, m := range row.FindAllStringSubmatch(table, -1) {
		documented = append(documented, m[1])
	}
	slices.Sort(documented)
	for _, c := range []struct {
		what      string
		got, want []string
	}{
		{"ARCHS", inMakefile("ARCHS"), tested},
		{"docs/platforms.md", documented, tested},
	} {
		slices.Sort(c.got)
		if !slices.Equal(c.got, c.want) {
			t.Errorf("%s: %q, tested are %q", c.what, c.got, c.want)
		}
	}
}

// On an architecture without the early entry init says so, under every name, and the other applets
// work. On one whose signals have other numbers, nothing does.
func TestWithoutEarlyEntry(t *testing.T) {
	test.NotAlone(t, "an architecture without it")
	test.NotOther(t, "an architecture without it")
	const noEntry = "util init: cannot run on linux/ppc64: init runs before the Go runtime boots, " +
		"and util has no early entry for this architecture\n"
	const notSupported = "util: mips is not supported: signals and error numbers are not those of " +
		"other machines\n"
	for _, tc := range []struct {
		arch, emulator, line string
		status               int
		stderr               string
	}{
		{"ppc64", "qemu-ppc64-static", "init true", 1, noEntry},
		{"ppc64", "qemu-ppc64-static", "tini -- true", 1, noEntry},
		{"ppc64", "qemu-ppc64-static", "init --help", 0, ""},
		{"ppc64", "qemu-ppc64-static", "sendsig 0 " + strconv.Itoa(os.Getpid()), 0, ""},
		{"mips", "qemu-mips-static", "init true", 1, notSupported},
		{"mips", "qemu-mips-static", "sendsig 0 " + strconv.Itoa(os.Getpid()), 1, notSupported},
	} {
		words := append([]string{test.Build(t, "util", "-s -w", tc.arch)}, strings.Fields(tc.line)...)
		status, _, stderr := test.Run(t, exec.Command(test.Tool(t, tc.emulator), words...))
		if status != tc.status || stderr != tc.stderr {
			t.Errorf("%s: %s: status %d, stderr %q", tc.arch, tc.line, status, stderr)
		}
	}
}

// emulated is util, and a probe, of one architecture.
type emulated struct {
	*testing.T
	emulator    []string // empty where the machine itself runs the program
	util, probe string
}

// command returns a command line that runs a program of the architecture.
func (e *emulated) command(program string, args ...string) *exec.Cmd {
	argv := slices.Concat(e.emulator, []string{program}, args)
	return exec.Command(argv[0], argv[1:]...)
}

// underInit runs a command line of the probe under init as PID 1. The probe is emulated too, so
// init gets the emulator as its command.
func (e *emulated) underInit(options []string, words ...string) *exec.Cmd {
	command := slices.Concat(e.emulator, []string{e.probe}, words)
	args := slices.Concat([]string{"init"}, options, []string{"--"}, command)
	return test.Namespace(e.command(e.util, args...))
}

// TestArchitectures runs the program of each architecture that has the early entry, under an
// emulator if the machine is another one. 386 runs on amd64 without one.
//
// An emulator turns every vfork into a fork, so the parent does not see what the child writes to
// shared memory, such as why an exec failed. And it does not support PR_SET_CHILD_SUBREAPER, so
// init reaps orphans only as PID 1.
func TestArchitectures(t *testing.T) {
	test.NotOther(t, "to be all architectures")
	for _, arch := range architectures {
		t.Run(arch.name, func(t *testing.T) {
			native := arch.name == runtime.GOARCH || arch.name == "386" && runtime.GOARCH == "amd64"
			e := &emulated{T: t}
			if !native {
				e.emulator = []string{test.Tool(t, arch.emulator)}
			}
			e.util = test.UtilOf(t, arch.name, "")
			e.probe = test.Build(t, "util/internal/test/probe", "-s -w -E _rt0_probe", arch.name)
			for _, part := range []struct {
				name string
				test func(e *emulated)
			}{
				{"Status", (*emulated).status},
				{"Start", (*emulated).start},
				{"Forward", (*emulated).forward},
				{"Terminate", (*emulated).terminate},
				{"Reap", (*emulated).reap},
				{"Grace", (*emulated).grace},
				{"Left", (*emulated).left},
				{"Files", (*emulated).files},
				{"Report", (*emulated).report},
				{"Names", (*emulated).names},
				{"Help", (*emulated).help},
				{"Applets", (*emulated).applets},
				{"Segments", (*emulated).segments},
			} {
				t.Run(part.name, func(t *testing.T) {
					part.test(&emulated{t, e.emulator, e.util, e.probe})
				})
			}
		})
	}
}

func (e *emulated) status() {
	for _, tc := range []struct {
		word string
		n    int
		want int
	}{{"exit", 0, 0}, {"exit", 3, 3}, {"exit", 255, 255}, {"raise", 9, 137}, {"raise", 15, 143}} {
		status, _, stderr := test.Run(e, e.underInit([]string{"-w"}, tc.word, fmt.Sprint(tc.n)))
		if status != tc.want {
			e.Errorf("%s %d: status %d, want %d; %s", tc.word, tc.n, status, tc.want, stderr)
		}
	}
	for _, tc := range []struct {
		file string
		want int
	}{{"/nothing", 127}, {"nothing", 127}, {e.TempDir(), 126}} {
		status, _, _ := test.Run(e, test.Namespace(e.command(e.util, "init", tc.file)))
		if status != tc.want {
			e.Errorf("%s: status %d, want %d", tc.file, status, tc.want)
		}
	}
}

func (e *emulated) start() {
	status, stdout, stderr := test.Run(e, e.underInit(nil, "state"))
	if status != 0 || !strings.Contains(stdout, " ppid=1 ") ||
		!strings.HasSuffix(stdout, " mask=0 ignored=0") {
		e.Errorf("status %d, state %q, stderr %q", status, stdout, stderr)
	}
	var pid, pgid, sid int
	_, err := fmt.Sscanf(stdout, "pid=%d ppid=1 pgid=%d sid=%d", &pid, &pgid, &sid)
	if err != nil || pgid != pid || sid != pid {
		e.Errorf("%q: the command does not lead a session", stdout)
	}
}

// forward sends signals to a command that waits for them, and to one that has handlers. Emulators
// do not have all real-time signals.
func (e *emulated) forward() {
	signals := []syscall.Signal{1, 2, 3, 10, 12, 17, 18, 28, 15}
	for _, script := range [][]string{
		{"catch", "echo", "15", "exit", "7"}, {"say", "ready", "handle"},
	} {
		p := test.Start(e, e.underInit(nil, script...))
		p.Expect("ready")
		waitSettled(e.T, children(e.T, p.Process.Pid)[0])
		for _, s := range signals {
			p.Signal(s)
			if got := p.Line(); got != fmt.Sprint(int(s)) {
				e.Fatalf("%v: signal %d sent: the command got %s", script, s, got)
			}
		}
		if script[0] == "catch" {
			wantStatus(e.T, p, 7)
		}
	}
}

func (e *emulated) terminate() {
	p := test.Start(e, e.underInit(nil, "say", "ready", "pause"))
	p.Expect("ready")
	p.Signal(syscall.SIGTERM)
	wantStatus(e.T, p, 143)
}

func (e *emulated) reap() {
	const orphans = 10
	p := test.Start(e, e.underInit([]string{"-w"},
		"orphans", fmt.Sprint(orphans), "catch", "echo", "15"))
	p.Expect("ready")
	waitReaped(e.T, p.Process.Pid)
	p.Signal(syscall.SIGTERM)
	p.Expect("15")
	wantStatus(e.T, p, 0)
	if got := strings.Count(p.Stderr(), "util init: reaped orphan "); got != orphans {
		e.Errorf("%d orphans reaped, want %d:\n%s", got, orphans, p.Stderr())
	}
}

// grace stops a command that ignores TERM: KILL ends it at the deadline, and not before.
func (e *emulated) grace() {
	const grace = 300 * time.Millisecond
	p := test.Start(e, e.underInit([]string{"-v", "--grace", grace.String()},
		"ignore", "15", "say", "ready", "pause"))
	p.Expect("ready")
	begin := time.Now()
	p.Signal(syscall.SIGTERM)
	wantStatus(e.T, p, 137)
	if after := time.Since(begin); after < grace {
		e.Errorf("ended after %v", after)
	}
	// It sleeps until then: the time limit that it asks for is the one that the kernel reads.
	used := p.ProcessState.UserTime() + p.ProcessState.SystemTime()
	if e.emulator == nil && used > grace/3 {
		e.Errorf("init used %v of CPU time in %v", used, grace)
	}
	if !strings.Contains(p.Stderr(), "was terminated by signal KILL") {
		e.Errorf("stderr %q", p.Stderr())
	}
}

// left is what the command has left in another session. Init finds it in /proc.
func (e *emulated) left() {
	if os.Getuid() != 0 {
		test.Missing(e, "root", "only root can mount the /proc of a PID namespace")
	}
	command := slices.Concat(e.emulator, []string{e.probe},
		other("echo", "15", "say", "other"), []string{"catch", "echo", "15"})
	init := e.command(e.util, slices.Concat([]string{"init", "-g", "60", "--"}, command)...)
	p := test.Start(e, test.ProcNamespace(exec.Command(test.Probe(e),
		slices.Concat([]string{"mountproc", "exec", init.Path}, init.Args[1:])...)))
	p.Expect("ready")
	p.Expect("ready")
	p.Signal(syscall.SIGTERM)
	if rest := p.Rest(); !slices.Equal(rest, []string{"15", "15", "other"}) {
		e.Errorf("the command and the other printed %q", rest)
	}
	wantStatus(e.T, p, 0)
}

// files are those that the command inherits: standard files alone, whatever init has read.
func (e *emulated) files() {
	script := filepath.Join(e.TempDir(), "script")
	test.Must(e, os.WriteFile(script, []byte("exit 9\n"), 0o755))
	status, _, stderr := test.Run(e, test.Namespace(e.command(e.util, "init", script)))
	if status != 9 {
		e.Errorf("a script without #!: status %d, stderr %q", status, stderr)
	}
	_, want, _ := test.Run(e, e.command(e.probe, "fds")) // what the tests themselves have inherited
	status, stdout, stderr := test.Run(e, e.underInit([]string{"-v"}, "fds"))
	if status != 0 || stdout != want {
		e.Errorf("status %d, stdout %q, stderr %q", status, stdout, stderr)
	}
}

// report has numbers of 64 bits and times in what init prints and writes.
func (e *emulated) report() {
	path := filepath.Join(e.TempDir(), "log")
	// A file of more than 31 bits, which is emptied.
	test.Must(e, os.WriteFile(path, nil, 0o644))
	test.Must(e, os.Truncate(path, 3<<30))
	begin := time.Now().Add(-time.Second)
	options := []string{"--log-format", "json", "--termination-log", path}
	status, _, stderr := test.Run(e, e.underInit(options, "exit", "4"))
	var when string
	for field := range strings.SplitSeq(stderr, ",") {
		if name, value, _ := strings.Cut(field, ":"); strings.Contains(name, `"time"`) {
			when = strings.Trim(value, `"`)
		}
	}
	at, err := time.Parse(time.RFC3339, when)
	if status != 4 || err != nil || at.Before(begin) || at.After(time.Now().Add(time.Second)) {
		e.Errorf("status %d, time %q (%v), stderr %q", status, when, err, stderr)
	}
	if info, err := os.Stat(path); err != nil || info.Size() >= 3<<30 {
		e.Fatalf("the termination log was not written: %v, stderr %q", err, stderr)
	}
	content, err := os.ReadFile(path)
	if err != nil || !strings.Contains(string(content), "exited with status 4 after 0.") {
		e.Errorf("termination log: %q, %v", content, err)
	}

	if os.Getuid() != 0 {
		return
	}
	// A user follows a symbolic link of its own. Its ID has more than 16 bits.
	const user = 70000
	dir, err := os.MkdirTemp("", "util") // the parents of TempDir are closed to other users
	test.Must(e, err)
	defer os.RemoveAll(dir)
	link := filepath.Join(dir, "link")
	test.Must(e, os.Chown(dir, user, user))
	test.Must(e, os.Symlink("log", link))
	test.Must(e, os.Lchown(link, user, user))
	cmd := e.command(e.util, slices.Concat([]string{"init", "--termination-log", link, "--"},
		e.emulator, []string{e.probe, "exit", "4"})...)
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: user, Gid: user}}
	status, _, stderr = test.Run(e, cmd)
	content, err = os.ReadFile(filepath.Join(dir, "log"))
	if status != 4 || stderr != "" || err != nil || len(content) == 0 {
		e.Errorf("user %d: status %d, stderr %q, log %q, %v", user, status, stderr, content, err)
	}
}

func (e *emulated) names() {
	for _, name := range []string{"tini", "dumb-init", "catatonit"} {
		link := filepath.Join(e.TempDir(), name)
		test.Must(e, os.Symlink(e.util, link))
		words := slices.Concat([]string{"--"}, e.emulator, []string{e.probe, "exit", "6"})
		status, _, stderr := test.Run(e, test.Namespace(e.command(link, words...)))
		if status != 6 || stderr != "" {
			e.Errorf("%s: status %d, stderr %q", name, status, stderr)
		}
	}
}

func (e *emulated) help() {
	status, stdout, stderr := test.Run(e, e.command(e.util, "init", "--help"))
	if status != 0 || stderr != "" || !strings.Contains(stdout, "--rewrite FROM:TO") {
		e.Errorf("status %d, stdout %q, stderr %q", status, stdout, stderr)
	}
	status, _, stderr = test.Run(e, e.command(e.util, "init", "--nonsense"))
	if status != 2 || !strings.Contains(stderr, `option "--nonsense": unknown`) {
		e.Errorf("status %d, stderr %q", status, stderr)
	}
}

// applets are those that have early code, and one that boots the runtime behind the early entry.
func (e *emulated) applets() {
	if test.Alone() {
		test.NotAlone(e, "other applets")
	}
	sleeper := test.Start(e, exec.Command(test.Probe(e), "say", "ready", "pause"))
	sleeper.Expect("ready")
	pid := fmt.Sprint(sleeper.Process.Pid)
	status, _, stderr := test.Run(e, e.command(e.util, "sendsig", "TERM", pid))
	if got := sleeper.Status(); status != 0 || stderr != "" || got != 256+15 {
		e.Errorf("sendsig: status %d, stderr %q; the process ended with %d", status, stderr, got)
	}

	if os.Getuid() == 0 {
		// The command is a program of this machine: an emulator cannot open its own file again.
		words := []string{"run-as", "4294967294:4294967293", "--", test.Probe(e), "env", "HOME"}
		status, stdout, stderr := test.Run(e, e.command(e.util, words...))
		if status != 0 || stdout != "HOME=/" || stderr != "" {
			e.Errorf("run-as: status %d, stdout %q, stderr %q", status, stdout, stderr)
		}
		for _, tooLarge := range []string{"4294967295", "4294967296", "9999999999"} {
			status, _, _ := test.Run(e, e.command(e.util, "run-as", tooLarge, "--", "true"))
			if status != 2 {
				e.Errorf("run-as %s: status %d", tooLarge, status)
			}
		}
	}

	listener, err := net.Listen("tcp", "127.0.0.1:0")
	test.Must(e, err)
	defer listener.Close()
	status, _, stderr = test.Run(e, e.command(e.util, "wait-for-port", "-q", "--timeout", "10s",
		listener.Addr().String()))
	if status != 0 || stderr != "" {
		e.Errorf("wait-for-port: status %d, stderr %q", status, stderr)
	}
	status, stdout, _ := test.Run(e, e.command(e.util, "--version"))
	if status != 0 || !strings.Contains(stdout, "linked with the early entry") {
		e.Errorf("--version: status %d, stdout %q", status, stdout)
	}
}

// No segment is both writable and executable, and the stack is not executable (SECURITY.md).
func (e *emulated) segments() {
	program, err := elf.Open(e.util)
	test.Must(e, err)
	defer program.Close()
	stack := false
	for _, segment := range program.Progs {
		stack = stack || segment.Type == elf.PT_GNU_STACK
		if segment.Flags&elf.PF_X != 0 && (segment.Flags&elf.PF_W != 0 ||
			segment.Type == elf.PT_GNU_STACK) {
			e.Errorf("segment %v at %#x is %v", segment.Type, segment.Vaddr, segment.Flags)
		}
	}
	if !stack {
		e.Error("no PT_GNU_STACK: the kernel would make the stack executable")
	}
}
