package readiness

import (
	"fmt"
	"strings"
	"testing"

	"util/internal/readiness/protocol"
)

// describe returns what a target means, for comparisons.
func describe(t Target) string {
	text := fmt.Sprintf("%s host %q port %d", t.Name, t.Host, t.Port)
	switch {
	case t.File:
		text = fmt.Sprintf("%s file %q", t.Name, t.Path)
	case t.Path != "":
		text = fmt.Sprintf("%s socket %q", t.Name, t.Path)
	}
	switch p := t.Protocol.(type) {
	case nil:
	case protocol.HTTP:
		text += fmt.Sprintf(" http %q at %q", p.Path, p.Host)
		if len(p.Headers) > 0 {
			text += fmt.Sprintf(" fields %q", p.Headers)
		}
	default:
		text += fmt.Sprintf(" %T", p)
	}
	return strings.ReplaceAll(text, "protocol.", "")
}

func TestParseTarget(t *testing.T) {
	for _, c := range []struct{ text, host, want string }{
		{"80", "", `80 host "localhost" port 80`},
		{":80", "", `:80 host "localhost" port 80`},
		{"db:5432", "", `db:5432 host "db" port 5432`},
		{"10.0.0.1:65535", "", `10.0.0.1:65535 host "10.0.0.1" port 65535`},
		{"[::1]:80", "", `[::1]:80 host "::1" port 80`},
		{"[fe80::1%eth0]:80", "", `[fe80::1%eth0]:80 host "fe80::1%eth0" port 80`},
		{"tcp://db:80", "", `tcp://db:80 host "db" port 80`},
		{"TCP://[::1]:80", "", `TCP://[::1]:80 host "::1" port 80`},
		{"tcp:80", "", `tcp:80 host "localhost" port 80`},
		{"Tcp::80", "", `Tcp::80 host "localhost" port 80`},
		{"tcp://80", "", `tcp://80 host "localhost" port 80`},
		{"tcp:db:80", "", `tcp:db:80 host "db" port 80`},
		{"tcp:[::1]:80", "", `tcp:[::1]:80 host "::1" port 80`},
		{"tcp://tcp:80", "", `tcp://tcp:80 host "tcp" port 80`},
		{"tcp:80", "db", `db:80 host "db" port 80`},
		{"tcp80:80", "", `tcp80:80 host "tcp80" port 80`},
		{"unix:@a", "", `unix:@a socket "@a"`},
		{"unix://@a/b", "", `unix://@a/b socket "@a/b"`},
		{"unix:./@a", "", `unix:./@a socket "./@a"`},
		{"unix:80", "", `unix:80 socket "80"`},
		{"unix:///run/a.sock", "", `unix:///run/a.sock socket "/run/a.sock"`},
		{"unix:/run/a.sock", "", `unix:/run/a.sock socket "/run/a.sock"`},
		{"unix:a.sock", "", `unix:a.sock socket "a.sock"`},
		{"80", "db", `db:80 host "db" port 80`},
		{":80", "db", `db:80 host "db" port 80`},
		{"80", "::1", `[::1]:80 host "::1" port 80`},
		{"80", "[::1]", `[::1]:80 host "::1" port 80`},

		{"file:/run/ready", "", `file:/run/ready file "/run/ready"`},
		{"file:///run/ready", "", `file:///run/ready file "/run/ready"`},
		{"FILE:@a,b", "", `FILE:@a,b file "@a,b"`},

		{"http://web", "", `http://web host "web" port 80 http "/" at "web"`},
		{
			"http://web:8080/health", "",
			`http://web:8080/health host "web" port 8080 http "/health" at "web:8080"`,
		},
		{"http://web:80/", "", `http://web:80/ host "web" port 80 http "/" at "web"`},
		{"http://web?a=b,c:1", "", `http://web?… host "web" port 80 http "/?a=b,c:1" at "web"`},
		{"HTTP://web/a?token=x#frag", "", `http://web/a?… host "web" port 80 http "/a?token=x" at "web"`},
		{"http://[::1]:81/a", "", `http://[::1]:81/a host "::1" port 81 http "/a" at "[::1]:81"`},
		{
			"http://[fe80::1%25eth0]:81/", "",
			`http://[fe80::1%25eth0]:81/ host "fe80::1%eth0" port 81 http "/" at "[fe80::1]:81"`,
		},
		{
			"http://user:p%40ss@web/@me", "",
			`http://web/@me host "web" port 80 http "/@me" at "web" ` +
				`fields ["Authorization: Basic dXNlcjpwQHNz"]`,
		},
		{
			"http+unix:/run/a.sock:/health?x", "",
			`http+unix:/run/a.sock:/health?… socket "/run/a.sock" http "/health?x" at "localhost"`,
		},
		{
			"http+unix:/run/a.sock", "",
			`http+unix:/run/a.sock socket "/run/a.sock" http "/" at "localhost"`,
		},
		{
			"http://unix:/run/a.sock:/health", "",
			`http://unix:/run/a.sock:/health socket "/run/a.sock" http "/health" at "localhost"`,
		},
		{"http+unix:@a:/", "", `http+unix:@a:/ socket "@a" http "/" at "localhost"`},
		{"http://web:/x", "", `http://web:/x host "web" port 80 http "/x" at "web"`},
		{"http://token@web/", "", `http://web/ host "web" port 80 http "/" at "web" ` +
			`fields ["Authorization: Basic dG9rZW46"]`},
		{
			"http://unix:/run/a.sock:/users/@me", "",
			`http://unix:/run/a.sock:/users/@me socket "/run/a.sock" http "/users/@me" at "localhost"`,
		},
		{
			"http+unix:/run/a.sock:/p?u=http://x", "",
			`http+unix:/run/a.sock:/p?… socket "/run/a.sock" http "/p?u=http://x" at "localhost"`,
		},
		{
			"http+unix:/a:/redirect:/b", "",
			`http+unix:/a:/redirect:/b socket "/a" http "/redirect:/b" at "localhost"`,
		},
		{"http://unix:8080/", "", `http://unix:8080/ host "unix" port 8080 http "/" at "unix:8080"`},

		{
			"postgres://u:secret@db/app?sslmode=disable", "",
			`postgres://db host "db" port 5432 ` + kindOf(protocol.Postgres()),
		},
		{
			"postgresql+asyncpg://u:secret@db:6000/app", "",
			`postgresql+asyncpg://db:6000 host "db" port 6000 ` + kindOf(protocol.Postgres()),
		},
		{
			"jdbc:mysql://db:3307/app?user=u&password=secret", "",
			`mysql://db:3307 host "db" port 3307 ` + kindOf(protocol.MySQL()),
		},
		{"postgres://u:p@h/db?user=me@corp", "", `postgres://h host "h" port 5432 ` +
			kindOf(protocol.Postgres())},
		{"smtp://h?from=a@b.c", "", `smtp://h host "h" port 25`},
		{"amqp://h/a@b", "", `amqp://h host "h" port 5672`},
		{"jdbc:sqlserver://h:1433;user=a@b", "", `sqlserver://h:1433 host "h" port 1433`},
		{"mysql2://db", "", `mysql2://db host "db" port 3306 ` + kindOf(protocol.MySQL())},
		{
			"redis://:secret@cache/0", "",
			`redis://cache host "cache" port 6379 ` + kindOf(protocol.Redis()),
		},
		{"Valkey://[::1]", "", `valkey://[::1] host "::1" port 6379 ` + kindOf(protocol.Redis())},
		{"amqp://guest:secret@mq/vhost", "", `amqp://mq host "mq" port 5672`},
		{"jdbc:sqlserver://db;user=sa;password=secret", "", `sqlserver://db host "db" port 1433`},
		{"rediss://u:secret@cache:6380", "", `rediss://cache:6380 host "cache" port 6380`},
	} {
		parser := Parser{Host: c.host}
		got, err := parser.Parse(c.text)
		if err != nil || len(got) != 1 || describe(got[0]) != c.want {
			t.Errorf("%q, host %q:\ngot  %v %v\nwant %s", c.text, c.host, describeAll(got), err, c.want)
		}
	}
}

