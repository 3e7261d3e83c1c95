package applets_test

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"testing"

	"util/internal/test"

	"golang.org/x/sys/unix"
)

// example is what runs examples of the README and of the helps. They are lines, without the comment behind them.
type example struct {
	lines []string
	run   func(t *testing.T, lines []string)
}

// scratch is the README's first image.
var scratch = []string{
	"FROM scratch", "COPY util /sbin/util", "COPY app /app", `RUN ["/sbin/util", "--install", "-s", "/sbin"]`,
	`ENTRYPOINT ["/sbin/init", "--"]`, `CMD ["/app"]`,
}

// examples are all examples. A line that is printed somewhere and is not here fails, and so does one that is here and is
// not printed.
var examples = []example{
	{[]string{"make demo", "make test"}, isTarget},

	// Dockerfiles
	{scratch, inScratch(runsApp)},
	{[]string{"COPY util /sbin/util", `ENTRYPOINT ["/sbin/util", "init", "--"]`, `CMD ["python3", "app.py"]`}, inBase(runsPython)},
	{[]string{`ENTRYPOINT ["/sbin/init", "--stop-delay", "5s", "--grace", "25s", "--", "/app"]`}, inReadmes(runsApp)},
	{[]string{"COPY util /usr/bin/tini"}, inBase(func(t *testing.T, image string) {
		image = build(t, "FROM "+image+"\nENTRYPOINT [\"tini\", \"--\"]\nCMD [\"/app\"]\n")
		runsApp(t, image)
	})},
	{[]string{`RUN ["/sbin/util", "--install", "-s", "--compat", "/sbin"]`}, inReadmes(func(t *testing.T, image string) {
		for _, alias := range aliases {
			expectRun(t, 0, "app", "--entrypoint", alias, image, "--", "/app")
		}
	})},
	{[]string{`HEALTHCHECK CMD ["/sbin/util", "reap-once", "-q"]`}, inReadmes(func(t *testing.T, image string) {
		name := background(t, nil, image, "/app", "stay")
		expectDocker(t, 0, "", append([]string{"exec", name}, healthcheck(t, image)...)...)
	})},
	{[]string{`HEALTHCHECK CMD ["/sbin/util", "wait-for-port", "--timeout", "1s", "--exit-code", "1", "8080"]`}, inReadmes(func(t *testing.T, image string) {
		deaf := background(t, nil, image, "/app", "stay")
		expectDocker(t, 1, "", append([]string{"exec", deaf}, healthcheck(t, image)...)...)
		name := background(t, nil, image, "/bin/busybox", "sh", "-c", "echo ready; exec busybox nc -ll -p 8080 -e cat")
		test.Eventually(t, "healthy", func() bool {
			status, _, _ := docker(t, append([]string{"exec", name}, healthcheck(t, image)...)...)
			return status == 0
		})
	})},
	{[]string{`ENTRYPOINT ["/sbin/init", "--", "/sbin/wait-for-port", "db:5432", "--", "/app"]`}, inReadmes(func(t *testing.T, image string) {
		db := background(t, []string{"--add-host", "db:127.0.0.1", "--entrypoint", "/bin/busybox"}, image, "sh", "-c", "echo ready; exec busybox nc -ll -p 5432 -e cat")
		expectDocker(t, 0, "app", "run", "--rm", "--network", "container:"+db, image)
	})},

	// engines
	{[]string{"docker run --rm --pid=container:app IMAGE util sendsig HUP --name app"}, func(t *testing.T, lines []string) {
		image := readmesImage(t)
		name := background(t, nil, image, "/app", "stay")
		words := strings.Fields(strings.NewReplacer("container:app", "container:"+name, "IMAGE", image, "run", "run --network none").Replace(lines[0]))
		// init ends with the app, and with it the namespace and sendsig, if that has not ended before.
		if status, _, stderr := docker(t, words[1:]...); status != 0 && status != 137 {
			t.Errorf("status %d, %s", status, stderr)
		}
		expectDocker(t, 0, "9", "wait", name)
	}},
	{[]string{"util --install /usr/local/bin docker-init podman-init"}, func(t *testing.T, lines []string) {
		inShell(t, lines[0], "", `ls -1 /usr/local/bin`, 0, "docker-init\npodman-init")
	}},
	{[]string{`{"init-path": "/usr/local/bin/docker-init"}`}, coveredBy("init/engine_test.go", `{"init-path": %q}`)},
	{[]string{"[containers]", `init_path = "/usr/local/bin/podman-init"`}, coveredBy("init/engine_test.go", `[containers]\ninit_path = %q\n`)},
	{[]string{"lxc.init.cmd = /sbin/init --grace 30s --stop-signal PWR --rewrite PWR:TERM -- /app"}, func(t *testing.T, lines []string) {
		words := strings.Fields(lines[0])
		image := readmesImage(t)
		name := background(t, []string{"--entrypoint", words[2]}, image, append(words[3:], "stay")...)
		expectDocker(t, 0, name, "kill", "--signal", "PWR", name)
		expectDocker(t, 0, "15", "wait", name)
	}},
	{[]string{
		"env:", "- {name: UTIL_INIT_GRACE, value: 28s}", "- {name: UTIL_INIT_TERMINATION_LOG, value: /dev/termination-log}",
		"- {name: UTIL_INIT_LOG_FORMAT, value: json}",
	}, func(t *testing.T, lines []string) {
		log := filepath.Join(t.TempDir(), "log")
		write(t, log, "")
		options := []string{"run", "--rm", "--network", "none", "--volume", log + ":/dev/termination-log"}
		for _, line := range lines[1:] {
			m := regexp.MustCompile(`^- \{name: (\w+), value: (\S+)\}$`).FindStringSubmatch(line)
			options = append(options, "--env", m[1]+"="+m[2])
		}
		expectDocker(t, 0, "app", append(options, readmesImage(t))...)
		text, _ := os.ReadFile(log)
		var last struct{ Event string }
		if err := json.Unmarshal(text, &last); err != nil || last.Event != "ended" {
			t.Errorf("termination log: %q, %v", text, err)
		}
	}},

	// servers: their tests take the options from these lines
	{[]string{
		`ENTRYPOINT ["/sbin/init", "--grace", "55s", "--", "postgres", "-D", "/data"]`,
		`ENTRYPOINT ["/sbin/init", "--grace", "9s", "--rewrite", "TERM:INT", "--", "postgres", "-D", "/data"]`,
		`ENTRYPOINT ["/sbin/init", "-c", "--grace", "30s", "--", "gunicorn", "app:app"]`,
		`ENTRYPOINT ["/sbin/init", "-c", "--grace", "9s", "--rewrite", "TERM:QUIT", "--", "php-fpm", "--nodaemonize"]`,
		`ENTRYPOINT ["/sbin/init", "--grace", "9s", "--rewrite", "TERM:QUIT", "--", "nginx", "-g", "daemon off;"]`,
		`ENTRYPOINT ["/sbin/init", "--grace", "9s", "--exit-code", "143:0", "--", "java", "-jar", "app.jar"]`,
		`ENTRYPOINT ["/sbin/init", "--grace", "60s", "--", "supervisord", "--nodaemon"]`,
	}, func(t *testing.T, lines []string) {
		for _, line := range lines {
			coveredBy("init/servers_test.go", "fromReadme(t, `"+line+"`)")(t, nil)
		}
	}},

	// util itself
	{[]string{"util --list"}, shell("", "", 0, "init\nwait-for-port\nsendsig\nreap-once")},
	{[]string{"util completion bash >/etc/bash_completion.d/util"}, shell("mkdir -p /etc/bash_completion.d", "grep -c '^complete ' /etc/bash_completion.d/util", 0, "1")},

	// init
	{[]string{"util init -- nginx -g 'daemon off;'"}, shell("", "", 0, "nginx <-g> <daemon off;>")},
	{[]string{"util init --rewrite TERM:QUIT -- nginx -g 'daemon off;'"}, shell("", "", 0, "nginx <-g> <daemon off;>")},
	{[]string{"UTIL_INIT_REWRITE=HUP:none,TERM:INT util init -v python3 app.py"}, shell("", "", 0, "python3 <app.py>")},

	// wait-for-port
	{
		[]string{"wait-for-port db:5432 cache:6379 -- app --serve", "util wait-for-port db:5432 cache:6379 -- app --serve"},
		shell("listen 5432; listen 6379", "", 0, "app <--serve>"),
	},
	{[]string{"wait-for-port --timeout 0 --hold 100ms tcp://proxy:80", "util wait-for-port --timeout 0 --hold 100ms tcp://proxy:80"}, shell("listen 80", "", 0, "")},
	{[]string{"wait-for-port --state down 8080", "util wait-for-port --state down --timeout 5s 8080"}, shell("", "", 0, "")},

	// sendsig
	{[]string{"util sendsig TERM 12 15"}, shell("at 12 sleep 1000; at 15 sleep 1000", "wait 12; echo $?; wait 15; echo $?", 0, "143\n143")},
	{[]string{"util sendsig -TERM -- -12", "util sendsig TERM -- -12"}, shell("at 12 setsid sleep 1000; until [ $(ps -o pgid,pid | grep -c '12  *12$') = 1 ]; do :; done", "wait 12; echo $?", 0, "143")},
	{[]string{"util sendsig HUP --pidfile /run/app.pid --name app"}, shell("at 12 app stay; ready; echo 12 >/run/app.pid", "wait 12; echo $?", 0, "9")},
	{[]string{"util sendsig TERM --tree 12 --then KILL@10s --wait"}, shell("at 12 sh -c 'sleep 1000 & setsid sleep 1000'", "wait 12; echo $?; util sendsig --dry-run TERM --name sleep 2>/dev/null; echo $?", 0, "143\n1")},
	{[]string{"util sendsig --dry-run TERM --cmdline 'worker [0-9]'"}, shell("at 12 app stay worker 7; ready", "", 0, "would send TERM to 12:INODE (app)")},
	{[]string{"util sendsig -l 143"}, shell("", "", 0, "TERM")},

	// reap-once
	{[]string{"exec util reap-once --wait 2s -- app"}, shell("sleep 0.2 &", "", 0, "app")},
	{[]string{"util reap-once", "util reap-once --nudge"}, shell("at 12 sleep 1000", "", 0, "")},
	{[]string{
		"$ util reap-once", "zombies of 12 (app), which does not catch SIGCHLD: 2", "40 (worker), started 3m2s ago", "41 (worker), started 1m0s ago",
		"hint: only it can reap them; once it has ended, PID 1 can: run the container's command under util init",
	}, func(t *testing.T, lines []string) {
		// The same but for numbers, names and ages.
		shape := func(text string) string {
			text = regexp.MustCompile(`started \S+ ago`).ReplaceAllString(text, "started T ago")
			text = regexp.MustCompile(`(?m)^ +`).ReplaceAllString(text, "")
			return regexp.MustCompile(`\d+ \(\w+\)`).ReplaceAllString(text, "N (NAME)")
		}
		_, out, _ := shellRun(t, "at 12 crowd zombies 2; ready", strings.TrimPrefix(lines[0], "$ "), "")
		if want := strings.Join(lines[1:], "\n"); shape(out) != shape(want) {
			t.Errorf("printed %q, want the like of %q", out, want)
		}
	}},
}

