package api

import (
	"crypto/sha256"
	"crypto/subtle"
	"net/http"
)

const healthPath = "/healthz"

// account is the one that all clients share.
type account struct{ login, passcode [sha256.Size]byte }

func newAccount(login, passcode string) *account {
	if passcode == "" {
		return nil
	}
	return &account{login: sha256.Sum256([]byte(login)), passcode: sha256.Sum256([]byte(passcode))}
}

// matches takes the same time whatever is wrong.
func (a *account) matches(r *http.Request) bool {
	login, passcode, ok := r.BasicAuth()
	l, p := sha256.Sum256([]byte(login)), sha256.Sum256([]byte(passcode))
	same := subtle.ConstantTimeCompare(l[:], a.login[:]) & subtle.ConstantTimeCompare(p[:], a.passcode[:])
	return ok && same == 1
}

// admit reports why a request may not come in.
func (s *site) admit(r *http.Request) error {
	if s.account != nil && r.URL.Path != healthPath && !s.account.matches(r) {
		return &problemError{
			Status: http.StatusUnauthorized,
			Detail: "This server asks for its login and passcode, by HTTP Basic authentication: curl -u login:passcode …",
			Header: http.Header{"Www-Authenticate": {`Basic realm="AtomMQ", charset="UTF-8"`}},
		}
	}
	if r.Method == http.MethodGet {
		return nil
	}
	// Any page on the web could have its reader's browser post to a bus on localhost.
	if err := s.origins.Check(r); err != nil {
		return &problemError{
			Status: http.StatusForbidden,
			Detail: "A browser sent this request on behalf of another site's page. Publish from a program, or from a page of this site.",
		}
	}
	return nil
}