func kindOf(p protocol.Protocol) string {
	return strings.ReplaceAll(fmt.Sprintf("%T", p), "protocol.", "")
}

func describeAll(all []Target) (texts []string) {
	for _, t := range all {
		texts = append(texts, describe(t))
	}
	return texts
}

func TestParseList(t *testing.T) {
	for _, c := range []struct{ arg, host, want string }{
		{"80", "", "80"},
		{"a:1,b:2", "", "a:1 b:2"},
		{"80,[::1]:81,tcp:82,:83", "", "80 [::1]:81 tcp:82 :83"},
		{"80,81", "db", "db:80 db:81"},
		{"a:1,unix:/run/a,b", "", "a:1 unix:/run/a,b"},
		{"unix:/run/a,80", "", "unix:/run/a,80"},
		{"unix:@a,b", "", "unix:@a,b"},

		// Hosts of one URL, and several URLs.
		{"mongodb://u:secret@a:1,b:2/data?w=1,2", "", "mongodb://a:1 mongodb://b:2"},
		{"mongodb://u:p@a:1,u:p@b:2/data", "", "mongodb://a:1 mongodb://b:2"},
		{"mongodb://a,b,c/?x", "", "mongodb://a mongodb://b mongodb://c"},
		{"postgres://db/app,redis://cache", "", "postgres://db redis://cache"},
		{"postgres://db,redis://cache", "", "postgres://db redis://cache"},
		{"postgres://u:sec,ret@db,redis://:s@cache", "", "postgres://db redis://cache"},
		{"postgres://u:sec,ret@db/app", "", "postgres://db"},
		{"postgres://db:5432,cache:6379", "", "postgres://db:5432 cache:6379"},
		{"postgres://db/app,cache:6379", "", "postgres://db cache:6379"},
		{"mongodb://a/?tags=dc:ny,rack:1", "", "mongodb://a"},
		{"http://a/x,http://b/y?z,tcp:80", "", "http://a/x http://b/y?… tcp:80"},
		{"http://a:1,b:2", "", "http://a:1 b:2"},
		{"http://a/x,y", "", "http://a/x,y"},
		{"http://a/x?y=1,b:2", "", "http://a/x?…"},
		{"80,file:/run/a,b", "", "80 file:/run/a,b"},
	} {
		parser := Parser{Host: c.host}
		got, err := parser.Parse(c.arg)
		var names []string
		for _, t := range got {
			names = append(names, t.Name)
		}
		if err != nil || strings.Join(names, " ") != c.want {
			t.Errorf("%q, host %q: %q, %v; want %s", c.arg, c.host, names, err, c.want)
		}
	}
}