// notExamples are lines of the README's code blocks that show something else: a line of output, whose form other tests know.
var notExamples = []string{
	`util init: "java", pid 7, was ended by signal KILL after 93.120s (user 41.504s, system 2.381s, peak memory 524012 kB); orphans reaped: 3; out of memory: the kernel killed 1 in the memory cgroup, limit 536870912 bytes, peak 536870912 bytes`,
}

// comment is what stands behind an example.
var comment = regexp.MustCompile(`(\s#|\s{2}).*$`)

// printed finds all examples: lines of the README's code blocks, commands and instructions within its text, and the
// examples of the helps. What has an ellipsis is a synopsis.
func printed(t *testing.T) (all []string) {
	t.Helper()
	readme, err := os.ReadFile("../README.md")
	must(t, err)
	add := func(line string) {
		line = strings.TrimSpace(comment.ReplaceAllString(strings.TrimSpace(line), ""))
		if line != "" && line[0] != '#' && !strings.Contains(line, "…") && !slices.Contains(all, line) && !slices.Contains(notExamples, line) {
			all = append(all, line)
		}
	}
	inline := regexp.MustCompile("`((?:ENTRYPOINT|HEALTHCHECK|CMD|RUN|docker run --rm|util) [^`]+)`")
	var text strings.Builder
	for line := range strings.Lines(string(readme)) {
		if code, ok := strings.CutPrefix(line, "    "); ok {
			add(code)
		} else if !strings.HasPrefix(line, "|") {
			text.WriteString(line)
		}
	}
	for _, m := range inline.FindAllStringSubmatch(text.String(), -1) {
		span := strings.ReplaceAll(m[1], "\n", " ")
		if !regexp.MustCompile(`\[APPLET\]|\[-|\||\bNAME\b|\bAPPLET\b|^util (init|--version)$|ENTRYPOINT \["tini"`).MatchString(span) {
			add(span)
		}
	}
	for _, name := range append(list(t), "completion") {
		_, help, _ := run(t, "", name, "--help")
		_, lines, found := strings.Cut(help, "\nExamples:\n")
		if !found {
			t.Errorf("the help of %s has no examples", name)
		}
		for line := range strings.Lines(lines) {
			add(line)
		}
	}
	return all
}

