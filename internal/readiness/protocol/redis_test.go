package protocol_test

import (
	"strings"
	"testing"

	"util/internal/readiness/protocol"
)

var redisExchanges = []exchange{
	{"pong", "+PONG\r\n", protocol.Ready, "", ""},
	{"a password", "-NOAUTH Authentication required.\r\n", protocol.Ready, "", ""},
	{
		"a rule", "-NOPERM this user has no permissions to run the 'ping' command\r\n",
		protocol.Ready, "", "",
	},
	{
		"loading", "-LOADING Redis is loading the dataset in memory\r\n", protocol.NotReady,
		`answered "LOADING Redis is loading the dataset in memory"`, "",
	},
	{
		"a master is down", "-MASTERDOWN Link with MASTER is down and replica-serve-stale-data is " +
			"set to 'no'.\r\n", protocol.NotReady, `answered "MASTERDOWN Link with MASTER is down ` +
			`and replica-serve-stale-data is set to 'no'."`, "",
	},
	{
		"busy", "-BUSY Redis is busy running a script. You can only call SCRIPT KILL or SHUTDOWN " +
			"NOSAVE.\r\n", protocol.NotReady, `answered "BUSY Redis is busy running a script. You ` +
			`can only call SCRIPT KILL or SHUTDOWN N…"`, "",
	},
	{
		"full", "-ERR max number of clients reached\r\n", protocol.NotReady,
		`answered "ERR max number of clients reached"`, "",
	},
	{"an error without text", "-LOADING\n", protocol.NotReady, `answered "LOADING"`, ""},
	{"an empty error", "-\r\n", protocol.NotReady, `answered ""`, ""},
	{"a longer code", "-NOAUTHX\r\n", protocol.NotReady, `answered "NOAUTHX"`, ""},
	{
		"POP3", "+OK ready\r\n", protocol.NotReady, `not the answer of a Redis server: "+OK ready"`, "",
	},
	{
		"HTTP", "HTTP/1.1 400 Bad Request\r\nContent-Type: text/plain\r\n", protocol.NotReady,
		`not the answer of a Redis server: "HTTP/1.1 400 Bad Request\r\nContent-Type: …"`, "",
	},
	{
		"TLS", "\x15\x03\x03\x00\x02\x02\x0a", protocol.NotReady,
		"not the answer of a Redis server: a TLS alert", "",
	},
	{"nothing", "", protocol.Pending, "closed the connection without an answer", ""},
	{"half", "+PON", protocol.Pending, `closed the connection after "+PON"`, ""},
}

func TestRedis(t *testing.T) {
	check(t, protocol.Redis(), "*1\r\n$4\r\nPING\r\n", redisExchanges)
	endless(t, protocol.Redis(), "-", "+PONG", strings.Repeat("-x", 5000), "\x00")
}

func FuzzRedis(f *testing.F) { fuzz(f, protocol.Redis(), redisExchanges) }
