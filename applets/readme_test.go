package applets_test

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"testing"
	"unicode/utf8"

	"util/internal/test"

	"golang.org/x/sys/unix"
)

// example runs examples of the documents and of the help texts. They are lines, without the comment
// that follows them.
type example struct {
	lines []string
	run   func(t *testing.T, lines []string)
}

// full is the image of README.md and docs/util.md, which has a link for each applet.
var full = []string{
	"FROM scratch", "COPY util /sbin/util", "COPY app /app",
	`RUN ["/sbin/util", "--install", "-s", "/sbin"]`, "STOPSIGNAL SIGTERM",
	`ENTRYPOINT ["/sbin/init", "--"]`, `CMD ["/app"]`,
}

// service is the README's service for Docker Compose.
var service = []string{
	"services:", "app:", "build: .", "stop_grace_period: 30s", "environment:",
	"UTIL_INIT_GRACE: 28s",
}

// examples are all examples. A line that is printed somewhere and is not here is an error. So is a
// line that is here and not printed.
var examples = []example{
	{lines("make demo", "make test"), isTarget},

	// images
	{full, inScratch(runsApp)},
	{lines("COPY util /sbin/init"), inScratchAlone},
	{service, inCompose},
	{
		lines(
			"COPY util /sbin/util",
			`ENTRYPOINT ["/sbin/util", "init", "--"]`,
			`CMD ["python3", "app.py"]`,
		),
		inBase(runsPython),
	},
	{
		lines(
			"COPY util-init /sbin/init",
			"STOPSIGNAL SIGTERM",
			`ENTRYPOINT ["/sbin/init", "--"]`,
			`CMD ["python3", "app.py"]`,
		),
		inBase(runsPython),
	},
	{
		lines(`ENTRYPOINT ["/sbin/init", "--stop-delay", "5s", "--grace", "25s", "--", "/app"]`),
		onFull(runsApp),
	},
	{lines("COPY util /usr/bin/tini"), inBase(runsAppUnderTini)},
	{lines(`RUN ["/sbin/util", "--install", "-s", "--compat", "/sbin"]`), onFull(hasAliases)},
	{lines(`HEALTHCHECK CMD ["/sbin/util", "reap-once", "-q"]`), onFull(checksZombies)},
	{
		lines(`HEALTHCHECK CMD ["/sbin/util", "healthcheck", "http://localhost:8080/healthz"]`),
		onFull(checksHealth),
	},
	{
		lines(
			"healthcheck:",
			`test: ["CMD", "/sbin/util", "healthcheck", "http://localhost:8080/healthz"]`,
			"interval: 5s",
		),
		inComposeHealthy,
	},
	{
		lines(
			"readinessProbe:",
			"exec:",
			`command: ["/sbin/util", "healthcheck", "--timeout", "800ms", "redis://localhost"]`,
			"timeoutSeconds: 1",
		),
		probesRedis,
	},
	{
		lines(`ENTRYPOINT ["/sbin/init", "--", "/sbin/wait-for-port", "db:5432", "--", "/app"]`),
		onFull(waitsForDatabase),
	},

	// engines
	{lines("docker run --rm --pid=container:app IMAGE util sendsig HUP --name app"), inSidecar},
	{
		lines("util --install /usr/local/bin docker-init podman-init"),
		shell("", "ls -1 /usr/local/bin", "docker-init\npodman-init"),
	},
	{
		lines(`{"init-path": "/usr/local/bin/docker-init"}`),
		coveredBy("init/engine_test.go", `{"init-path": %q}`),
	},
	{
		lines("[containers]", `init_path = "/usr/local/bin/podman-init"`),
		coveredBy("init/engine_test.go", `[containers]\ninit_path = %q\n`),
	},
	{
		lines("lxc.init.cmd = /sbin/init --grace 30s --stop-signal PWR,RTMIN+3 " +
			"--rewrite PWR:TERM,RTMIN+3:TERM -- /app"),
		stoppedAsByLXC,
	},
	{
		lines(
			"env:",
			"- {name: UTIL_INIT_GRACE, value: 28s}",
			"- {name: UTIL_INIT_TERMINATION_LOG, value: /dev/termination-log}",
			"- {name: UTIL_INIT_LOG_FORMAT, value: json}",
		),
		writesTerminationLog,
	},
	{
		lines(`ENTRYPOINT ["/sbin/init", "--pause"]`),
		coveredBy("../internal/test/kubernetes/image_test.go", `{"/sbin/init", "--pause"}`),
	},
	{
		lines(
			`[plugins."io.containerd.grpc.v1.cri"]`,
			`sandbox_image = "registry.example.com/pause:1"`,
		),
		coveredBy("../internal/test/kubernetes/node_test.go",
			"\n[plugins.\"io.containerd.grpc.v1.cri\"]\n  sandbox_image = "),
	},
	{
		lines(
			"terminationGracePeriodSeconds: 30",
			`command: ["/sbin/init", "--stop-delay", "5s", "--grace", "28s", "--", "/app"]`,
			"- name: sidecar", "restartPolicy: Always",
			`command: ["/sbin/init", "--grace", "28s", "--", "/app", "-address", "localhost:9090"]`,
		),
		inDeployment,
	},

	// servers: their tests take the options from these lines
	{lines(
		entrypoint(`"--grace", "55s", "--", "postgres", "-D", "/data"`),
		entrypoint(`"--grace", "9s", "--rewrite", "TERM:INT", "--", "postgres", "-D", "/data"`),
		entrypoint(`"-c", "--grace", "30s", "--", "gunicorn", "app:app"`),
		entrypoint(`"-c", "--grace", "9s", "--rewrite", "TERM:QUIT", "--", "php-fpm", "--nodaemonize"`),
		entrypoint(`"--grace", "9s", "--rewrite", "TERM:QUIT", "--", "nginx", "-g", "daemon off;"`),
		entrypoint(`"--grace", "9s", "--exit-code", "143:0", "--", "java", "-jar", "app.jar"`),
		entrypoint(`"--grace", "60s", "--", "supervisord", "--nodaemon"`),
	), func(t *testing.T, lines []string) {
		for _, line := range lines {
			coveredBy("init/servers_test.go", "fromReadme(t, `"+line+"`)")(t, nil)
		}
	}},

	// util itself
	{
		lines("util --list"),
		shell("", "", "init\nwait-for-port\nhealthcheck\nrun-as\nsendsig\nreap-once"),
	},
	{
		lines("util --list --compat"),
		shell("", "", "init\nwait-for-port\nhealthcheck\nrun-as\nsendsig\nreap-once\n"+
			strings.Join(aliases, "\n")),
	},
	{
		lines("util completion bash >/etc/bash_completion.d/util"),
		shell(
			"mkdir -p /etc/bash_completion.d",
			"grep -c '^complete ' /etc/bash_completion.d/util", "1",
		),
	},

	// init
	{lines("util init --grace 8s -- app --serve"), shell("", "", "app <--serve>")},
	{
		lines(
			"util init -- nginx -g 'daemon off;'",
			"util init --rewrite TERM:QUIT -- nginx -g 'daemon off;'",
		),
		shell("", "", "nginx <-g> <daemon off;>"),
	},
	{
		lines("UTIL_INIT_REWRITE=HUP:none,TERM:INT util init -v python3 app.py"),
		shell("", "", "python3 <app.py>"),
	},

	// wait-for-port
	{
		lines(
			"wait-for-port db:5432 cache:6379 -- app --serve",
			"util wait-for-port db:5432 cache:6379 -- app --serve",
		),
		shell("listen 5432; listen 6379", "", "app <--serve>"),
	},
	{
		lines(
			"wait-for-port --timeout 0 --hold 100ms tcp://proxy:80",
			"util wait-for-port --timeout 0 --hold 100ms tcp://proxy:80",
		),
		shell("listen 80", "", ""),
	},
	{
		lines("wait-for-port --state down 8080", "util wait-for-port --state down --timeout 5s 8080"),
		shell("", "", ""),
	},

	{
		lines(
			"wait-for-port env:DATABASE_URL http://auth/healthz -- app --serve",
			"util wait-for-port env:DATABASE_URL http://auth/healthz -- app --serve",
		),
		shell(
			"web 80; listen 27017; export DATABASE_URL=mongodb://user:password@db/app",
			"", "app <--serve>",
		),
	},

	// healthcheck
	{
		lines("util healthcheck http://localhost:8080/healthz"),
		shell("web 8080; util wait-for-port http://localhost:8080/healthz", "", ""),
	},
	{
		lines("util healthcheck --timeout 500ms 5432 file:/run/ready"),
		shell("listen 5432; util wait-for-port 5432; echo >/run/ready", "", ""),
	},

	// sendsig
	{
		lines("util sendsig TERM 12 15"),
		shell("at 12 sleep 1000; at 15 sleep 1000", "wait 12; echo $?; wait 15; echo $?", "143\n143"),
	},
	{
		lines("util sendsig -TERM -- -12", "util sendsig TERM -- -12"),
		shell(
			"at 12 setsid sleep 1000; until [ $(ps -o pgid,pid | grep -c '12  *12$') = 1 ]; do :; done",
			"wait 12; echo $?", "143",
		),
	},
	{
		lines("util sendsig HUP --pidfile /run/app.pid --name app"),
		shell("at 12 app stay; ready; echo 12 >/run/app.pid", "wait 12; echo $?", "9"),
	},
	{
		lines("util sendsig TERM --tree 12 --then KILL@10s --wait"),
		shell(
			"at 12 sh -c 'sleep 1000 & setsid sleep 1000'",
			"wait 12; echo $?; util sendsig --dry-run TERM --name sleep 2>/dev/null; echo $?", "143\n1",
		),
	},
	{
		lines("util sendsig --dry-run TERM --cmdline 'worker [0-9]'"),
		shell("at 12 app stay worker 7; ready", "", "would send TERM to 12:INODE (app)"),
	},
	{lines("util sendsig -l 143"), shell("", "", "TERM")},

	// reap-once
	{lines("exec util reap-once --wait 2s -- app"), shell("sleep 0.2 &", "", "app")},
	{lines("util reap-once", "util reap-once --nudge"), shell("at 12 sleep 1000", "", "")},
	{
		lines(
			"$ util reap-once",
			"zombies of 12 (app), which does not catch SIGCHLD: 2",
			"40 (worker), started 3m2s ago",
			"41 (worker), started 1m0s ago",
			"hint: only this parent can reap them; when it has ended, PID 1 can: "+
				"run the container's command under util init",
		),
		listsZombies,
	},

	// run-as
	{
		lines("util run-as app -- app --serve"),
		shell("echo app:x:1000:1000::/home/app:/bin/sh >/etc/passwd", "", "app <--serve>"),
	},
	{lines("util run-as 1000:1000 -- app"), shell("", "", "app")},
	{
		lines("util init -- util wait-for-port env:DATABASE_URL -- util run-as app -- app"),
		shell("echo app:x:1000:1000::/home/app:/bin/sh >/etc/passwd; listen 27017; "+
			"export DATABASE_URL=mongodb://user:password@db/app", "", "app"),
	},
	{
		lines(`ENTRYPOINT ["/sbin/init", "--", "/sbin/run-as", "1000:1000", "--", "/app"]`),
		onFull(runsApp),
	},
}

