package bus

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
)

// seal makes the tokens that name leases. A token says which claim it is, so that any node knows without a look, and is
// sealed with the secret of the log, so that nobody makes one up.
type seal struct{ secret []byte }

const (
	tokenClaim = 8 + 1 + 8 + 4 // queue, rank, id, attempt
	tokenMAC   = 16
)

var tokenCoding = base64.RawURLEncoding.Strict()

// token returns the name of a lease.
func (s *seal) token(c *Claim) string {
	b := make([]byte, 0, tokenClaim+tokenMAC)
	b = binary.BigEndian.AppendUint64(b, uint64(c.Queue))
	b = append(b, c.Rank)
	b = binary.BigEndian.AppendUint64(b, uint64(c.ID))
	b = binary.BigEndian.AppendUint32(b, uint32(c.Attempt))
	return tokenCoding.EncodeToString(append(b, s.mac(b)...))
}

func (s *seal) mac(b []byte) []byte {
	h := hmac.New(sha256.New, s.secret)
	h.Write([]byte("lease\x00"))
	h.Write(b)
	return h.Sum(nil)[:tokenMAC]
}

// claim returns the lease that a token names.
func (s *seal) claim(token string) (c Claim, ok bool) {
	if len(token) != tokenCoding.EncodedLen(tokenClaim+tokenMAC) {
		return c, false
	}
	b, err := tokenCoding.DecodeString(token)
	if err != nil || len(b) != tokenClaim+tokenMAC { // the decoder passes over line breaks
		return c, false
	}
	if !hmac.Equal(b[tokenClaim:], s.mac(b[:tokenClaim])) {
		return c, false
	}
	return Claim{
		Place:   Place{Rank: b[8], ID: int64(binary.BigEndian.Uint64(b[9:]))},
		Queue:   int64(binary.BigEndian.Uint64(b)),
		Node:    LeaseNode,
		Attempt: int(binary.BigEndian.Uint32(b[17:])),
	}, true
}