// TestReadme runs every example of the README and of the helps in what it is meant for.
func TestReadme(t *testing.T) {
	all := printed(t)
	var known []string
	for _, e := range examples {
		known = append(known, e.lines...)
	}
	for _, line := range all {
		if !slices.Contains(known, line) {
			t.Errorf("no case runs %s", line)
		}
	}
	for _, line := range known {
		if !slices.Contains(all, line) {
			t.Errorf("printed nowhere: %s", line)
		}
	}
	t.Cleanup(removeImages)
	for _, e := range examples {
		t.Run(e.lines[0], func(t *testing.T) { e.run(t, e.lines) })
	}
}

func isTarget(t *testing.T, lines []string) {
	makefile, err := os.ReadFile("../Makefile")
	must(t, err)
	ci, err := os.ReadFile("../.ci/run")
	must(t, err)
	for _, line := range lines {
		target := strings.TrimPrefix(line, "make ")
		if !strings.Contains(string(makefile), "\n"+target+":") || !regexp.MustCompile(`\nfor target in .*\b`+target+`\b.*; do`).Match(ci) {
			t.Errorf("%s: no target, or CI does not make it", line)
		}
	}
}

// coveredBy is for what another test runs: its file holds text.
func coveredBy(file, text string) func(*testing.T, []string) {
	return func(t *testing.T, _ []string) {
		source, err := os.ReadFile(file)
		must(t, err)
		if !strings.Contains(string(source), text) {
			t.Errorf("%s has no %s", file, text)
		}
	}
}