func lines(all ...string) []string { return all }

// entrypoint is the instruction of an image that runs init with these words, as JSON strings.
func entrypoint(words string) string { return `ENTRYPOINT ["/sbin/init", ` + words + `]` }

// comment is what follows an example in its line.
var comment = regexp.MustCompile(`(\s#|\s{2}).*$`)

// bare is a line without indentation and comment.
func bare(line string) string {
	return strings.TrimSpace(comment.ReplaceAllString(strings.TrimSpace(line), ""))
}

// document is a Markdown file that has examples.
type document struct {
	text   string     // its paragraphs, without tables and code blocks
	blocks [][]string // its indented code blocks, each without the common indentation
}

// documents reads README.md and docs/*.md. Their indented code blocks are examples. Output and
// diagrams are in fenced blocks that are marked as text; no other fenced block is allowed, so that
// none hides an example.
func documents(t *testing.T) (all []document) {
	t.Helper()
	paths, err := filepath.Glob("../docs/*.md")
	test.Must(t, err)
	if len(paths) == 0 {
		t.Fatal("docs has no documents")
	}
	for _, path := range append([]string{"../README.md"}, paths...) {
		var d document
		isCode, isFenced, isAfterBlank := false, false, true
		for line := range strings.Lines(others.ReplaceAllString(contents(t, path), "")) {
			line = strings.TrimRight(line, "\n")
			switch code, isIndented := strings.CutPrefix(line, "    "); {
			case strings.HasPrefix(line, "```"):
				if isFenced = !isFenced; isFenced && line != "```text" {
					t.Errorf("%s: fenced block %q: is not marked as text", path, line)
				}
				isCode = false
			case isFenced:
			case isIndented && isCode:
				last := len(d.blocks) - 1
				d.blocks[last] = append(d.blocks[last], code)
			case isIndented && isAfterBlank: // otherwise it continues a paragraph of a list
				isCode = true
				d.blocks = append(d.blocks, []string{code})
			default:
				isCode = false
				if !strings.HasPrefix(line, "|") {
					d.text += line + "\n"
				}
			}
			isAfterBlank = line == ""
		}
		all = append(all, d)
	}
	return all
}