func TestParseVariable(t *testing.T) {
	for value, want := range map[string]string{
		"db:5432":                     "db:5432",
		" db:5432 , cache:6379\n":     "db:5432 cache:6379",
		"db:5432 cache:6379,web:80":   "db:5432 cache:6379 web:80",
		"postgres://u:secret@db/app":  "postgres://db",
		"unix:/run/a,b\tfile:/run/c ": "unix:/run/a,b file:/run/c",
	} {
		t.Setenv("TARGETS", value)
		got, err := (&Parser{}).Parse("env:TARGETS")
		var names []string
		for _, t := range got {
			names = append(names, t.Name)
		}
		if err != nil || strings.Join(names, " ") != want {
			t.Errorf("%q: %q, %v; want %s", value, names, err, want)
		}
	}
}

// TestErrorsHideSecrets parses texts that are wrong and contain the word "secret" where it may be
// one.
func TestErrorsHideSecrets(t *testing.T) {
	for _, text := range []string{
		"postgres://u:secret@",
		"postgres://u:secret@db:0/app",
		"postgres://u:secret@db:port/app",
		"postgres://u:secret/1@db/app",
		"postgres://u:1/secret@db/app",
		"postgres://u:secret?@db/app",
		"postgres://u:secret#@db/app",
		"postgres://u:secret@a b/app",
		"postgres://db:x/app?password=secret",
		"unknown://u:secret@db/app?secret",
		"https://u:secret@web/?secret",
		"mongodb+srv://u:secret@db",
		"http://u:secret@web:x/",
		"http://u:secret/1@web/",
		"http://web/\x01?secret",
		"http://u:secret@/",
		"http+unix:/a.sock:/\x01?secret",
		"u:secret@db:x",
		"u:secret@[db:80",
		"u:secret@db",
		"secret@db:5432",
		"tcp://u:secret@db",
		"tcp://secret@db:80",
		"tcp://h:80?password=secret",
		"redis:u:secret@h",
		"unix:/a.sock,http://u:secret@h",
		"file:/z,postgres://u:secret@h:0/",
		"http+unix:/a.sock,postgres://u:secret@h:5432/",
		"password=secret host=db",
		"Server=db;Port=3306;Password=secret",
		"u:pw@tcp(h:3306)/db?password=secret",
		"jdbc:oracle:thin:u/pw@db:1521/x?p=secret",
		"localhost:8080/healthz?token=secret",
		"http:127.0.0.1:8080/?token=secret",
		"a:1,,postgres://u:p@h/db?password=secret",
		"http://127.0.0.1:1/a,postgres://u:secret@h,",
		"http://u:" + strings.Repeat("secret", 2000) + "@h/",
		"postgres://u:secret/R,ET@h/db",
		"http://u:s,secret/RET@host",
		"postgres://u:p@h:x/db?a=secret,secret",
	} {
		for _, arg := range []string{text, "env:TARGETS", "env:" + text} {
			t.Setenv("TARGETS", text)
			got, err := (&Parser{}).Parse(arg)
			if err == nil {
				_, err = got[0].fixed(0)
			}
			if err == nil || strings.Contains(err.Error(), "secret") {
				t.Errorf("%q of %q: %v, error %v", arg, text, describeAll(got), err)
			}
		}
	}
}

func FuzzParse(f *testing.F) {
	for _, seed := range []string{
		"db:80", "unix:/a,b", "http://u:p@h:1/a?b#c", "mongodb://a,b/c", "jdbc:mysql://h;x",
		"http+unix:/a:/b",
		"postgres://u:a,b@c:1,d:2/e?f=g,h:3", "file:a", "env:A",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		if hasScheme(text, "env") {
			return
		}
		got, err := (&Parser{}).Parse(text)
		if err == nil && len(got) == 0 {
			t.Fatal("neither a target nor an error")
		}
		for _, target := range got {
			if target.isTCP() == (target.Port == 0) {
				t.Errorf("%s: neither a port nor a path", describe(target))
			}
		}
	})
}