// app is the user's program as a script for busybox: it says how it was called; with "stay" as its first argument it waits for
// a signal, and ends with 9 on HUP and with 15 on TERM.
const app = `#!/bin/busybox sh
if [ "$1" = stay ]; then
	trap 'exit 9' HUP
	trap 'exit 15' TERM
	echo ready
	while :; do busybox sleep 1000 & wait; done
fi
printf "${0##*/}"
[ $# = 0 ] || printf ' <%s>' "$@"
echo
`

// Images

func docker(t *testing.T, args ...string) (status int, stdout, stderr string) {
	t.Helper()
	return test.Run(t, exec.Command(test.Tool(t, "docker"), args...))
}

func expectDocker(t *testing.T, want int, says string, args ...string) {
	t.Helper()
	if status, stdout, stderr := docker(t, args...); status != want || stdout != says {
		t.Errorf("docker %q: status %d, stdout %q, stderr %q, want %d, %q", args, status, stdout, stderr, want, says)
	}
}

func expectRun(t *testing.T, want int, says string, args ...string) {
	t.Helper()
	expectDocker(t, want, says, append([]string{"run", "--rm", "--network", "none"}, args...)...)
}

var images int // that were built

// build builds an image. The files util, app and busybox are there to be copied.
func build(t *testing.T, dockerfile string) (image string) {
	t.Helper()
	if status, _, stderr := docker(t, "version"); status != 0 {
		test.Missing(t, "Docker Engine", stderr)
	}
	dir := t.TempDir()
	place(t, dir+"/util")
	busybox, err := os.ReadFile(test.Tool(t, "busybox"))
	must(t, err)
	must(t, os.WriteFile(dir+"/busybox", busybox, 0o755))
	must(t, os.WriteFile(dir+"/app", []byte(app), 0o755))
	write(t, dir+"/Dockerfile", dockerfile)
	images++
	image = fmt.Sprintf("util-test-readme-%d-%d", os.Getpid(), images)
	cmd := exec.Command("docker", "build", "--network", "none", "--quiet", "--force-rm", "--tag", image, dir)
	cmd.Env = append(os.Environ(), "DOCKER_BUILDKIT=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("docker build: %v\n%s\n%s", err, dockerfile, out)
	}
	return image
}