// others are the parts of docs/engines.md and docs/install.md whose lines are run by the tests in
// another package. They fail for a line that none of them runs.
var others = regexp.MustCompile(
	`(?s)<!-- lines: internal/test/(?:engines|packages) runs them -->\n.*?<!-- end of lines -->\n`)

// block returns the part of a code block that is these lines one after another, as it is printed.
func block(t *testing.T, lines []string) (printed string) {
	t.Helper()
	for _, d := range documents(t) {
		for _, b := range d.blocks {
			for from := 0; from+len(lines) <= len(b); from++ {
				part := b[from : from+len(lines)]
				if slices.EqualFunc(part, lines, func(line, want string) bool { return bare(line) == want }) {
					return strings.Join(part, "\n") + "\n"
				}
			}
		}
	}
	t.Fatalf("no document has these lines one after another:\n%s", strings.Join(lines, "\n"))
	return ""
}

var (
	// inline finds commands and instructions within the text of a document.
	inline = regexp.MustCompile("`((?:ENTRYPOINT|HEALTHCHECK|CMD|RUN|COPY|docker run|util) [^`]+)`")
	// synopsis finds those of them that are a pattern, or a mere name.
	synopsis = regexp.MustCompile(`\[APPLET\]|\[-|\||\b(NAME|APPLET|PID|WORDS|SIGNAL)\b|…` +
		`|^util [a-z][a-z-]*( --help)?$|^util --version$|^docker run (-it|--init)$|ENTRYPOINT \["tini"`)
)

