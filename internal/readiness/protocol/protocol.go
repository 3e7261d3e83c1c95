// Package protocol knows what a client says to a server to learn whether it is ready, and what the
// answers mean. Each protocol is a small state machine over bytes, in a file of its own.
//
// The package has no sockets and no clock: whoever has the connection limits how long a
// conversation may take. What a server sends is hostile: no conversation keeps more than
// [MaxAnswer] bytes of it, whatever it sends and however it is split.
package protocol

// Protocol is what is spoken with a server.
type Protocol interface {
	// Begin returns a new conversation, for one connection.
	Begin() Conversation
}

// Conversation is a conversation on one connection.
type Conversation interface {
	// Step takes what the server has sent since the last call. The first call, when the connection
	// has just been established, has no data. After the last data, closed is true: the server has
	// sent an end of file or has reset the connection. Step keeps no reference to data, and is not
	// called again after a Reply with a verdict other than Pending.
	Step(data []byte, closed bool) Reply
}

// Reply is the result of a step.
type Reply struct {
	Verdict Verdict
	// Why is the reason for NotReady, such as "status 503". A text of the server is part of it only
	// in quotation marks (strconv.Quote) and shortened.
	Why string
	// Send is to be sent to the server. With a verdict, it is the proper end of the conversation,
	// after which the connection is closed. If closed was true, it is empty.
	Send []byte
	// Closes is whether the server closes the connection after a verdict, as soon as it has Send.
	Closes bool
}

// Verdict is what is known about the server.
type Verdict uint8

const (
	Pending  Verdict = iota // the server has not yet sent enough
	Ready                   // it serves requests
	NotReady                // it answered that it does not, or not in this protocol
)

// MaxAnswer is how many bytes of an answer a conversation accepts. A server that sends more before
// its answer is complete is not ready.
const MaxAnswer = 16 << 10
