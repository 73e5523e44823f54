package bus

import (
	"cmp"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"time"
)

// seal makes the tokens that name leases. A token says which claim it is, so that any node knows
// without a look, and is sealed with the secret of the log, so that nobody makes one up.
type seal struct{ secret []byte }

const (
	tokenClaim = 8 + 1 + 8 + 4 // queue, rank, id, attempt
	tokenOwn   = 8 + 8         // ack timeout and expiry, where the entry has either of its own
	tokenAsked = 8             // how long the lease was asked for, where that was said; behind tokenOwn
	tokenRound = 8             // of an entry that a dead letter brought back; behind tokenAsked
	tokenMAC   = 16

	tokenLong = tokenClaim + tokenOwn + tokenAsked + tokenRound // the longest
)

var tokenCoding = base64.RawURLEncoding.Strict()

// token returns the name of a lease that was asked for such a time, 0 for none.
func (s *seal) token(c *Claim, asked time.Duration) string {
	b := make([]byte, 0, tokenLong+tokenMAC)
	b = binary.BigEndian.AppendUint64(b, uint64(c.Queue))
	b = append(b, c.Rank)
	b = binary.BigEndian.AppendUint64(b, uint64(c.ID))
	b = binary.BigEndian.AppendUint32(b, uint32(c.Attempt))
	if cmp.Or(int64(c.AckTimeout), milliseconds(c.Expires), int64(asked), c.Round) != 0 {
		b = binary.BigEndian.AppendUint64(b, uint64(c.AckTimeout))
		b = binary.BigEndian.AppendUint64(b, uint64(milliseconds(c.Expires)))
	}
	if cmp.Or(int64(asked), c.Round) != 0 {
		b = binary.BigEndian.AppendUint64(b, uint64(asked))
	}
	if c.Round != 0 {
		b = binary.BigEndian.AppendUint64(b, uint64(c.Round))
	}
	return tokenCoding.EncodeToString(append(b, s.mac("lease", b)[:tokenMAC]...))
}

// mac seals b as what it is: a token's bytes are good for nothing else.
func (s *seal) mac(kind string, b []byte) []byte {
	h := hmac.New(sha256.New, s.secret)
	h.Write([]byte(kind + "\x00"))
	h.Write(b)
	return h.Sum(nil)
}

// claim returns the lease that a token names, and the time that it was asked for.
func (s *seal) claim(token string) (c Claim, asked time.Duration, ok bool) {
	if len(token) > tokenCoding.EncodedLen(tokenLong+tokenMAC) {
		return c, 0, false
	}
	b, err := tokenCoding.DecodeString(token)
	said := len(b) - tokenMAC
	if err != nil || len(token) != tokenCoding.EncodedLen(len(b)) { // the decoder passes over line breaks
		return c, 0, false
	}
	switch said {
	case tokenClaim, tokenClaim + tokenOwn, tokenClaim + tokenOwn + tokenAsked, tokenLong:
	default:
		return c, 0, false
	}
	if !hmac.Equal(b[said:], s.mac("lease", b[:said])[:tokenMAC]) {
		return c, 0, false
	}
	c = Claim{
		Place:   Place{Rank: b[8], ID: int64(binary.BigEndian.Uint64(b[9:]))},
		Queue:   int64(binary.BigEndian.Uint64(b)),
		Node:    LeaseNode,
		Attempt: int(binary.BigEndian.Uint32(b[17:])),
	}
	if said > tokenClaim {
		c.AckTimeout = time.Duration(binary.BigEndian.Uint64(b[tokenClaim:]))
		if at := int64(binary.BigEndian.Uint64(b[tokenClaim+8:])); at > 0 {
			c.Expires = time.UnixMilli(at)
		}
	}
	if said > tokenClaim+tokenOwn {
		asked = time.Duration(binary.BigEndian.Uint64(b[tokenClaim+tokenOwn:]))
	}
	if said == tokenLong {
		c.Round = int64(binary.BigEndian.Uint64(b[tokenLong-tokenRound:]))
	}
	return c, asked, true
}
