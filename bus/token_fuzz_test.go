package bus

import (
	"strings"
	"testing"
	"time"
)

func TestATokenOfLineBreaksNamesNoLease(t *testing.T) {
	length := tokenCoding.EncodedLen(tokenClaim + tokenMAC)
	for _, token := range []string{strings.Repeat("\n", length), strings.Repeat("A", length-4) + "\r\n\r\n"} {
		if c, _, ok := (&seal{secret: []byte("secret")}).claim(token); ok {
			t.Errorf("%q names %+v", token, c)
		}
	}
}

// Nobody makes up a token: what names a lease is what was given for it, letter by letter.
func FuzzClaimToken(f *testing.F) {
	s := &seal{secret: []byte("secret")}
	f.Add(s.token(&Claim{Queue: 1, Attempt: 1, Place: Place{Rank: 5, ID: 42}}, 0))
	f.Add(s.token(&Claim{Queue: 1, Attempt: 1}, time.Minute))
	f.Add(s.token(&Claim{Queue: 1, Round: 7, Attempt: 1}, 0))
	f.Add((&seal{secret: []byte("another")}).token(&Claim{Queue: 1}, 0))
	f.Add("")
	f.Add("AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA")
	f.Fuzz(func(t *testing.T, token string) {
		c, asked, ok := s.claim(token)
		if ok && s.token(&c, asked) != token {
			t.Fatalf("%q names the lease %+v, whose token is %q", token, c, s.token(&c, asked))
		}
	})
}
