package readiness

import (
	"errors"
	"net/netip"
	"strings"

	"golang.org/x/net/dns/dnsmessage"
)

// meaning is what an answer of a name server means for a question.
type meaning uint8

const (
	noAnswer  meaning = iota // the message does not answer the question
	addresses                // the name has addresses
	noAddress                // the name exists, but has no address of that family
	noName                   // the name does not exist
	failure                  // the server cannot answer
	truncated                // the answer is too long for UDP
)

// answer is an answer of a name server.
type answer struct {
	meaning
	ips []netip.Addr
	why string // of a failure
}

// maxAliases is the maximum number of CNAME records that are followed in an answer.
const maxAliases = 16

// newQuery returns the message that asks for an absolute name, for which [canBeName] must hold.
func newQuery(id uint16, name string, kind dnsmessage.Type) ([]byte, error) {
	n, err := dnsmessage.NewName(name)
	if err != nil {
		return nil, err
	}
	header := dnsmessage.Header{ID: id, RecursionDesired: true}
	b := dnsmessage.NewBuilder(make([]byte, 0, 512), header)
	if err := b.StartQuestions(); err != nil {
		return nil, err
	}
	question := dnsmessage.Question{Name: n, Type: kind, Class: dnsmessage.ClassINET}
	if err := b.Question(question); err != nil {
		return nil, err
	}
	return b.Finish()
}

// readAnswer returns what a message means as the answer to a query (RFC 1035, section 4; RFC 2308
// for negative answers).
func readAnswer(message []byte, id uint16, name string, kind dnsmessage.Type) answer {
	var p dnsmessage.Parser
	h, err := p.Start(message)
	if err != nil || !h.Response || h.ID != id || h.OpCode != 0 || !repeats(&p, h, name, kind) {
		return answer{}
	}
	if h.RCode != dnsmessage.RCodeSuccess {
		return negative(h.RCode)
	}
	if h.Truncated {
		return answer{meaning: truncated}
	}
	r, err := readRecords(&p, kind)
	switch {
	case err != nil:
		return answer{}
	case r.count == 0 && !h.Authoritative && !h.RecursionAvailable: // a referral
		why := "the name server has no data for that name and offers no recursion"
		return answer{meaning: failure, why: why}
	}
	return r.follow(name)
}

// repeats reports whether a response repeats the question that was asked. A server that could not
// read the question may leave it out of an error response.
func repeats(p *dnsmessage.Parser, h dnsmessage.Header, name string, kind dnsmessage.Type) bool {
	q, err := p.Question()
	if errors.Is(err, dnsmessage.ErrSectionDone) {
		return h.RCode != dnsmessage.RCodeSuccess && h.RCode != dnsmessage.RCodeNameError
	}
	if err != nil || q.Type != kind || q.Class != dnsmessage.ClassINET ||
		!sameName(q.Name.String(), name) {
		return false
	}
	_, err = p.Question()
	return errors.Is(err, dnsmessage.ErrSectionDone) // only one question
}

// negative returns the answer for a response code other than success.
func negative(code dnsmessage.RCode) answer {
	switch code {
	case dnsmessage.RCodeNameError:
		return answer{meaning: noName}
	case dnsmessage.RCodeServerFailure:
		return answer{meaning: failure, why: "the name server failed (SERVFAIL)"}
	case dnsmessage.RCodeRefused:
		return answer{meaning: failure, why: "the name server refused (REFUSED)"}
	}
	text := strings.TrimPrefix(code.String(), "RCode")
	return answer{meaning: failure, why: "the name server returned an error (" + text + ")"}
}

// records are the records in an answer, by the lower-case name of their owner.
type records struct {
	aliases map[string]string // CNAME
	ips     map[string][]netip.Addr
	count   int // of all records
}

// readRecords reads the answer section. Only CNAME records and addresses of one kind are kept.
func readRecords(p *dnsmessage.Parser, kind dnsmessage.Type) (records, error) {
	rs := records{aliases: map[string]string{}, ips: map[string][]netip.Addr{}}
	for ; ; rs.count++ {
		h, err := p.AnswerHeader()
		if errors.Is(err, dnsmessage.ErrSectionDone) {
			return rs, nil
		}
		if err == nil {
			err = rs.read(p, h, kind)
		}
		if err != nil {
			return rs, err
		}
	}
}

// read reads the body of the record that begins with h.
func (rs *records) read(p *dnsmessage.Parser, h dnsmessage.ResourceHeader, kind dnsmessage.Type,
) error {
	owner := strings.Map(toLower, h.Name.String())
	switch {
	case h.Class != dnsmessage.ClassINET:
		return p.SkipAnswer()
	case h.Type == dnsmessage.TypeCNAME:
		alias, err := p.CNAMEResource()
		if err == nil {
			rs.aliases[owner] = strings.Map(toLower, alias.CNAME.String())
		}
		return err
	case h.Type == kind && kind == dnsmessage.TypeA:
		a, err := p.AResource()
		if err == nil {
			rs.add(owner, netip.AddrFrom4(a.A))
		}
		return err
	case h.Type == kind:
		a, err := p.AAAAResource()
		if err == nil {
			rs.add(owner, netip.AddrFrom16(a.AAAA).Unmap())
		}
		return err
	}
	return p.SkipAnswer()
}

func (rs *records) add(owner string, ip netip.Addr) {
	if len(rs.ips[owner]) < maxAddresses {
		rs.ips[owner] = append(rs.ips[owner], ip)
	}
}

// follow returns the addresses of a name, through its aliases.
func (rs *records) follow(name string) answer {
	name = strings.Map(toLower, name)
	for range maxAliases {
		if ips := rs.ips[name]; len(ips) > 0 {
			return answer{meaning: addresses, ips: ips}
		}
		next, ok := rs.aliases[name]
		if !ok {
			return answer{meaning: noAddress}
		}
		name = next
	}
	why := "the name server's answer has a CNAME loop or too many CNAME records in a chain"
	return answer{meaning: failure, why: why}
}

func toLower(r rune) rune {
	if 'A' <= r && r <= 'Z' {
		r += 'a' - 'A'
	}
	return r
}
