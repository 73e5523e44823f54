package bus

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"strings"
)

const (
	// tokenPrefix begins every token, so that scanners of code and logs find those that were left there.
	tokenPrefix = "atommq_"
	tokenBytes  = 32
)

// NewToken returns a token, which nobody can guess, and what is kept of it.
func NewToken() (token string, digest [sha256.Size]byte) {
	var random [tokenBytes]byte
	_, _ = rand.Read(random[:]) // it never fails
	token = tokenPrefix + base64.RawURLEncoding.EncodeToString(random[:])
	return token, sha256.Sum256([]byte(token))
}

// mayBeToken reports whether there may be a token in text, or a part of one: logs leave it out.
func mayBeToken(text string) bool { return strings.Contains(text, tokenPrefix) }

// looksLikeToken reports whether text may be a token rather than a password.
func looksLikeToken(text string) bool {
	return strings.HasPrefix(text, tokenPrefix) && len(text) == len(tokenPrefix)+base64.RawURLEncoding.EncodedLen(tokenBytes)
}

// LoggedLogin returns what a log may tell of a login that was refused: nothing that may be a secret in
// the place of a name.
func LoggedLogin(login, passcode string) string {
	if login != "" && login == passcode || mayBeToken(login) {
		return "(withheld)"
	}
	const longest = 64
	return login[:min(len(login), longest)]
}
