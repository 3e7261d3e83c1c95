package protocol

import (
	"bytes"
	"encoding/binary"
	"slices"
	"strconv"
)

// MySQL is the protocol of MySQL and MariaDB up to the end of a login ("Connection Phase" in the
// MySQL Source Code Documentation; "Connecting" in the protocol documentation of MariaDB).
//
// The server speaks first: a greeting (Protocol::HandshakeV10), or an error. A client that then
// closes the connection, with or without COM_QUIT, has made a handshake error, and after
// max_connect_errors of them (100) the server refuses its host (1129). Only handshake errors count
// ("The host_cache Table" in the MySQL Reference Manual; measured with MariaDB 10.11). So the
// conversation goes on to a regular end: a login with an empty password as a user that does not
// exist, which the server denies. If it succeeds because there is an anonymous account, the end is
// COM_QUIT. The user must not exist, because servers can lock an account after failed logins
// (FAILED_LOGIN_ATTEMPTS in MySQL, max_password_errors in MariaDB). Its name explains the entry in
// the log. (MySQL's plugin connection_control delays repeated failed logins more and more.)
//
// The server is ready if it denies the login, and so it is for any other error that is about the
// client: a host without an account (1130), TLS is required (3159). It is not ready if the error is
// about the server: see refusals. MariaDB begins to listen when it is ready, after a recovery too,
// and stops to listen when it begins to shut down.
//
// MariaDB logs a warning for each conversation, with its default log_warnings=2: "Access denied for
// user 'util-probe'", or "Aborted connection" after a 1130, and after any other end (measured with
// MariaDB 10.11). MySQL 8 has these at log_error_verbosity=3, and the default is 2 (the Reference
// Manual).
func MySQL() Protocol { return mysql{} }

type mysql struct{}

func (mysql) Begin() Conversation { return &dialog{parser: &mysqlParser{}} }

// refusals are the errors that say that the server serves nobody, or nobody on this host ("Server
// Error Message Reference" in the MySQL Reference Manual, "Error Codes" in the MariaDB
// documentation).
var refusals = []uint16{
	1040, // ER_CON_COUNT_ERROR: too many connections
	1041, // ER_OUT_OF_RESOURCES
	1053, // ER_SERVER_SHUTDOWN
	1077, // ER_NORMAL_SHUTDOWN
	1129, // ER_HOST_IS_BLOCKED: of this host, after too many handshake errors
	1135, // ER_CANT_CREATE_THREAD
	1927, // ER_CONNECTION_KILLED, of MariaDB
	3032, // ER_SERVER_OFFLINE_MODE, of MySQL
}

const (
	// The capabilities of a client: CLIENT_PROTOCOL_41, CLIENT_SECURE_CONNECTION (the password has
	// a length) and CLIENT_PLUGIN_AUTH.
	protocol41, secureConnection, pluginAuth = 1 << 9, 1 << 15, 1 << 19

	// utf8mb4_general_ci. A client that names a character set such as ucs2 has made a handshake
	// error.
	charset = 45

	mysqlUser     = "util-probe"
	nativePlugin  = "mysql_native_password"
	maxMySQLTurns = 8 // packets of a login: the longest that is known has 3
)

// emptyPassword returns what clients without a password send for an authentication plugin, in each
// turn, and for plugins that check the length first, as many zero bytes. A wrong length is a
// handshake error.
func emptyPassword(plugin string, turn int) []byte {
	switch plugin {
	case nativePlugin, "mysql_old_password":
		return nil
	case "client_ed25519":
		return make([]byte, 64) // a signature
	case "parsec": // MariaDB 11.6: a request for the salt, then a nonce and a signature
		if turn == 0 {
			return nil
		}
		return make([]byte, 32+64)
	}
	return []byte{0} // caching_sha2_password, sha256_password: an empty string
}

type mysqlParser struct {
	greeted bool
	plugin  string
	turn    int // answers to this plugin
	turns   int // packets of the login
}

func (*mysqlParser) open() []byte { return nil }

