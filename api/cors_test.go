package api

import (
	"net/http"
	"regexp"
	"slices"
	"strings"
	"testing"
)

func TestOtherSitesPagesReadNothingByDefault(t *testing.T) {
	s := serve(t, Handler{})
	s.publish("x", "e")
	for name := range s.get("/feeds/x", "Origin: https://page.example").want(t, http.StatusOK).Header {
		if strings.HasPrefix(name, "Access-Control-") {
			t.Errorf("the answer has %s", name)
		}
	}
	s.do(http.MethodOptions, "/feeds/x", "", "Origin: https://page.example", "Access-Control-Request-Method: POST").wantField(t, "Access-Control-Allow-Origin", "")
}

func TestPagesOfNamedOriginsReadAndWrite(t *testing.T) {
	g := invite(t, Handler{CORSOrigins: []string{"https://page.example"}}, "ann x read,publish")
	g.seed("x")
	ask := func(origin, method string) *answer {
		return g.do(http.MethodOptions, "/feeds/x", "", "Origin: "+origin, "Access-Control-Request-Method: "+method, "Access-Control-Request-Headers: authorization, xlastid")
	}
	for origin, allowed := range map[string]string{"https://page.example": "https://page.example", "https://evil.example": "", "http://page.example": "", "null": ""} {
		preflight := ask(origin, "POST").want(t, http.StatusOK)
		preflight.wantField(t, "Access-Control-Allow-Origin", allowed)
		preflight.wantField(t, "Access-Control-Allow-Credentials", "")
		status := http.StatusForbidden
		if allowed != "" {
			status = http.StatusCreated
		}
		a := g.do(http.MethodPost, "/feeds/x", entry("e"), atomType, g.as("ann"), "Origin: "+origin, "Sec-Fetch-Site: cross-site").want(t, status)
		a.wantField(t, "Access-Control-Allow-Origin", allowed)
		read := g.get("/feeds/x?after=0", g.as("ann"), "Origin: "+origin).want(t, http.StatusOK)
		read.wantField(t, "Access-Control-Allow-Origin", allowed)
		if vary := read.Header["Vary"]; !slices.Contains(vary, "Origin") || !strings.Contains(strings.Join(vary, ","), "Accept") {
			t.Errorf("Vary: %q", vary)
		}
	}
	// Without credentials, a page learns that it needs some.
	g.get("/feeds/x", "Origin: https://page.example").want(t, http.StatusUnauthorized).wantField(t, "Access-Control-Allow-Origin", "https://page.example")
}

// What the contract offers, a page can send and see.
func TestPagesOfNamedOriginsMaySendEachFieldOfTheContract(t *testing.T) {
	s := serve(t, Handler{CORSOrigins: []string{"https://page.example"}})
	a := s.get("/openapi.json", "Origin: https://page.example").want(t, http.StatusOK)
	if exposed := a.Header.Get("Access-Control-Expose-Headers"); !strings.Contains(exposed, "Delta-Base") || !strings.Contains(strings.ToUpper(exposed), "IM,") {
		t.Errorf("exposed: %s", exposed)
	}
	fields := regexp.MustCompile(`"name": ?"([^"]+)", ?"in": ?"header"|"in": ?"header", ?"name": ?"([^"]+)"`).FindAllStringSubmatch(a.body, -1)
	if len(fields) < 5 {
		t.Fatalf("the contract has %q", fields)
	}
	names := []string{"Content-Encoding"}
	for _, f := range fields {
		names = append(names, f[1]+f[2])
	}
	for _, name := range names {
		a := s.do(http.MethodOptions, "/feeds/x", "", "Origin: https://page.example", "Access-Control-Request-Method: PUT", "Access-Control-Request-Headers: "+strings.ToLower(name))
		if a.Header.Get("Access-Control-Allow-Headers") == "" {
			t.Errorf("no page may send %s", name)
		}
	}
}

func TestAStreamTellsWhichPagesMayReadIt(t *testing.T) {
	s := serve(t, Handler{CORSOrigins: []string{"https://page.example"}})
	a := s.do(http.MethodHead, "/feeds/x", "", "Origin: https://page.example", "Accept: text/event-stream").want(t, http.StatusOK)
	a.wantField(t, "Access-Control-Allow-Origin", "https://page.example")
	if exposed := a.Header.Get("Access-Control-Expose-Headers"); !strings.Contains(exposed, "Xlastid") || !strings.Contains(exposed, "Stream-Heart-Beat") {
		t.Errorf("exposed: %s", exposed)
	}
}

func TestAStarLetsAllPagesReadAndNoneWrite(t *testing.T) {
	s := serve(t, Handler{CORSOrigins: []string{"*"}})
	s.publish("x", "e")
	s.get("/feeds/x", "Origin: https://page.example").want(t, http.StatusOK).wantField(t, "Access-Control-Allow-Origin", "*")
	s.do(http.MethodPost, "/feeds/x", entry("e"), atomType, "Origin: https://page.example", "Sec-Fetch-Site: cross-site").want(t, http.StatusForbidden)
	s.do(http.MethodOptions, "/feeds/x", "", "Origin: https://page.example", "Access-Control-Request-Method: DELETE").wantField(t, "Access-Control-Allow-Origin", "")
}

func TestWhatIsNoOriginIsRefused(t *testing.T) {
	for _, origin := range []string{"", "example.org", "https://example.org/", "https://example.org/x", "https://*.example.org", "ftp://example.org", "null", "https://u@example.org"} {
		if CheckOrigin(origin) == nil {
			t.Errorf("%q is taken", origin)
		}
	}
	for _, origin := range []string{"*", "https://example.org", "http://localhost:3000"} {
		if err := CheckOrigin(origin); err != nil {
			t.Error(err)
		}
	}
}
