package api

import (
	_ "embed"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"

	"github.com/go-chi/chi/v5"
)

// openAPI describes the interface to programs, https://spec.openapis.org/oas/v3.1.0. It is written
// by hand; tests hold it to the routes, their methods, and the statuses that they see.
//
//go:embed openapi.json
var openAPI []byte

// members are those of a JSON object.
type members map[string]json.RawMessage

// contract returns what openAPI says of the resources that the router serves.
func contract(r chi.Router) ([]byte, error) {
	var doc, all members
	if err := json.Unmarshal(openAPI, &doc); err != nil {
		return nil, fmt.Errorf("api: openapi.json: %w", err)
	}
	if err := json.Unmarshal(doc["paths"], &all); err != nil {
		return nil, fmt.Errorf("api: openapi.json: %w", err)
	}
	served := make(map[string]members)
	for _, route := range r.Routes() {
		res, ok := route.Handlers["*"].(*resource)
		if !ok || all[route.Pattern] == nil {
			continue
		}
		var path members
		if err := json.Unmarshal(all[route.Pattern], &path); err != nil {
			return nil, fmt.Errorf("api: openapi.json: %s: %w", route.Pattern, err)
		}
		for name := range path {
			if method := strings.ToUpper(name); name != "parameters" && res.methods[method] == nil {
				delete(path, name)
			}
		}
		served[route.Pattern] = path
	}
	var err error
	if doc["paths"], err = json.Marshal(served); err != nil {
		return nil, fmt.Errorf("api: openapi.json: %w", err)
	}
	return json.Marshal(doc)
}

// getOpenAPI answers with the description of the interface.
func (s *site) getOpenAPI(w http.ResponseWriter, r *http.Request) error {
	h := w.Header()
	h["Cache-Control"] = noCache
	h["Vary"] = []string{"Accept-Encoding"}
	out := newOutput(w, r, "")
	defer out.release()
	form := offer{typ: "application/json", kind: kindJSON}
	form.describe(h, nil)
	return out.digested(form, append(out.buf, s.contract...))
}
