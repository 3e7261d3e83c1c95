package protocol_test

import (
	"encoding/binary"
	"strings"
	"testing"

	"util/internal/readiness/protocol"
)

// message is a message of PostgreSQL's protocol.
func message(kind byte, body string) string {
	size := binary.BigEndian.AppendUint32(nil, uint32(4+len(body)))
	return string(kind) + string(size) + body
}

// postgresError is an ErrorResponse, or a notice, with the fields that PostgreSQL 15 sends.
func postgresError(kind byte, state, text string) string {
	return message(kind, "SFATAL\x00VFATAL\x00C"+state+"\x00M"+text+
		"\x00Fpostmaster.c\x00L2415\x00\x00")
}

const (
	postgresStartup = "\x00\x00\x00\x29\x00\x03\x00\x00" +
		"user\x00postgres\x00database\x00postgres\x00\x00"
	postgresNot = "not the answer of a PostgreSQL server: "
)

var (
	authenticationOk = message('R', "\x00\x00\x00\x00")
	session          = message('S', "TimeZone\x00Etc/UTC\x00") + message('K', "\x00\x00\x00;I<1}")

	postgresExchanges = []exchange{
		{"SCRAM", message('R', "\x00\x00\x00\x0aSCRAM-SHA-256\x00\x00"), protocol.Ready, "", ""},
		{"MD5", message('R', "\x00\x00\x00\x05\xd7\x68\xd7\x01"), protocol.Ready, "", ""},
		{
			"a notice, another version, a password",
			postgresError('N', "00000", "hello") + message('v', "\x00\x03\x00\x00\x00\x00\x00\x00") +
				message('R', "\x00\x00\x00\x03"), protocol.Ready, "", "",
		},
		{
			"no password", authenticationOk + session + message('Z', "I"),
			protocol.Ready, "", "X\x00\x00\x00\x04",
		},
		{
			"no password, no such role",
			authenticationOk + postgresError('E', "28000", `role "postgres" does not exist`),
			protocol.Ready, "", "",
		},
		{
			"too many connections", postgresError('E', "53300", "sorry, too many clients already"),
			protocol.Ready, "", "",
		},
		{
			"no entry in pg_hba.conf", postgresError('E', "28000", "no pg_hba.conf entry for host"),
			protocol.Ready, "", "",
		},
		{
			"starts up", postgresError('E', "57P03", "the database system is starting up"),
			protocol.NotReady, `answered "the database system is starting up"`, "",
		},
		{
			"behind a pooler",
			authenticationOk + postgresError('E', "57P03", "the database system is shutting down"),
			protocol.NotReady, `answered "the database system is shutting down"`, "",
		},
		{
			"a long message", postgresError('E', "57P03", strings.Repeat("ä\n", 50)),
			protocol.NotReady, `answered "` + strings.Repeat(`ä\n`, 26) + `ä…"`, "",
		},
		{
			"an error without SQLSTATE", message('E', "Mno memory\x00\x00"),
			protocol.NotReady, `answered "no memory"`, "",
		},
		{"an empty error", message('E', ""), protocol.NotReady, `answered ""`, ""},
		{"an error without an end", message('E', "C53300"), protocol.NotReady, `answered ""`, ""},
		{
			"cannot fork", "Ecould not fork new process for connection\n\x00", protocol.NotReady,
			`answered "could not fork new process for connection"`, "",
		},
		{
			"HTTP", "HTTP/1.1 400 Bad Request\r\n\r\n", protocol.NotReady,
			postgresNot + `"HTTP/1.1 400 Bad Request\r\n\r\n"`, "",
		},
		{
			"TLS", "\x15\x03\x03\x00\x02\x02\x0a", protocol.NotReady, postgresNot + "a TLS alert", "",
		},
		{
			"a session without login", message('Z', "I"), protocol.NotReady,
			postgresNot + `"Z\x00\x00\x00\x05I"`, "",
		},
		{
			"a short request", message('R', "\x00\x00"), protocol.NotReady,
			postgresNot + `"R\x00\x00\x00\x06\x00\x00"`, "",
		},
		{
			"a length of 3", "R\x00\x00\x00\x03\x00\x00\x00\x05", protocol.NotReady,
			postgresNot + `"R\x00\x00\x00\x03\x00\x00\x00\x05"`, "",
		},
		{"nothing", "", protocol.Pending, "closed the connection without an answer", ""},
		{"half", "R\x00", protocol.Pending, `closed the connection after "R\x00"`, ""},
		{
			"no session", authenticationOk + session, protocol.Pending,
			"closed the connection without an answer", "",
		},
	}
)

func TestPostgres(t *testing.T) {
	check(t, protocol.Postgres(), postgresStartup, postgresExchanges)
	endless(t, protocol.Postgres(), postgresError('N', "00000", "hello"), "\xff", "E\x00\x00\x3f\xff",
		"E\x7f\xff\xff\xff", authenticationOk)
	c := protocol.Postgres().Begin()
	c.Step([]byte(authenticationOk), false)
	verdict := protocol.Pending
	for i := 0; i < protocol.MaxAnswer && verdict == protocol.Pending; i++ {
		verdict = c.Step([]byte(session), false).Verdict
	}
	if verdict != protocol.NotReady {
		t.Errorf("endless parameters of a session: verdict %d", verdict)
	}
}

func FuzzPostgres(f *testing.F) { fuzz(f, protocol.Postgres(), postgresExchanges) }
