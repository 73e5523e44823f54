package api

import (
	"net/http"
	"testing"

	"atommq/bus"
	"atommq/feeds"
)

func TestOptionsPromisesNoMethodThatIsRefused(t *testing.T) {
	s := serve(t, Handler{})
	member := s.path(s.publishIn("x", "one").Header.Get("Location"))
	picture, file := s.postMedia("image/png", "PNG")
	const all, collection = "DELETE, GET, HEAD, OPTIONS, PUT", "DELETE, GET, HEAD, OPTIONS, POST"
	for path, want := range map[string]string{"/feeds/x": collection, "/feeds/new": collection, member: all, picture: all, file: all} {
		s.do(http.MethodOptions, path, "").want(t, http.StatusNoContent).wantField(t, "Allow", want)
	}
	s.configure("x", bus.Settings{Accepts: &feeds.Accepts{}, AppendOnly: new(true)})
	for path, methods := range map[string][]string{"/feeds/x": {http.MethodPost}, member: {http.MethodPut, http.MethodDelete}, file: {http.MethodPut, http.MethodDelete}} {
		a := s.do(http.MethodOptions, path, "").want(t, http.StatusNoContent)
		a.wantField(t, "Accept-Post", "")
		for _, method := range methods {
			s.do(method, path, entry("a"), atomType).want(t, http.StatusMethodNotAllowed).wantField(t, "Allow", a.Header.Get("Allow"))
		}
	}
}

func TestOptionsPromisesWhatMayBeDoneWithADraft(t *testing.T) {
	s := serve(t, Handler{})
	s.configure("x", bus.Settings{AppendOnly: new(true)})
	draft := s.member(s.do(http.MethodPost, "/feeds/x", draftEntry("a", "yes"), atomType).want(t, http.StatusCreated))
	s.do(http.MethodOptions, draft, "").want(t, http.StatusNoContent).wantField(t, "Allow", "DELETE, GET, HEAD, OPTIONS, PUT")
	s.do(http.MethodPut, draft, draftEntry("b", "no"), atomType).want(t, http.StatusOK)
	s.do(http.MethodOptions, draft, "").want(t, http.StatusNoContent).wantField(t, "Allow", "GET, HEAD, OPTIONS")
}
