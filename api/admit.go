package api

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"

	"atommq/bus"
)

const (
	healthPath = "/healthz"
	readyPath  = "/readyz"
)

// challenges say how to log in.
var (
	challenges = []string{`Basic realm="AtomMQ", charset="UTF-8"`, `Bearer realm="AtomMQ"`}
	wrongToken = []string{challenges[0], challenges[1] + `, error="invalid_token"`} // RFC 6750 §3.1
)

type callerKey struct{}

// caller returns who sent r.
func (s *site) caller(r *http.Request) *bus.Caller {
	if s.access.IsOpen() && !s.access.Anonymous().Limited() {
		return s.access.Anonymous()
	}
	if c, ok := r.Context().Value(callerKey{}).(*bus.Caller); ok {
		return c
	}
	return s.access.Anonymous()
}

// admitted answers requests that may not come in, and has next answer the others.
func (s *site) admitted(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		r, err := s.admit(r)
		if err != nil {
			s.fail(w, r, err)
			return
		}
		next.ServeHTTP(w, r)
	})
}

// admit returns r as that of the account whose credentials it has, or reports why it may not come in.
func (s *site) admit(r *http.Request) (*http.Request, error) {
	if r.URL.Path != healthPath {
		c, err := s.identify(r)
		if err == nil {
			c, err = s.count(r, c)
		}
		if err != nil {
			return r, err
		}
		if c != s.access.Anonymous() {
			r = r.WithContext(context.WithValue(r.Context(), callerKey{}, c))
		}
	}
	if r.Method == http.MethodGet {
		return r, nil
	}
	// Any page on the web could have its reader's browser post to a bus on localhost.
	if err := s.origins.Check(r); err != nil {
		return r, &problemError{
			Status: http.StatusForbidden,
			Detail: "A browser sent this request on behalf of another site's page. Publish from a program, or from a page of this site.",
		}
	}
	return r, nil
}

// identify looks at a request's credentials. Without any, it is anonymous, where such requests
// may do something.
func (s *site) identify(r *http.Request) (*bus.Caller, error) {
	if s.access.IsOpen() {
		return s.access.Anonymous(), nil
	}
	given := r.Header["Authorization"]
	if name, ok := bus.CertifiedName(r.TLS); ok && len(given) == 0 {
		return s.certified(r, name)
	}
	if len(given) == 0 {
		if c := s.access.Anonymous(); c.Welcome() {
			return c, nil
		}
		return nil, unauthorized("This server asks who you are. %s", s.waysIn())
	}
	if len(given) > 1 {
		return nil, unauthorized("There is more than one field Authorization. Send the right one alone. %s", s.waysIn())
	}
	return s.authorized(r, given[0])
}

// authorized returns whom the field Authorization of a request lets in.
func (s *site) authorized(r *http.Request, field string) (*bus.Caller, error) {
	if token, ok := bearer(field); ok {
		c, err := s.access.Token(r.Context(), token)
		if errors.Is(err, bus.ErrCredentials) {
			err = &problemError{
				Status: http.StatusUnauthorized, Header: http.Header{"Www-Authenticate": wrongToken},
				Detail: "This server knows no such token; it may have ended, or been removed. " + s.waysIn(),
			}
		}
		return c, err
	}
	login, passcode, ok := r.BasicAuth()
	if !ok {
		return nil, unauthorized("The field Authorization cannot be read: it takes Basic or Bearer. %s", s.waysIn())
	}
	c, err := s.access.Login(r.Context(), login, passcode)
	if errors.Is(err, bus.ErrCredentials) {
		err = unauthorized("This server knows no such name with this password, or no such token. %s", s.waysIn())
	}
	return c, err
}

// waysIn says what lets somebody in here.
func (s *site) waysIn() string {
	const ways = "Give the name and password of an account, curl -u name:password …, or a token, curl -H 'Authorization: Bearer token' …"
	if !s.access.HasAccounts() {
		return "Give its login and passcode, curl -u login:passcode …."
	}
	if s.certificates {
		return ways + "; or, over HTTPS, a certificate that names the account, curl --cert file --key file …."
	}
	return ways + "."
}

// certified lets in the account that a certificate names.
func (s *site) certified(r *http.Request, name string) (*bus.Caller, error) {
	c, err := s.access.Certified(r.Context(), name)
	if errors.Is(err, bus.ErrCredentials) {
		return nil, unauthorized("Your certificate names %q (the common name of its subject), and there is no such account. Whoever runs the server makes it: atommq user add NAME --no-password. Or come in otherwise. %s", name, s.waysIn())
	}
	return c, err
}

// bearer returns the token of an Authorization field, RFC 6750.
func bearer(field string) (token string, ok bool) {
	scheme, token, ok := strings.Cut(field, " ")
	return strings.TrimSpace(token), ok && strings.EqualFold(scheme, "Bearer")
}

func unauthorized(format string, args ...any) error {
	return &problemError{Status: http.StatusUnauthorized, Detail: fmt.Sprintf(format, args...), Header: http.Header{"Www-Authenticate": challenges}}
}

// seeing are the rights of which any shows an entry: claims link to what they hand out.
const seeing = bus.RightRead | bus.RightConsume | bus.RightEdit

// needing has h answer those who have one of these rights on the feed that the path names, and
// still have it once the request's body has come.
func (s *site) needing(rights bus.Rights, h handler) handler {
	return func(w http.ResponseWriter, r *http.Request) error {
		if err := s.entitled(r, rights); err != nil {
			return err
		}
		if rec, ok := w.(*recorder); ok {
			rec.needs = rights
		}
		return h(w, r)
	}
}

// entitled reports why the sender of r may not use any of these rights on the feed that the path
// names.
func (s *site) entitled(r *http.Request, rights bus.Rights) error {
	if s.access.IsOpen() {
		return nil
	}
	feed, err := feedName(r)
	if err != nil {
		return err
	}
	return s.permit(r, rights, feed)
}

// permit reports why the sender of r may not use any of these rights on a feed.
func (s *site) permit(r *http.Request, rights bus.Rights, feed string) error {
	c := s.caller(r)
	has := c.Rights(feed)
	switch {
	case has&rights != 0:
		return nil
	case !c.Known():
		return unauthorized("This takes the right to %s in the feed %q. %s", enough(rights), feed, s.waysIn())
	case has == 0 && (r.Method == http.MethodGet || r.Method == http.MethodHead):
		return hidden(r)
	}
	return &problemError{
		Status: http.StatusForbidden,
		Detail: fmt.Sprintf("The account %q may not do this: it lacks the right to %s in the feed %q. Whoever runs the server gives it: %s.", c.Account(), enough(rights), feed, bus.Allowing(c.Account(), rights, feed)),
		Extra:  map[string]any{"right": first(rights), "feed": feed},
	}
}

// hidden is what there is where a feed may not be seen: the same as where there is none.
func hidden(r *http.Request) error {
	switch path := r.URL.EscapedPath(); {
	case strings.HasSuffix(path, "/media"):
		return bus.ErrNoMedia
	case strings.Contains(path, "/entries/") && !strings.Contains(path, "/queues/"):
		return bus.ErrNoEntry
	case strings.Contains(path, "/queues/"):
		return bus.ErrNoQueue
	}
	return bus.ErrNoFeed
}

// enough says which rights do, one of them being enough.
func enough(rights bus.Rights) string { return strings.ReplaceAll(rights.String(), ",", " or ") }

// first returns the least of rights.
func first(rights bus.Rights) string {
	word, _, _ := strings.Cut(rights.String(), ",")
	return word
}