// removeImages removes what build made.
func removeImages() {
	for n := range images {
		_ = exec.Command("docker", "rmi", "--force", fmt.Sprintf("util-test-readme-%d-%d", os.Getpid(), n+1)).Run()
	}
}

// withBusybox is what an image needs for the app of these tests, which is a script.
const withBusybox = "COPY busybox /bin/busybox\n"

// inScratch builds an image of the lines and looks at it.
func inScratch(look func(*testing.T, string)) func(*testing.T, []string) {
	return func(t *testing.T, lines []string) {
		look(t, build(t, strings.Join(lines, "\n")+"\n"+withBusybox))
	}
}

// inBase builds an image of the lines on top of one that a user has: with a program python3.
func inBase(look func(*testing.T, string)) func(*testing.T, []string) {
	return func(t *testing.T, lines []string) {
		base := build(t, "FROM scratch\n"+withBusybox+"COPY app /app\nCOPY app /usr/bin/python3\n")
		look(t, build(t, "FROM "+base+"\n"+strings.Join(lines, "\n")+"\n"))
	}
}

// readmes is the README's first image, once it is built.
var readmes string

func readmesImage(t *testing.T) string {
	t.Helper()
	if readmes == "" {
		readmes = build(t, strings.Join(scratch, "\n")+"\n"+withBusybox)
	}
	return readmes
}

// inReadmes builds an image of the lines on top of the README's first.
func inReadmes(look func(*testing.T, string)) func(*testing.T, []string) {
	return func(t *testing.T, lines []string) {
		look(t, build(t, "FROM "+readmesImage(t)+"\n"+strings.Join(lines, "\n")+"\n"))
	}
}

// background starts a container, waits until it says "ready", and returns its name.
func background(t *testing.T, options []string, image string, command ...string) (name string) {
	t.Helper()
	args := slices.Concat([]string{"run", "--detach", "--network", "none"}, options, []string{image}, command)
	status, name, stderr := docker(t, args...)
	if status != 0 {
		t.Fatalf("docker %q: %s", args, stderr)
	}
	t.Cleanup(func() { _ = exec.Command("docker", "rm", "--force", name).Run() })
	test.Eventually(t, "the container is ready", func() bool {
		_, stdout, _ := docker(t, "logs", name)
		return strings.Contains(stdout, "ready")
	})
	return name
}

