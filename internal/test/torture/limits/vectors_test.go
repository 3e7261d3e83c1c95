package limits_test

import (
	"io"
	"os"
	"os/exec"
	"strings"
	"testing"

	"util/internal/test"
)

// Strings of 128 kB, the most that execve(2) takes, are read wherever init reads one. Messages show
// the beginning of them.
func TestLongStrings(t *testing.T) {
	long := strings.Repeat("x", maxString-1)
	begin := func(prefix string) string { return (prefix + long)[:len(long)] }
	for _, tc := range []struct {
		name   string
		args   []string // with argv[0]
		env    []string
		status int
		says   string
	}{
		{"argv[0]", []string{long[:len(long)-5] + "/init", "/bin/true"}, nil, 0, ""},
		{"name", []string{"util", "init", long}, nil, 127, "not found in PATH"},
		{"path", []string{"util", "init", begin("/")}, nil, 126, "file name too long"},
		{"option", []string{"util", "init", begin("--")}, nil, 2, `unknown`},
		{"value", []string{"util", "init", begin("-gx")}, nil, 2, "is not a valid duration"},
		{"log", []string{"util", "init", begin("--termination-log=/"), "/bin/true"}, nil, 0, "too long"},
		{
			"PATH",
			[]string{"util", "init", "no-such"},
			[]string{begin("PATH=/")},
			127, "not found in PATH",
		},
		{
			"entries of PATH",
			[]string{"util", "init", "true"},
			[]string{"PATH=" + strings.Repeat("/x:", (len(long)-13)/3) + "/bin"},
			0, "",
		},
		{
			"unknown variable",
			[]string{"util", "init", "/bin/true"},
			[]string{begin("UTIL_INIT_")[:len(long)-2] + "=1"},
			0, "unknown",
		},
		{
			"variable",
			[]string{"util", "init", "/bin/true"},
			[]string{begin("UTIL_INIT_GRACE=")},
			2, "GRACE",
		},
		{"tini, name", []string{"tini", long}, nil, 127, "exec"},
		{"tini, option", []string{"tini", begin("-")}, nil, 1, "invalid option"},
		{"dumb-init, name", []string{"dumb-init", long}, nil, 2, "xxx"},
		{"dumb-init, option", []string{"dumb-init", begin("--")}, nil, 1, "unrecognized option"},
		{"catatonit, name", []string{"catatonit", long}, nil, 1, "failed to exec pid1"},
		{"catatonit, option", []string{"catatonit", begin("-")}, nil, 1, "invalid option"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			cmd := test.Namespace(&exec.Cmd{Path: test.Util(t), Args: tc.args, Env: tc.env})
			if cmd.Env == nil {
				cmd.Env = smallEnvironment
			}
			status, _, stderr := test.Run(t, cmd)
			if status != tc.status || !strings.Contains(stderr, tc.says) ||
				(stderr == "") != (tc.says == "") {
				t.Errorf("status %d, stderr %.600q", status, stderr)
			}
			if tc.args[0] == "util" && len(stderr) > 1000 {
				t.Errorf("stderr has %d bytes", len(stderr))
			}
		})
	}
}

// An argv without a single entry is answered with what is missing. Since Linux 5.18, the kernel
// makes an argv with one empty entry of it.
func TestNoArguments(t *testing.T) {
	want := "Usage: util APPLET"
	if test.Alone() {
		want = "util init: command: missing"
	}
	r, w, err := os.Pipe()
	test.Must(t, err)
	defer r.Close()
	process, err := os.StartProcess(test.Util(t), []string{}, &os.ProcAttr{
		Files: []*os.File{nil, w, w},
	})
	w.Close()
	test.Must(t, err)
	text, err := io.ReadAll(r)
	test.Must(t, err)
	state, err := process.Wait()
	test.Must(t, err)
	if !strings.HasPrefix(string(text), want) || !state.Exited() {
		t.Errorf("%v, %s", state, text)
	}
}
