package protocol

import (
	"strconv"
	"unicode/utf8"
)

// parser is what the conversations with databases differ in.
type parser interface {
	// open returns what the client sends first.
	open() []byte
	// next parses the beginning of data, which is what the server has sent and the parser has not
	// used yet. It returns how many bytes it has used: 0 if the next message is not complete.
	next(data []byte) (used int, reply Reply)
}

// dialog is a conversation in messages. What a parser decides depends on the bytes alone, because
// it gets them message by message, however they were split.
type dialog struct {
	parser parser
	opened bool
	data   []byte // at most MaxAnswer bytes
	used   int
}

func (d *dialog) Step(data []byte, closed bool) Reply {
	var reply Reply
	if !d.opened {
		d.opened = true
		reply.Send = d.parser.open()
	}
	room := MaxAnswer - len(d.data)
	d.data = append(d.data, data[:min(room, len(data))]...)
	for reply.Verdict == Pending {
		used, r := d.parser.next(d.data[d.used:])
		if used == 0 && r.Verdict == Pending {
			break
		}
		d.used += used
		r.Send = append(reply.Send, r.Send...)
		reply = r
	}
	switch {
	case reply.Verdict != Pending:
	case len(data) > room:
		reply = notReady("the answer has more than " + strconv.Itoa(MaxAnswer) + " bytes")
	case closed && len(d.data) == d.used:
		reply = notReady("closed the connection without an answer")
	case closed:
		reply = notReady("closed the connection after " + quote(d.data[d.used:], glimpse))
	}
	if closed {
		reply.Send = nil
	}
	return reply
}

func notReady(why string) Reply { return Reply{Verdict: NotReady, Why: why} }

const (
	glimpse  = 40 // bytes of an answer in another protocol: enough to recognize that
	sentence = 80 // bytes of an error message
)

// foreign is the reply to data that no server of the protocol sends. name is that of the product,
// with its article.
func foreign(name string, data []byte) Reply {
	// An alert (21) of TLS 1.0 to 1.3 (RFC 8446, section 5.1).
	if len(data) >= 2 && data[0] == 21 && data[1] == 3 {
		return notReady("not the answer of " + name + " server: a TLS alert")
	}
	return notReady("not the answer of " + name + " server: " + quote(data, glimpse))
}

// quote returns at most limit bytes of a text of the server, in quotation marks. A character is not
// cut.
func quote(text []byte, limit int) string {
	if len(text) <= limit {
		return strconv.Quote(string(text))
	}
	for n := limit; n > limit-utf8.UTFMax; n-- {
		if utf8.RuneStart(text[n]) {
			limit = n
			break
		}
	}
	return strconv.Quote(string(text[:limit]) + "…")
}
