package protocol_test

import (
	"math/rand/v2"
	"runtime"
	"strings"
	"testing"

	"util/internal/readiness/protocol"
)

// talk gives the answer of a server to a new conversation, in parts of the given sizes, the last of
// which is used again. It returns the verdict, the reason, and what was sent before the verdict and
// with it.
func talk(t testing.TB, p protocol.Protocol, answer string, closed bool, sizes ...int) (
	last protocol.Reply, sent string,
) {
	t.Helper()
	c := p.Begin()
	data := []byte(answer)
	last = c.Step(nil, false)
	for len(data) > 0 && last.Verdict == protocol.Pending {
		sent += string(last.Send)
		n := min(max(sizes[0], 1), len(data))
		part := append([]byte{}, data[:n]...)
		data = data[n:]
		if len(sizes) > 1 {
			sizes = sizes[1:]
		}
		last = c.Step(part, false)
		clear(part) // Step keeps no reference
	}
	if closed && last.Verdict == protocol.Pending {
		sent += string(last.Send)
		last = c.Step(nil, true)
		if len(last.Send) > 0 {
			t.Errorf("%q: sends %q to a closed connection", answer, last.Send)
		}
	}
	return last, sent
}

// exchange is an answer of a server, and what it means.
type exchange struct {
	name    string
	answer  string
	verdict protocol.Verdict
	why     string // for Pending, the reason once the connection has been closed
	sent    string // without what is sent first
}

// check runs exchanges: at once, byte by byte, and without their last byte.
func check(t *testing.T, p protocol.Protocol, first string, exchanges []exchange) {
	t.Helper()
	for _, e := range exchanges {
		for _, size := range []int{1 << 20, 1, 7} {
			got, sent := talk(t, p, e.answer, e.verdict == protocol.Pending, size)
			got.Send, sent = nil, sent+string(got.Send)
			want := protocol.Reply{Verdict: e.verdict, Why: e.why}
			if e.verdict == protocol.Pending {
				want.Verdict = protocol.NotReady
			}
			early := strings.HasPrefix(e.why, "not the answer of ") || strings.Contains(e.why, "not fork")
			if early && size != 1<<20 {
				want.Why, got.Why = "", "" // shows what has arrived so far
			}
			if got.Verdict != want.Verdict || got.Why != want.Why || sent != first+e.sent {
				t.Errorf("%s, in parts of %d:\n got %+v, sent %q\nwant %+v, sent %q",
					e.name, size, got, sent, want, first+e.sent)
			}
		}
		if e.verdict == protocol.Ready {
			part := e.answer[:len(e.answer)-1]
			if got, _ := talk(t, p, part, true, len(part)); got.Verdict != protocol.NotReady {
				t.Errorf("%s, without the last byte: %+v", e.name, got)
			}
		}
	}
}

// endless checks answers that have no end. None makes a conversation ready or keeps it pending, and
// none of 4 MB takes more than a few times MaxAnswer of memory.
func endless(t *testing.T, p protocol.Protocol, answers ...string) {
	t.Helper()
	for _, answer := range answers {
		c := p.Begin()
		c.Step(nil, false)
		sent := 0
		verdict := protocol.Pending
		for ; verdict == protocol.Pending && sent <= 2*protocol.MaxAnswer; sent += len(answer) {
			verdict = c.Step([]byte(answer), false).Verdict
		}
		if verdict != protocol.NotReady || sent > protocol.MaxAnswer+len(answer) {
			t.Errorf("%.20q: verdict %d after %d bytes", answer, verdict, sent)
		}

		data := []byte(strings.Repeat(answer, 1+4<<20/len(answer)))
		c = p.Begin()
		c.Step(nil, false)
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		verdict = c.Step(data, false).Verdict
		runtime.ReadMemStats(&after)
		used := after.TotalAlloc - before.TotalAlloc
		if verdict != protocol.NotReady || used > 8*protocol.MaxAnswer {
			t.Errorf("4 MB of %.20q: verdict %d, %d bytes of memory", answer, verdict, used)
		}
	}
}

// fuzz checks what must be true for every answer: no panic, the same verdict and the same bytes to
// send however the answer is split, a verdict at its end or after MaxAnswer bytes, and a short
// reason in printable ASCII or quoted characters.
func fuzz(f *testing.F, p protocol.Protocol, seeds []exchange) {
	f.Helper()
	for _, e := range seeds {
		f.Add([]byte(e.answer), uint64(1))
	}
	f.Add([]byte("HTTP/1.1 400 Bad Request\r\nServer: x\r\n\r\n"), uint64(2))
	f.Add([]byte("\x15\x03\x03\x00\x02\x02\x0a"), uint64(3))
	f.Fuzz(func(t *testing.T, answer []byte, seed uint64) {
		random := rand.New(rand.NewPCG(seed, 0))
		sizes := make([]int, 20)
		for i := range sizes {
			sizes[i] = 1 + random.IntN(1<<random.IntN(12))
		}
		whole, wholeSent := talk(t, p, string(answer), true, 1<<30)
		split, splitSent := talk(t, p, string(answer), true, sizes...)
		wholeSent += string(whole.Send)
		splitSent += string(split.Send)
		if whole.Verdict != split.Verdict || wholeSent != splitSent {
			t.Errorf("whole: %+v, sent %q; split by %d: %+v, sent %q",
				whole, wholeSent, sizes, split, splitSent)
		}
		if whole.Verdict == protocol.Pending {
			t.Error("no verdict at the end")
		}
		if (whole.Verdict == protocol.NotReady) != (whole.Why != "") || len(whole.Why) > 500 {
			t.Errorf("reason %q", whole.Why)
		}
		if len(answer) > protocol.MaxAnswer {
			if open, _ := talk(t, p, string(answer), false, sizes...); open.Verdict == protocol.Pending {
				t.Errorf("pending after %d bytes", len(answer))
			}
		}
	})
}
