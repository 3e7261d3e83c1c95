package protocol

import (
	"bytes"
	"encoding/binary"
)

// Postgres is the protocol of PostgreSQL, version 3.0, as far as it says whether the server accepts
// connections ("Frontend/Backend Protocol" in the PostgreSQL documentation, sections "Start-up",
// "Termination", "Message Formats" and "Error and Notice Message Fields"; PostgreSQL 15).
//
// The conversation begins a session as the user postgres, and no password is sent. The rule is that
// of pg_isready (its manual page, and PQpingParams in the documentation of libpq): a request for
// authentication, or any error with an SQLSTATE, comes from a server that accepts connections, even
// if there are too many connections (53300). The exception is 57P03, cannot_connect_now: the server
// starts up, recovers or shuts down. pg_isready ignores what follows a request for authentication;
// here 57P03 counts then too, because a connection pooler may pass it on.
//
// The server logs nothing with default settings (measured with PostgreSQL 15), if it asks for a
// password, or if it asks for none and the role and the database postgres exist. In the first case
// the end is that of the connection, as of psql when it has no password: the server logs a
// Terminate message there as a protocol error. In the second case the parameters of the session are
// read first, up to ReadyForQuery, and the end is Terminate. A reset of the connection is logged;
// closing a socket with unread data resets it. These are logged in any case, as with pg_isready: a
// 57P03, too many connections, a host without an entry in pg_hba.conf, and a role or database
// postgres that does not exist where no password is asked for.
func Postgres() Protocol { return postgres{} }

type postgres struct{}

func (postgres) Begin() Conversation { return &dialog{parser: &postgresParser{}} }

type postgresParser struct {
	authenticated bool
}

func (*postgresParser) open() []byte {
	// StartupMessage. The database postgres is the one for administration. template1 exists too, but
	// CREATE DATABASE fails while a session uses that.
	const body = "\x00\x03\x00\x00" + "user\x00postgres\x00" + "database\x00postgres\x00" + "\x00"
	return append(binary.BigEndian.AppendUint32(nil, 4+uint32(len(body))), body...)
}

// next parses a message: its type, its length without the type, and its body.
func (p *postgresParser) next(data []byte) (int, Reply) {
	if len(data) == 0 {
		return 0, Reply{}
	}
	kind := data[0]
	// Before AuthenticationOk: a notice, NegotiateProtocolVersion, an error, or a request for
	// authentication.
	if !p.authenticated && bytes.IndexByte([]byte("NvER"), kind) < 0 {
		return 0, foreign("a PostgreSQL", data)
	}
	if len(data) < 5 {
		return 0, Reply{}
	}
	size := int64(binary.BigEndian.Uint32(data[1:]))
	if size < 4 || size > MaxAnswer {
		if kind == 'E' && data[1] >= ' ' { // a server that cannot fork sends E, a text, a zero byte
			text, _, _ := bytes.Cut(data[1:], []byte{0})
			return 0, notReady("answered " + quote(bytes.TrimSpace(text), sentence))
		}
		return 0, foreign("a PostgreSQL", data)
	}
	used := 1 + int(size)
	if len(data) < used {
		return 0, Reply{}
	}
	body := data[5:used]
	switch kind {
	case 'R':
		if len(body) < 4 {
			return 0, foreign("a PostgreSQL", data)
		}
		if binary.BigEndian.Uint32(body) != 0 { // not AuthenticationOk
			return used, Reply{Verdict: Ready}
		}
		p.authenticated = true
	case 'Z': // ReadyForQuery
		terminate := []byte("X\x00\x00\x00\x04")
		return used, Reply{Verdict: Ready, Send: terminate, Closes: true}
	case 'E':
		state, message := errorFields(body)
		if len(state) != 5 || string(state) == "57P03" {
			why := "answered " + quote(message, sentence)
			return used, Reply{Verdict: NotReady, Why: why, Closes: true}
		}
		return used, Reply{Verdict: Ready, Closes: true}
	}
	return used, Reply{}
}

// errorFields returns the SQLSTATE and the message of an ErrorResponse: fields of a letter and a
// string, which ends with a zero byte.
func errorFields(body []byte) (state, message []byte) {
	for len(body) > 0 && body[0] != 0 {
		text, rest, ok := bytes.Cut(body[1:], []byte{0})
		if !ok {
			break
		}
		switch body[0] {
		case 'C':
			state = text
		case 'M':
			message = text
		}
		body = rest
	}
	return state, message
}