// healthcheck is the command of an image's health check.
func healthcheck(t *testing.T, image string) (command []string) {
	t.Helper()
	_, stdout, stderr := docker(t, "inspect", "--format", "{{json .Config.Healthcheck.Test}}", image)
	if err := json.Unmarshal([]byte(stdout), &command); err != nil || command[0] != "CMD" {
		t.Fatalf("health check %q, %v, %s", stdout, err, stderr)
	}
	return command[1:]
}

func runsApp(t *testing.T, image string) { t.Helper(); expectRun(t, 0, "app", image) }

func runsPython(t *testing.T, image string) { t.Helper(); expectRun(t, 0, "python3 <app.py>", image) }

// Shells

// shell runs each line in a shell: in PID, mount and network namespaces of its own, under util init, with util and its links in
// PATH, and a file system of its own. at N … starts a command with that pid in the background, ready waits for its word, listen N
// serves a port; db, cache
// and proxy are this host. Behind the line comes a check; the line and the check print that, and the shell ends with that status.
func shell(setup, check string, status int, prints string) func(*testing.T, []string) {
	return func(t *testing.T, lines []string) {
		for _, line := range lines {
			inShell(t, line, setup, check, status, prints)
		}
	}
}

func inShell(t *testing.T, line, setup, check string, status int, prints string) {
	t.Helper()
	got, stdout, stderr := shellRun(t, setup, line, check)
	stdout = regexp.MustCompile(`(\d):\d+`).ReplaceAllString(stdout, "$1:INODE")
	if got != status || stdout != prints {
		t.Errorf("%s: status %d, stdout %q, stderr %q, want %d, %q", line, got, stdout, stderr, status, prints)
	}
}

func shellRun(t *testing.T, setup, line, check string) (status int, stdout, stderr string) {
	t.Helper()
	if os.Geteuid() != 0 {
		test.Missing(t, "root", "a root directory of the test's own")
	}
	root := t.TempDir()
	util := place(t, root+"/sbin/util")
	installs(t, util, 0, "", "-s", root+"/sbin")
	for _, dir := range []string{"proc", "dev", "etc", "run", "tmp"} {
		must(t, os.MkdirAll(filepath.Join(root, dir), 0o755))
	}
	for name, from := range map[string]string{"busybox": test.Tool(t, "busybox"), "crowd": test.Crowd(t), "probe": test.Probe(t)} {
		program, err := os.ReadFile(from)
		must(t, err)
		must(t, os.MkdirAll(root+"/bin", 0o755))
		must(t, os.WriteFile(root+"/bin/"+name, program, 0o755))
	}
	for _, name := range []string{"app", "nginx", "python3"} {
		must(t, os.WriteFile(root+"/bin/"+name, []byte(app), 0o755))
	}
	for _, name := range []string{"sh", "sleep", "setsid", "ps", "grep", "ls", "mkdir", "nc", "ip", "cat"} {
		must(t, os.Symlink("busybox", root+"/bin/"+name))
	}
	must(t, unix.Mknod(root+"/dev/null", unix.S_IFCHR|0o666, int(unix.Mkdev(1, 3)))) // a shell's background job reads it
	write(t, root+"/etc/hosts", "127.0.0.1 localhost db cache proxy\n")
	script := `at() { echo $(($1 - 1)) >/proc/sys/kernel/ns_last_pid; shift; "$@" >/tmp/out & }
ready() { until grep -q ready /tmp/out; do sleep 0.01; done; }
listen() { nc -ll -p $1 -e sleep 5 & }
ip link set lo up
` + setup + "\n" + line + "\nstatus=$?\n" + check + "\nexit $status\n"
	write(t, root+"/script", script)
	cmd := test.ProcNamespace(exec.Command("/bin/probe", "mountproc", "exec", "/sbin/init", "--", "/bin/sh", "/script"))
	cmd.SysProcAttr.Cloneflags |= syscall.CLONE_NEWNET
	cmd.SysProcAttr.Chroot = root
	cmd.Dir = "/"
	cmd.Env = []string{"PATH=/sbin:/bin"}
	return test.Run(t, cmd)
}
