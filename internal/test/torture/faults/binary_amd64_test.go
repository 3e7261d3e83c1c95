package faults_test

import (
	"bufio"
	"bytes"
	"os/exec"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"util/internal/test"

	"golang.org/x/sys/unix"
)

// What objdump prints of the linked program: the beginning of a function; a number stored as the
// first argument of sys.Call, and that call; a number in EAX, and a system call of assembly.
var (
	function  = regexp.MustCompile(`^[0-9a-f]+ <(.*)>:$`)
	argument  = regexp.MustCompile(`\smovq\s+\$0x([0-9a-f]+),\(%rsp\)`)
	inAX      = regexp.MustCompile(`\smov\s+\$0x([0-9a-f]+),%eax`)
	bySysCall = regexp.MustCompile(`\s(call|jmp)\s.*<util/internal/sys\.Call\.abi0>`)
	bySYSCALL = regexp.MustCompile(`\ssyscall\b`)
)

// assembly are the functions that get the number of a system call as an argument. vfork makes
// clone, as its comment says.
var assembly = []string{"util/internal/sys.Call.abi0", "util/internal/proc.vfork.abi0"}

// The list of system calls is that of the linked program: util-init, which is init and no more.
func TestCalls(t *testing.T) {
	linked := calledBy(t, unstripped(t))
	linked[unix.SYS_CLONE] = "util/internal/proc.vfork"
	for nr, where := range linked {
		if !slices.ContainsFunc(calls, func(c call) bool { return c.nr == nr }) {
			t.Errorf("system call %d, made by %s, is not in the list", nr, where)
		}
	}
	for _, c := range calls {
		if linked[c.nr] == "" {
			t.Errorf("%s is in the list, but the program does not make it", c.name)
		}
	}
}

// calledBy returns the numbers of the system calls in a program, and for each a function that makes
// it.
func calledBy(t *testing.T, program string) map[int]string {
	out, err := exec.Command(test.Tool(t, "objdump"), "-d", "--no-show-raw-insn", program).Output()
	test.Must(t, err)
	found := map[int]string{}
	name, first, ax := "", -1, -1
	number := func(re *regexp.Regexp, line string, nr *int) {
		if m := re.FindStringSubmatch(line); m != nil {
			n, err := strconv.ParseUint(m[1], 16, 64)
			test.Must(t, err)
			*nr = int(n)
		}
	}
	for s := bufio.NewScanner(bytes.NewReader(out)); s.Scan(); {
		line := s.Text()
		if m := function.FindStringSubmatch(line); m != nil {
			name, first, ax = m[1], -1, -1
		}
		number(argument, line, &first)
		number(inAX, line, &ax)
		nr, made := first, bySysCall.MatchString(line)
		if bySYSCALL.MatchString(line) {
			nr, made = ax, true
		}
		switch {
		case !made || slices.Contains(assembly, name):
		case nr < 0:
			t.Errorf("%s makes a system call whose number is not seen: %s", name, line)
		default:
			found[nr] = name
			first, ax = -1, -1
		}
	}
	return found
}

// unstripped returns util-init with its symbols.
func unstripped(t *testing.T) string {
	dir := t.TempDir()
	path := dir + "/util-init"
	module, err := exec.Command("go", "env", "GOMOD").Output()
	test.Must(t, err)
	out, err := exec.Command("make", "-s", "-C", strings.TrimSuffix(string(module), "/go.mod\n"),
		"bin/util-init", "STRIP=", "UTIL_INIT="+path, "OBJECTS="+dir+"/object").CombinedOutput()
	if err != nil {
		t.Fatalf("make: %v\n%s", err, out)
	}
	return path
}
