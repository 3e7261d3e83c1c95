package protocol

import (
	"bytes"
)

// Redis is the protocol of Redis, RESP ("Redis serialization protocol specification" in the Redis
// documentation, and its page of the command PING). Valkey and KeyDB, which come from Redis, speak
// it too, and Dragonfly.
//
// The conversation is one PING, in the form that all clients use and proxies understand. A server
// that answers PONG is ready, and so is one that wants a password first (NOAUTH) or that does not
// allow PING to the default user (NOPERM): these errors are about who asks. Every other error is
// what all clients of this host would get, so the server is not ready for them:
//
//   - LOADING: it reads its data set, after a start or as a replica;
//   - MASTERDOWN: a replica has lost its master, and is not to serve old data;
//   - BUSY: a script runs for so long that everything else is refused;
//   - MISCONF: it could not save its data, and refuses to write (PING has this answer on purpose);
//   - DENIED: protected mode, only this host itself may connect;
//   - ERR max number of clients reached, and other errors with ERR.
//
// A server that is told to stop closes its port at once, or answers PONG while it waits for its
// replicas. The end is that of the connection: nothing of this is logged (measured with Redis 7.0,
// log level notice).
func Redis() Protocol { return redis{} }

type redis struct{}

func (redis) Begin() Conversation { return &dialog{parser: redisParser{}} }

type redisParser struct{}

func (redisParser) open() []byte { return []byte("*1\r\n$4\r\nPING\r\n") }

// next parses a simple string or a simple error: a line.
func (redisParser) next(data []byte) (int, Reply) {
	if len(data) == 0 {
		return 0, Reply{}
	}
	if data[0] != '+' && data[0] != '-' {
		return 0, foreign("a Redis", data)
	}
	end := bytes.IndexByte(data, '\n')
	if end < 0 {
		return 0, Reply{}
	}
	line := bytes.TrimSuffix(data[:end], []byte("\r"))
	text := line[1:]
	if line[0] == '+' {
		if string(text) != "PONG" {
			return 0, foreign("a Redis", line)
		}
		return end + 1, Reply{Verdict: Ready}
	}
	switch code, _, _ := bytes.Cut(text, []byte(" ")); string(code) {
	case "NOAUTH", "NOPERM":
		return end + 1, Reply{Verdict: Ready}
	}
	return end + 1, notReady("answered " + quote(text, sentence))
}
