package protocol_test

import (
	"encoding/binary"
	"strings"
	"testing"

	"util/internal/readiness/protocol"
)

// mysqlPacket is a packet of MySQL's protocol.
func mysqlPacket(seq byte, payload string) string {
	n := len(payload)
	return string([]byte{byte(n), byte(n >> 8), byte(n >> 16), seq}) + payload
}

// mysqlGreeting is the first packet of a server.
func mysqlGreeting(version string, capabilities uint32, plugin string) string {
	low := binary.LittleEndian.AppendUint16(nil, uint16(capabilities))
	high := binary.LittleEndian.AppendUint16(nil, uint16(capabilities>>16))
	return mysqlPacket(0, "\x0a"+version+"\x00"+"\x05\x00\x00\x00"+"12345678\x00"+string(low)+
		"\x2d\x02\x00"+string(high)+"\x15"+strings.Repeat("\x00", 10)+"123456789012\x00"+plugin+"\x00")
}

func mysqlError(seq byte, number uint16, text string) string {
	return mysqlPacket(seq, "\xff"+string(binary.LittleEndian.AppendUint16(nil, number))+text)
}

// mysqlLogin is the answer to a greeting.
func mysqlLogin(password, plugin string) string {
	return mysqlPacket(1, "\x00\x82\x08\x00"+"\x00\x00\x00\x01"+"\x2d"+strings.Repeat("\x00", 23)+
		"util-probe\x00"+string(byte(len(password)))+password+plugin+"\x00")
}

var (
	mariadb = mysqlGreeting("5.5.5-10.11.19-MariaDB-0+deb12u1", 0x81fff7fe, "mysql_native_password")
	mysql8  = mysqlGreeting("8.4.3", 0xdfffffff, "caching_sha2_password")
	denied  = "#28000Access denied for user 'util-probe'@'db' (using password: NO)"

	nativeLogin = mysqlLogin("", "mysql_native_password")
	sha2Login   = mysqlLogin("\x00", "caching_sha2_password")

	mysqlExchanges = []exchange{
		{"denied", mariadb + mysqlError(2, 1045, denied), protocol.Ready, "", nativeLogin},
		{"denied by MySQL 8", mysql8 + mysqlError(2, 1045, denied), protocol.Ready, "", sha2Login},
		{
			"an anonymous account", mariadb + mysqlPacket(2, "\x00\x00\x00\x02\x00\x00\x00"),
			protocol.Ready, "", nativeLogin + "\x01\x00\x00\x00\x01",
		},
		{
			"ed25519", mariadb + mysqlPacket(2, "\xfeclient_ed25519\x00"+strings.Repeat("x", 32)) +
				mysqlError(4, 1045, denied), protocol.Ready, "",
			nativeLogin + mysqlPacket(3, strings.Repeat("\x00", 64)),
		},
		{
			"another plugin, which goes on", mysql8 + mysqlPacket(2, "\xfesha256_password\x00nonce\x00") +
				mysqlPacket(4, "\x01\x04") + mysqlError(6, 1045, denied), protocol.Ready, "",
			sha2Login + mysqlPacket(3, "\x00") + mysqlPacket(5, "\x00"),
		},
		{
			"PARSEC", mariadb + mysqlPacket(2, "\xfeparsec\x00"+strings.Repeat("x", 32)) +
				mysqlPacket(4, "P\x00salt") + mysqlError(6, 1045, denied), protocol.Ready, "",
			nativeLogin + mysqlPacket(3, "") + mysqlPacket(5, strings.Repeat("\x00", 96)),
		},
		{
			"the old plugin", mariadb + mysqlPacket(2, "\xfe") + mysqlError(4, 1045, denied),
			protocol.Ready, "", nativeLogin + mysqlPacket(3, ""),
		},
		{
			"an unknown plugin in the greeting",
			mysqlGreeting("9", 0xdfffffff, "new") + mysqlError(2, 1045, denied),
			protocol.Ready, "", nativeLogin,
		},
		{"this host may not", mysqlError(0, 1130, "Host 'a' is not allowed"), protocol.Ready, "", ""},
		{
			"TLS is required", mariadb + mysqlError(2, 3159, "#HY000Connections using insecure"),
			protocol.Ready, "", nativeLogin,
		},
		{
			"full", mysqlError(0, 1040, "#08004Too many connections"), protocol.NotReady,
			`answered 1040 "Too many connections"`, "",
		},
		{
			"blocked", mysqlError(0, 1129, "Host '10.0.0.1' is blocked"), protocol.NotReady,
			`answered 1129 "Host '10.0.0.1' is blocked"`, "",
		},
		{
			"stops", mariadb + mysqlError(2, 1053, "#08S01Server shutdown in progress"),
			protocol.NotReady, `answered 1053 "Server shutdown in progress"`, nativeLogin,
		},
		{"an error without a text", mysqlError(0, 1040, ""), protocol.NotReady, `answered 1040 ""`, ""},
		{
			"a login without end", mariadb + strings.Repeat(mysqlPacket(0, "\x01"), 20),
			protocol.NotReady, "the login does not end",
			nativeLogin + strings.Repeat(mysqlPacket(1, ""), 8),
		},
		{
			"before 4.1", mysqlGreeting("4.0", 0x002c, ""), protocol.NotReady,
			`not the answer of a MySQL server: "2\x00\x00\x00\n4.0\x00\x05\x00\x00\x0012345678\x00,\x00` +
				`-\x02\x00\x00\x00\x15\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00…"`, "",
		},
		{
			"the X protocol", "\x05\x00\x00\x00\x0b\x08\x05\x1a\x00", protocol.NotReady,
			`not the answer of a MySQL server: "\x05\x00\x00\x00\v\b\x05\x1a\x00"`, "",
		},
		{
			"SSH", "SSH-2.0-OpenSSH_9.2p1\r\n", protocol.NotReady,
			`not the answer of a MySQL server: "SSH-2.0-OpenSSH_9.2p1\r\n"`, "",
		},
		{
			"an empty packet", mysqlPacket(0, ""), protocol.NotReady,
			`not the answer of a MySQL server: "\x00\x00\x00\x00"`, "",
		},
		{
			"an empty version", mysqlPacket(0, "\x00"), protocol.NotReady,
			`not the answer of a MySQL server: "\x01\x00\x00\x00\x00"`, "",
		},
		{
			"an error that is none", mysqlError(0, 999, "x"), protocol.NotReady,
			`not the answer of a MySQL server: "\x04\x00\x00\x00\xff\xe7\x03x"`, "",
		},
		{"nothing", "", protocol.Pending, "closed the connection without an answer", ""},
		{
			"half", "\x05\x00\x00\x00\x0a8", protocol.Pending,
			`closed the connection after "\x05\x00\x00\x00\n8"`, "",
		},
		{
			"no answer to the login", mariadb, protocol.Pending,
			"closed the connection without an answer", nativeLogin,
		},
	}
)

func TestMySQL(t *testing.T) {
	check(t, protocol.MySQL(), "", mysqlExchanges)
	endless(t, protocol.MySQL(), "\xff\xff\xff\x00", "\xff\x3f\x00\x00\x0a",
		mysqlPacket(0, "\x0a"), mariadb)
}

func FuzzMySQL(f *testing.F) { fuzz(f, protocol.MySQL(), mysqlExchanges) }
