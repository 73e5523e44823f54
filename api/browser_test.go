package api

import (
	"bytes"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"

	"atommq/web/browsertest"
)

// hostileXHTML marks the document it stands in, by every way to run a script that XHTML has.
const hostileXHTML = `<entry><title>t</title><content type="xhtml"><div xmlns="http://www.w3.org/1999/xhtml">` +
	`<script>document.documentElement.setAttribute("owned", 1)</script>` +
	`<img src="x:" onerror="document.documentElement.setAttribute('owned', 2)"/>` +
	`<iframe src="javascript:parent.document.documentElement.setAttribute('owned', 3)"></iframe>` +
	`<svg xmlns="http://www.w3.org/2000/svg" onload="document.documentElement.setAttribute('owned', 4)"/>` +
	`<style>* { background: url(/fetched) }</style></div></content></entry>`

// Chromium shows application/atom+xml as text; what it takes for a document is generic XML.
const asXML = "Accept: application/xml"

func TestABrowserRunsNothingInAnAtomDocument(t *testing.T) {
	s := serve(t, Handler{})
	created := s.do(http.MethodPost, "/feeds/x", hostileXHTML, atomType).want(t, http.StatusCreated)
	for _, path := range []string{"/feeds/x", s.member(created)} {
		if dom := browse(t, s.get(path, asXML)); strings.Contains(dom, "owned=") || !strings.Contains(dom, "<iframe") {
			t.Errorf("%s: the browser makes of it\n%s", path, dom)
		}
	}
	// That proves something only while the browser does run it without the policy.
	bare := s.get("/feeds/x", asXML)
	bare.Header.Del("Content-Security-Policy")
	if dom := browse(t, bare); !strings.Contains(dom, "owned=") {
		t.Errorf("without a policy nothing runs either:\n%s", dom)
	}
}

func TestABrowsersViewOfAnAtomDocumentIsStyled(t *testing.T) {
	s := serve(t, Handler{})
	s.publish("x", "e1")
	atom := s.get("/feeds/x", asXML)
	styled := screenshot(t, atom)
	atom.Header.Set("Content-Security-Policy", "default-src 'none'; sandbox")
	if bytes.Equal(styled, screenshot(t, atom)) {
		t.Error("the document looks as if no style were allowed")
	}
}

// browse returns the document that a browser makes of an answer.
func browse(t *testing.T, a *answer) string {
	t.Helper()
	return string(chromium(t, a, "--virtual-time-budget=5000", "--dump-dom"))
}

func screenshot(t *testing.T, a *answer) []byte {
	t.Helper()
	path := t.TempDir() + "/page.png"
	chromium(t, a, "--window-size=800,600", "--screenshot="+path)
	png, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return png
}

// chromium opens an answer, with its type and policy.
func chromium(t *testing.T, a *answer, args ...string) []byte {
	t.Helper()
	policy := a.Header["Content-Security-Policy"]
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/" {
			if policy != nil && r.URL.Path != "/favicon.ico" {
				t.Errorf("the browser asks for %s", r.URL.Path)
			}
			http.NotFound(w, r)
			return
		}
		w.Header()["Content-Type"] = a.Header["Content-Type"]
		w.Header()["Content-Security-Policy"] = policy
		_, _ = w.Write([]byte(a.body))
	}))
	defer srv.Close()
	return browsertest.Run(t, append(args, srv.URL+"/")...)
}