// printed finds all examples: lines of the documents' code blocks, commands and instructions within
// their text, and the examples of the help texts. A line with an ellipsis is a synopsis.
func printed(t *testing.T) (all []string) {
	t.Helper()
	add := func(line string) {
		line = bare(line)
		if line != "" && line[0] != '#' && !strings.Contains(line, "…") && !slices.Contains(all, line) {
			all = append(all, line)
		}
	}
	for _, d := range documents(t) {
		for _, b := range d.blocks {
			for _, line := range b {
				add(line)
			}
		}
		for _, m := range inline.FindAllStringSubmatch(d.text, -1) {
			if span := strings.Join(strings.Fields(m[1]), " "); !synopsis.MatchString(span) {
				add(span)
			}
		}
	}
	for _, name := range append(list(t), "completion") {
		_, help, _ := run(t, name, "--help")
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

// TestReadme runs every example of README.md, docs/*.md and the help texts, each in the environment
// that it is for.
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

// TestDocuments checks the form of all documents: relative links lead to files and headings that
// exist, lines of text have at most 100 columns, and the README can be read in a minute.
func TestDocuments(t *testing.T) {
	paths, err := filepath.Glob("../docs/*.md")
	test.Must(t, err)
	for _, name := range []string{"README", "ARCHITECTURE", "CONTRIBUTING", "SECURITY", "CHANGELOG"} {
		paths = append(paths, "../"+name+".md")
	}
	paths = append(paths, "../examples/README.md")
	const mostLines = 200
	if n := strings.Count(contents(t, "../README.md"), "\n"); n > mostLines {
		t.Errorf("README.md has %d lines, more than %d", n, mostLines)
	}
	for _, path := range paths {
		checkLinks(t, path)
		isFenced := false
		for line := range strings.Lines(contents(t, path)) {
			line = strings.TrimSuffix(line, "\n")
			isFenced = isFenced != strings.HasPrefix(line, "```")
			isText := !isFenced && !strings.HasPrefix(line, "|") && !strings.HasPrefix(line, "    ")
			if isText && utf8.RuneCountInString(line) > 100 {
				t.Errorf("%s: more than 100 columns: %s", path, line)
			}
		}
	}
}

var link = regexp.MustCompile(`\]\(([^)#\s]*)(#[^)\s]*)?\)`)

// checkLinks checks that the relative links of a document lead to something.
func checkLinks(t *testing.T, path string) {
	t.Helper()
	if filepath.Ext(path) != ".md" {
		return
	}
	for _, m := range link.FindAllStringSubmatch(contents(t, path), -1) {
		if strings.Contains(m[1], "://") {
			continue
		}
		to := path
		if m[1] != "" {
			to = filepath.Join(filepath.Dir(path), m[1])
		}
		if _, err := os.Stat(to); err != nil {
			t.Errorf("%s: link %s: %v", path, m[0], err)
		} else if m[2] != "" && !slices.Contains(anchors(contents(t, to)), m[2]) {
			t.Errorf("%s: link %s: no such heading", path, m[0])
		}
	}
}

// anchors are what the headings of a document are linked by: lower case, words with hyphens between
// them, no other punctuation.
func anchors(text string) (all []string) {
	punctuation := regexp.MustCompile(`[^\pL\pN _-]`)
	for _, m := range regexp.MustCompile(`(?m)^#+ (.*)$`).FindAllStringSubmatch(text, -1) {
		heading := punctuation.ReplaceAllString(strings.ToLower(m[1]), "")
		all = append(all, "#"+strings.ReplaceAll(heading, " ", "-"))
	}
	return all
}

func contents(t *testing.T, path string) string {
	t.Helper()
	text, err := os.ReadFile(path)
	test.Must(t, err)
	return string(text)
}

func isTarget(t *testing.T, lines []string) {
	makefile, ci := contents(t, "../Makefile"), contents(t, "../.ci/run")
	for _, line := range lines {
		target := strings.TrimPrefix(line, "make ")
		inCI := regexp.MustCompile(`\ntargets='(.* )?` + target + `( .*)?'\n`).MatchString(ci)
		if !inCI || !strings.Contains(makefile, "\n"+target+":") {
			t.Errorf("%s: no target, or CI does not make it", line)
		}
	}
}

// coveredBy is for an example that another test runs. The file of that test contains text.
func coveredBy(file, text string) func(*testing.T, []string) {
	return func(t *testing.T, _ []string) {
		if !strings.Contains(contents(t, file), text) {
			t.Errorf("%s has no %s", file, text)
		}
	}
}

// inDeployment is for lines of the Deployment, whose pod make test-kubernetes runs.
func inDeployment(t *testing.T, lines []string) {
	for _, line := range lines {
		coveredBy("../examples/kubernetes/deployment.yaml", line+"\n")(t, nil)
	}
}

// app is the user's program, as a script for busybox. It prints how it was called. With "stay" as
// its first argument it waits for a signal, and exits with 9 on HUP and with 15 on TERM.
const app = `#!/bin/busybox sh
if [ "$1" = stay ]; then
	trap 'exit 9' HUP
	trap 'exit 15' TERM
	echo ready
	while :; do busybox sleep 5 & wait; done # a signal just before wait would be seen after it
fi
printf "${0##*/}"
[ $# = 0 ] || printf ' <%s>' "$@"
echo
`

// Images.

func expectDocker(t *testing.T, want int, says string, args ...string) {
	t.Helper()
	if status, stdout, stderr := test.Docker(t, args...); status != want || stdout != says {
		t.Errorf("docker %q: status %d, stdout %q, stderr %q, want %d, %q",
			args, status, stdout, stderr, want, says)
	}
}

func expectRun(t *testing.T, want int, says string, args ...string) {
	t.Helper()
	expectDocker(t, want, says, append([]string{"run", "--rm", "--network", "none"}, args...)...)
}

var images int // that were built

// buildContext makes a directory with a Dockerfile and the files util, app and busybox.
func buildContext(t *testing.T, dockerfile string) (dir string) {
	t.Helper()
	test.Engine(t)
	dir = t.TempDir()
	place(t, dir+"/util")
	test.CopyFile(t, test.UtilInit(t, runtime.GOARCH, ""), dir+"/util-init")
	test.CopyFile(t, test.Tool(t, "busybox"), dir+"/busybox")
	test.Must(t, os.WriteFile(dir+"/app", []byte(app), 0o755))
	write(t, dir+"/Dockerfile", dockerfile)
	return dir
}

// build builds an image.
func build(t *testing.T, dockerfile string) (image string) {
	t.Helper()
	dir := buildContext(t, dockerfile)
	images++
	image = fmt.Sprintf("util-test-readme-%d-%d", os.Getpid(), images)
	cmd := exec.Command("docker", "build", "--network", "none", "--quiet", "--force-rm",
		"--tag", image, dir)
	cmd.Env = append(os.Environ(), "DOCKER_BUILDKIT=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("docker build: %v\n%s\n%s", err, dockerfile, out)
	}
	return image
}

// removeImages removes what build made.
func removeImages() {
	for n := range images {
		name := fmt.Sprintf("util-test-readme-%d-%d", os.Getpid(), n+1)
		_ = exec.Command("docker", "rmi", "--force", name).Run()
	}
}

// withBusybox is what an image needs for the app of these tests, which is a script.
const withBusybox = "COPY busybox /bin/busybox\n"

// inScratch builds an image of the lines and checks it.
func inScratch(check func(*testing.T, string)) func(*testing.T, []string) {
	return func(t *testing.T, lines []string) {
		check(t, build(t, block(t, lines)+withBusybox))
	}
}

// inScratchAlone builds the full image without links: the line replaces those that make them.
func inScratchAlone(t *testing.T, lines []string) {
	var dockerfile string
	for _, line := range full {
		switch {
		case strings.HasPrefix(line, "COPY util "):
			line = lines[0]
		case strings.HasPrefix(line, "RUN "):
			continue
		}
		dockerfile += line + "\n"
	}
	runsApp(t, build(t, dockerfile+withBusybox))
}

// inBase builds an image of the lines on top of one that a user has: with a program python3.
func inBase(check func(*testing.T, string)) func(*testing.T, []string) {
	return func(t *testing.T, lines []string) {
		base := build(t, "FROM scratch\n"+withBusybox+"COPY app /app\nCOPY app /usr/bin/python3\n")
		check(t, build(t, "FROM "+base+"\n"+block(t, lines)))
	}
}

// fullImage is the image of full, once it is built.
var fullImage string

func buildFull(t *testing.T) string {
	t.Helper()
	if fullImage == "" {
		fullImage = build(t, block(t, full)+withBusybox)
	}
	return fullImage
}

// onFull builds an image of the lines on top of the full one.
func onFull(check func(*testing.T, string)) func(*testing.T, []string) {
	return func(t *testing.T, lines []string) {
		check(t, build(t, "FROM "+buildFull(t)+"\n"+strings.Join(lines, "\n")+"\n"))
	}
}

// inCompose runs the service with Docker Compose and stops it.
func inCompose(t *testing.T, lines []string) {
	dir := buildContext(t, block(t, full)+withBusybox)
	write(t, dir+"/compose.yaml", block(t, lines))
	write(t, dir+"/override.yaml", fmt.Sprintf(`services:
  app:
    image: util-test-readme-%d
    network_mode: none
    command: ["/app", "stay"]
`, os.Getpid()))
	p := test.ComposeProject(t, fmt.Sprintf("util-test-readme-%d", os.Getpid()), nil,
		dir+"/compose.yaml", dir+"/override.yaml")
	p.Compose("up", "--build", "--detach")
	container := p.Compose("ps", "--quiet")
	isReady(t, container)
	p.Compose("stop")
	if got := inspect(t, container, "{{.State.ExitCode}} {{.Config.StopTimeout}}"); got != "15 30" {
		t.Errorf("exit status and stop timeout: %s, want 15 30", got)
	}
	env := inspect(t, container, "{{range .Config.Env}}{{println .}}{{end}}")
	if !slices.Contains(strings.Split(env, "\n"), "UTIL_INIT_GRACE=28s") {
		t.Errorf("environment of the service: %q", env)
	}
}

// inComposeHealthy runs a web server with the health check of the lines, until it is healthy and
// then is not.
func inComposeHealthy(t *testing.T, lines []string) {
	service := fmt.Sprintf(`services:
  app:
    image: util-test-readme-%d
    build: .
    network_mode: none
    command: [/bin/busybox, sh, -c, "busybox touch /healthz; exec busybox httpd -f -p 8080"]
`, os.Getpid())
	for line := range strings.Lines(block(t, lines)) {
		service += "    " + line
	}
	dir := buildContext(t, block(t, full)+withBusybox)
	write(t, dir+"/compose.yaml", service+"      retries: 1\n")
	p := test.ComposeProject(t, fmt.Sprintf("util-test-readme-%d", os.Getpid()), nil,
		dir+"/compose.yaml")
	p.Compose("up", "--build", "--detach")
	container := p.Compose("ps", "--quiet")
	const health = "{{.State.Health.Status}}"
	test.Eventually(t, "healthy", func() bool {
		return inspect(t, container, health) == "healthy"
	})
	test.MustDocker(t, "exec", container, "/bin/busybox", "rm", "/healthz")
	test.Eventually(t, "unhealthy", func() bool {
		return inspect(t, container, health) == "unhealthy"
	})
	output := inspect(t, container, "{{range .State.Health.Log}}{{.Output}}{{end}}")
	if output != "http://localhost:8080/healthz: status 404" {
		t.Errorf("the engine kept the output %q", output)
	}
}

func inspect(t *testing.T, container, format string) string {
	t.Helper()
	return test.MustDocker(t, "inspect", "--format", format, container)
}

// background starts a container, waits until it has printed "ready", and returns its name.
func background(t *testing.T, options []string, image string, command ...string) (name string) {
	t.Helper()
	args := slices.Concat(lines("run", "--detach", "--network", "none"), options, lines(image))
	args = append(args, command...)
	status, name, stderr := test.Docker(t, args...)
	if status != 0 {
		t.Fatalf("docker %q: %s", args, stderr)
	}
	t.Cleanup(func() { _ = exec.Command("docker", "rm", "--force", name).Run() })
	isReady(t, name)
	return name
}

// isReady waits until a container has printed "ready".
func isReady(t *testing.T, container string) {
	t.Helper()
	test.Eventually(t, "the container is ready", func() bool {
		_, stdout, _ := test.Docker(t, "logs", container)
		return strings.Contains(stdout, "ready")
	})
}

// healthcheck is the command of an image's health check.
func healthcheck(t *testing.T, image string) (command []string) {
	t.Helper()
	const format = "{{json .Config.Healthcheck.Test}}"
	_, stdout, stderr := test.Docker(t, "inspect", "--format", format, image)
	if err := json.Unmarshal([]byte(stdout), &command); err != nil || command[0] != "CMD" {
		t.Fatalf("health check %q, %v, %s", stdout, err, stderr)
	}
	return command[1:]
}

func runsApp(t *testing.T, image string) { t.Helper(); expectRun(t, 0, "app", image) }

func runsPython(t *testing.T, image string) {
	t.Helper()
	expectRun(t, 0, "python3 <app.py>", image)
}

func runsAppUnderTini(t *testing.T, image string) {
	runsApp(t, build(t, "FROM "+image+"\nENTRYPOINT [\"tini\", \"--\"]\nCMD [\"/app\"]\n"))
}

func hasAliases(t *testing.T, image string) {
	for _, alias := range aliases {
		expectRun(t, 0, "app", "--entrypoint", alias, image, "--", "/app")
	}
}

func checksZombies(t *testing.T, image string) {
	name := background(t, nil, image, "/app", "stay")
	expectDocker(t, 0, "", append([]string{"exec", name}, healthcheck(t, image)...)...)
}

func checksHealth(t *testing.T, image string) {
	command := healthcheck(t, image)
	deaf := background(t, nil, image, "/app", "stay")
	expectDocker(t, 1, "http://localhost:8080/healthz: connection refused",
		append([]string{"exec", deaf}, command...)...)
	name := background(t, nil, image, "/bin/busybox", "sh", "-c",
		"busybox touch /healthz; echo ready; exec busybox httpd -f -p 8080")
	test.Eventually(t, "healthy", func() bool {
		status, _, _ := test.Docker(t, append([]string{"exec", name}, command...)...)
		return status == 0
	})
}

// probesRedis runs the command of the probe beside a server, and without one.
func probesRedis(t *testing.T, lines []string) {
	block(t, lines)
	var command []string
	_, list, _ := strings.Cut(lines[2], ": ")
	test.Must(t, json.Unmarshal([]byte(list), &command))
	line := strings.Join(command, " ")
	shell("redis; util wait-for-port 6379", "", "")(t, []string{line})
	status, stdout, stderr := shellRun(t, "", line, "")
	if status != 1 || stdout != "redis://localhost: connection refused" {
		t.Errorf("without a server: status %d, stdout %q, stderr %q", status, stdout, stderr)
	}
}

func waitsForDatabase(t *testing.T, image string) {
	db := background(t, lines("--add-host", "db:127.0.0.1", "--entrypoint", "/bin/busybox"), image,
		"sh", "-c", "echo ready; exec busybox nc -ll -p 5432 -e cat")
	expectDocker(t, 0, "app", "run", "--rm", "--network", "container:"+db, image)
}

// inSidecar runs the line beside a container that runs the app.
func inSidecar(t *testing.T, lines []string) {
	image := buildFull(t)
	name := background(t, nil, image, "/app", "stay")
	replacer := strings.NewReplacer("container:app", "container:"+name, "IMAGE", image,
		"run", "run --network none")
	words := strings.Fields(replacer.Replace(lines[0]))
	// init ends with the app. The kernel then ends the namespace, and sendsig if it is still running.
	if status, _, stderr := test.Docker(t, words[1:]...); status != 0 && status != 137 {
		t.Errorf("status %d, %s", status, stderr)
	}
	expectDocker(t, 0, "9", "wait", name)
}

// stoppedAsByLXC runs the command of the line and stops it with PWR.
func stoppedAsByLXC(t *testing.T, lines []string) {
	words := strings.Fields(lines[0])
	options := []string{"--entrypoint", words[2]}
	name := background(t, options, buildFull(t), append(words[3:], "stay")...)
	expectDocker(t, 0, name, "kill", "--signal", "PWR", name)
	expectDocker(t, 0, "15", "wait", name)
}

// writesTerminationLog runs a container with the variables of the lines, and checks its termination
// log.
func writesTerminationLog(t *testing.T, lines []string) {
	block(t, lines)
	log := filepath.Join(t.TempDir(), "log")
	write(t, log, "")
	options := []string{"run", "--rm", "--network", "none", "--volume", log + ":/dev/termination-log"}
	for _, line := range lines[1:] {
		m := regexp.MustCompile(`^- \{name: (\w+), value: (\S+)\}$`).FindStringSubmatch(line)
		options = append(options, "--env", m[1]+"="+m[2])
	}
	expectDocker(t, 0, "app", append(options, buildFull(t))...)
	text, _ := os.ReadFile(log)
	var last struct{ Event string }
	if err := json.Unmarshal(text, &last); err != nil || last.Event != "ended" {
		t.Errorf("termination log: %q, %v", text, err)
	}
}

// listsZombies compares the output of the first line with the other lines, except for numbers,
// names and ages.
func listsZombies(t *testing.T, lines []string) {
	block(t, lines)
	shape := func(text string) string {
		text = regexp.MustCompile(`started \S+ ago`).ReplaceAllString(text, "started T ago")
		text = regexp.MustCompile(`(?m)^ +`).ReplaceAllString(text, "")
		return regexp.MustCompile(`\d+ \(\w+\)`).ReplaceAllString(text, "N (NAME)")
	}
	_, out, _ := shellRun(t, "at 12 crowd zombies 2; ready", strings.TrimPrefix(lines[0], "$ "), "")
	if want := strings.Join(lines[1:], "\n"); shape(out) != shape(want) {
		t.Errorf("printed %q, want the like of %q", out, want)
	}
}

// Shells.

// shell runs each line in a shell: in PID, mount and network namespaces of its own, under util
// init, with util and its links in PATH, and a file system of its own. The setup precedes the line,
// the check follows it. Together they must print that, and the line must end with status 0. Setup
// and check have functions: at N COMMAND starts a command with pid N in the background, ready waits
// until it has printed "ready", listen N serves a port, web N serves /healthz over HTTP, and redis
// answers PING. The names db, cache, auth and proxy are this host.
func shell(setup, check, prints string) func(*testing.T, []string) {
	return func(t *testing.T, lines []string) {
		for _, line := range lines {
			status, stdout, stderr := shellRun(t, setup, line, check)
			stdout = regexp.MustCompile(`(\d):\d+`).ReplaceAllString(stdout, "$1:INODE")
			if status != 0 || stdout != prints {
				t.Errorf("%s: status %d, stdout %q, stderr %q, want 0, %q",
					line, status, stdout, stderr, prints)
			}
		}
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
		test.Must(t, os.MkdirAll(filepath.Join(root, dir), 0o755))
	}
	test.Must(t, os.Mkdir(root+"/bin", 0o755))
	test.CopyFile(t, test.Tool(t, "busybox"), root+"/bin/busybox")
	test.CopyFile(t, test.Crowd(t), root+"/bin/crowd")
	test.CopyFile(t, test.Probe(t), root+"/bin/probe")
	for _, name := range []string{"app", "nginx", "python3"} {
		test.Must(t, os.WriteFile(root+"/bin/"+name, []byte(app), 0o755))
	}
	for name := range strings.FieldsSeq("sh sleep setsid ps grep ls mkdir nc ip cat") {
		test.Must(t, os.Symlink("busybox", root+"/bin/"+name))
	}
	// The background jobs of a shell read /dev/null.
	test.Must(t, unix.Mknod(root+"/dev/null", unix.S_IFCHR|0o666, int(unix.Mkdev(1, 3))))
	write(t, root+"/etc/hosts", "127.0.0.1 localhost db cache auth proxy\n")
	script := `at() { echo $(($1 - 1)) >/proc/sys/kernel/ns_last_pid; shift; "$@" >/tmp/out & }
ready() { until grep -q ready /tmp/out; do sleep 0.01; done; }
listen() { nc -ll -p $1 -e sleep 5 & }
web() { mkdir /tmp/www; echo >/tmp/www/healthz; busybox httpd -p $1 -h /tmp/www; }
redis() { nc -ll -p 6379 -e sh -c 'read a; read b; read c; printf "+PONG\r\n"; cat >/dev/null' & }
ip link set lo up
` + setup + "\n" + line + "\nstatus=$?\n" + check + "\nexit $status\n"
	write(t, root+"/script", script)
	cmd := test.ProcNamespace(exec.Command("/bin/probe",
		"mountproc", "exec", "/sbin/init", "--", "/bin/sh", "/script"))
	cmd.SysProcAttr.Cloneflags |= syscall.CLONE_NEWNET
	cmd.SysProcAttr.Chroot = root
	cmd.Dir = "/"
	cmd.Env = []string{"PATH=/sbin:/bin"}
	return test.Run(t, cmd)
}
