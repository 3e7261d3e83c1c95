package waitfor

import (
	"net/netip"
	"strings"

	"golang.org/x/net/dns/dnsmessage"
)

// said is what an answer of a name server says.
type said uint8

const (
	nothing   said = iota // it is no answer to the question
	addresses             // the name has these
	noAddress             // the name exists, but has none of that family
	noName                // there is no such name
	failure               // the server cannot tell
	truncated             // the answer is too long for UDP
)

// answer is an answer of a name server.
type answer struct {
	said
	ips []netip.Addr
	why string // of a failure
}

// maxAliases is how many CNAMEs are followed in an answer.
const maxAliases = 16

// newQuery makes the query for an absolute name, which must fit ([canBeName]).
func newQuery(id uint16, name string, kind dnsmessage.Type) ([]byte, error) {
	n, err := dnsmessage.NewName(name)
	if err != nil {
		return nil, err
	}
	b := dnsmessage.NewBuilder(make([]byte, 0, 512), dnsmessage.Header{ID: id, RecursionDesired: true})
	if err := b.StartQuestions(); err != nil {
		return nil, err
	}
	if err := b.Question(dnsmessage.Question{Name: n, Type: kind, Class: dnsmessage.ClassINET}); err != nil {
		return nil, err
	}
	return b.Finish()
}

// readAnswer says what a message means as the answer to a query (RFC 1035, section 4; RFC 2308 for "no").
func readAnswer(message []byte, id uint16, name string, kind dnsmessage.Type) answer {
	var p dnsmessage.Parser
	h, err := p.Start(message)
	if err != nil || !h.Response || h.ID != id || h.OpCode != 0 {
		return answer{}
	}
	switch q, err := p.Question(); {
	case err == dnsmessage.ErrSectionDone: // as servers do that did not read the question
		if h.RCode == dnsmessage.RCodeSuccess || h.RCode == dnsmessage.RCodeNameError {
			return answer{}
		}
	case err != nil, q.Type != kind, q.Class != dnsmessage.ClassINET, !sameName(q.Name.String(), name):
		return answer{}
	default:
		if _, err := p.Question(); err != dnsmessage.ErrSectionDone {
			return answer{}
		}
	}
	switch h.RCode {
	case dnsmessage.RCodeSuccess:
	case dnsmessage.RCodeNameError:
		return answer{said: noName}
	case dnsmessage.RCodeServerFailure:
		return answer{said: failure, why: "the name server failed (SERVFAIL)"}
	case dnsmessage.RCodeRefused:
		return answer{said: failure, why: "the name server refused (REFUSED)"}
	default:
		return answer{said: failure, why: "the name server gave an error (" + strings.TrimPrefix(h.RCode.String(), "RCode") + ")"}
	}
	if h.Truncated {
		return answer{said: truncated}
	}
	aliases := map[string]string{}
	byName := map[string][]netip.Addr{}
	records := 0
	for ; ; records++ {
		r, err := p.AnswerHeader()
		if err == dnsmessage.ErrSectionDone {
			break
		}
		if err != nil {
			return answer{}
		}
		owner := strings.Map(toLower, r.Name.String())
		switch {
		case r.Class != dnsmessage.ClassINET:
			err = p.SkipAnswer()
		case r.Type == dnsmessage.TypeCNAME:
			var alias dnsmessage.CNAMEResource
			if alias, err = p.CNAMEResource(); err == nil {
				aliases[owner] = strings.Map(toLower, alias.CNAME.String())
			}
		case r.Type == kind && kind == dnsmessage.TypeA:
			var a dnsmessage.AResource
			if a, err = p.AResource(); err == nil && len(byName[owner]) < maxAddresses {
				byName[owner] = append(byName[owner], netip.AddrFrom4(a.A))
			}
		case r.Type == kind:
			var a dnsmessage.AAAAResource
			if a, err = p.AAAAResource(); err == nil && len(byName[owner]) < maxAddresses {
				byName[owner] = append(byName[owner], netip.AddrFrom16(a.AAAA).Unmap())
			}
		default:
			err = p.SkipAnswer()
		}
		if err != nil {
			return answer{}
		}
	}
	if records == 0 && !h.Authoritative && !h.RecursionAvailable {
		return answer{said: failure, why: "the name server does not answer for that name"} // it refers to others
	}
	at := strings.Map(toLower, name)
	for range maxAliases {
		if ips := byName[at]; len(ips) > 0 {
			return answer{said: addresses, ips: ips}
		}
		next, ok := aliases[at]
		if !ok {
			return answer{said: noAddress}
		}
		at = next
	}
	return answer{said: failure, why: "the name server's answer is an endless alias"}
}

func toLower(r rune) rune {
	if 'A' <= r && r <= 'Z' {
		r += 'a' - 'A'
	}
	return r
}
