package api

import (
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
)

// apiDoc is an OpenAPI document, as far as the tests look.
type apiDoc struct {
	OpenAPI string
	Paths   map[string]map[string]json.RawMessage
}

type operation struct {
	OperationID string
	Responses   map[string]json.RawMessage
	Parameters  []struct {
		Ref string `json:"$ref"`
	}
}

func readAPI(doc []byte) (apiDoc, error) {
	var d apiDoc
	err := json.Unmarshal(doc, &d)
	return d, err
}

// operation returns what the document says of a method at a path; ok is false where it says nothing.
func (d apiDoc) operation(path, method string) (op operation, ok bool) {
	raw, ok := d.Paths[path][strings.ToLower(method)]
	return op, ok && json.Unmarshal(raw, &op) == nil
}

func TestTheContractHasEveryRouteAndMethod(t *testing.T) {
	whole, err := readAPI(openAPI)
	if err != nil {
		t.Fatal(err)
	}
	s := serve(t, Handler{})
	served, err := readAPI([]byte(s.get("/openapi.json").want(t, http.StatusOK).body))
	if err != nil || served.OpenAPI != "3.1.0" {
		t.Fatal(served.OpenAPI, err)
	}
	routes := (&site{}).router().Routes()
	for _, route := range routes {
		for method := range route.Handlers["*"].(*resource).methods {
			if method == http.MethodOptions {
				continue
			}
			if _, ok := whole.operation(route.Pattern, method); !ok {
				t.Errorf("openapi.json does not describe %s %s", method, route.Pattern)
			}
			if _, ok := served.operation(route.Pattern, method); !ok {
				t.Errorf("/openapi.json does not serve %s %s", method, route.Pattern)
			}
		}
	}
	if len(served.Paths) != len(routes) {
		t.Errorf("%d paths are described, %d are served", len(served.Paths), len(routes))
	}
}

func TestTheContractHoldsTogether(t *testing.T) {
	var whole map[string]any
	if err := json.Unmarshal(openAPI, &whole); err != nil {
		t.Fatal(err)
	}
	for _, m := range regexp.MustCompile(`"\$ref": "#/([^"]*)"`).FindAllSubmatch(openAPI, -1) {
		at := any(whole)
		for name := range strings.SplitSeq(string(m[1]), "/") {
			object, _ := at.(map[string]any)
			if at = object[name]; at == nil {
				t.Errorf("%s leads nowhere", m[0])
				break
			}
		}
	}
	var ids []string
	for _, m := range regexp.MustCompile(`"operationId": "([^"]*)"`).FindAllSubmatch(openAPI, -1) {
		ids = append(ids, string(m[1]))
	}
	slices.Sort(ids)
	if n := len(slices.Compact(slices.Clone(ids))); n != len(ids) {
		t.Errorf("%d ids of %d operations: %q", n, len(ids), ids)
	}
}

// outcomesSeen are the statuses that any test got from a resource.
var outcomesSeen outcomeSet

type outcome struct {
	method, path string
	status       int
}

type outcomeSet struct {
	mu   sync.Mutex
	seen map[outcome]bool
}

func (o *outcomeSet) note(resp *http.Response) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.seen == nil {
		o.seen = make(map[outcome]bool)
	}
	o.seen[outcome{resp.Request.Method, resp.Request.URL.EscapedPath(), resp.StatusCode}] = true
}

// documented runs the tests, and then fails where one of them saw a status that openapi.json does not tell of.
type documented struct{ m *testing.M }

func (d documented) Run() int {
	code := d.m.Run()
	doc, err := readAPI(openAPI)
	if err != nil {
		return max(code, 1)
	}
	missing := make(map[string]bool)
	for o := range outcomesSeen.seen {
		for path := range doc.Paths {
			op, ok := doc.operation(path, strings.Replace(o.method, http.MethodHead, http.MethodGet, 1))
			if !ok || !matches(path, o.path) {
				continue
			}
			if _, ok := op.Responses[fmt.Sprint(o.status)]; !ok {
				missing[fmt.Sprintf("openapi.json: %s %s does not tell of %d", o.method, path, o.status)] = true
			}
		}
	}
	for m := range missing {
		fmt.Fprintln(os.Stderr, m)
		code = max(code, 1)
	}
	return code
}

// matches reports whether a template names a path; a literal goes before a name.
func matches(template, path string) bool {
	want, got := strings.Split(template, "/"), strings.Split(path, "/")
	if len(want) != len(got) {
		return false
	}
	for i := range want {
		if !strings.HasPrefix(want[i], "{") && want[i] != got[i] || want[i] == "{token}" && got[i] == "acks" {
			return false
		}
	}
	return true
}