// next parses a packet: three bytes of length, a sequence number, and the payload.
func (p *mysqlParser) next(data []byte) (int, Reply) {
	if len(data) < 4 {
		return 0, Reply{}
	}
	size := int(data[0]) | int(data[1])<<8 | int(data[2])<<16
	seq := data[3]
	if size == 0 || 4+size > MaxAnswer || !p.greeted && seq != 0 {
		return 0, foreign("a MySQL", data)
	}
	if len(data) < 4+size {
		return 0, Reply{}
	}
	payload := data[4 : 4+size]
	switch {
	case payload[0] == 0xff && size >= 3 && errorNumber(payload) >= 1000:
		return 4 + size, failed(payload)
	case !p.greeted:
		send, ok := p.login(payload)
		if !ok {
			return 0, foreign("a MySQL", data)
		}
		p.greeted = true
		return 4 + size, Reply{Send: packet(seq+1, send)}
	case payload[0] == 0: // OK
		// COM_QUIT
		return 4 + size, Reply{Verdict: Ready, Send: packet(0, []byte{1}), Closes: true}
	case p.turns == maxMySQLTurns:
		return 4 + size, notReady("the login does not end")
	case payload[0] == 0xfe: // Protocol::AuthSwitchRequest
		name, _, _ := bytes.Cut(payload[1:], []byte{0})
		p.plugin, p.turn = string(name), 0
		if len(name) == 0 { // Protocol::OldAuthSwitchRequest
			p.plugin = "mysql_old_password"
		}
	default: // data of the plugin
		p.turn++
	}
	p.turns++
	return 4 + size, Reply{Send: packet(seq+1, emptyPassword(p.plugin, p.turn))}
}

// login returns the answer to a greeting, Protocol::HandshakeResponse41.
func (p *mysqlParser) login(greeting []byte) (payload []byte, ok bool) {
	version, rest, ok := bytes.Cut(greeting, []byte{0})
	// A connection id and 8 bytes of the nonce; a zero byte; the lower capabilities; character set
	// and status; the higher capabilities; the length of the nonce; 10 bytes.
	if !ok || len(version) == 0 || version[0] != 10 || len(rest) < 31 {
		return nil, false
	}
	has := uint32(binary.LittleEndian.Uint16(rest[13:])) |
		uint32(binary.LittleEndian.Uint16(rest[18:]))<<16
	if has&protocol41 == 0 { // before MySQL 4.1
		return nil, false
	}
	p.plugin = nativePlugin
	// The rest of the nonce has at least 13 bytes. A plugin that is not known here is not named in
	// the answer: the server then sends an AuthSwitchRequest.
	nonce := max(13, int(rest[20])-8)
	if has&pluginAuth != 0 && len(rest) >= 31+nonce {
		name, _, _ := bytes.Cut(rest[31+nonce:], []byte{0})
		if string(name) == "caching_sha2_password" {
			p.plugin = string(name)
		}
	}
	can := has & (protocol41 | secureConnection | pluginAuth)
	payload = binary.LittleEndian.AppendUint32(nil, can)
	payload = binary.LittleEndian.AppendUint32(payload, 1<<24) // the largest packet
	payload = append(payload, charset)
	payload = append(payload, make([]byte, 23)...)
	payload = append(payload, mysqlUser+"\x00"...)
	password := emptyPassword(p.plugin, 0)
	payload = append(append(payload, byte(len(password))), password...)
	if can&pluginAuth != 0 {
		payload = append(payload, p.plugin+"\x00"...)
	}
	return payload, true
}

// errorNumber returns the number in an ERR_Packet. The numbers of servers begin at 1000.
func errorNumber(payload []byte) uint16 { return binary.LittleEndian.Uint16(payload[1:]) }

// failed judges an ERR_Packet: its number; after the greeting "#" and the SQLSTATE; a message.
func failed(payload []byte) Reply {
	number := errorNumber(payload)
	if !slices.Contains(refusals, number) {
		return Reply{Verdict: Ready, Closes: true}
	}
	message := payload[3:]
	if len(message) >= 6 && message[0] == '#' {
		message = message[6:]
	}
	why := "answered " + strconv.Itoa(int(number)) + " " + quote(message, sentence)
	return Reply{Verdict: NotReady, Why: why, Closes: true}
}

// packet returns a packet with a payload.
func packet(seq byte, payload []byte) []byte {
	n := len(payload)
	return append([]byte{byte(n), byte(n >> 8), byte(n >> 16), seq}, payload...)
}
