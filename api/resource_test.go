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
