package main

import (
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/coder/websocket"

	"atommq/web/browsertest"
)

// walkStomp runs a client in testdata/clients against a new server.
func walkStomp(t *testing.T, program, script string, more ...string) {
	t.Helper()
	server := startServer(t, "--login", "me", "--passcode", "secret")
	walkStompAt(t, server.Stomp, program, script, more...)
}

// walkStompAt runs such a client against a server.
func walkStompAt(t *testing.T, address, program, script string, more ...string) {
	t.Helper()
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		t.Fatal(err)
	}
	out := run(t, program, append([]string{filepath.Join("testdata/clients", script), host, port}, more...)...)
	if !strings.HasSuffix(out, " checks\n") {
		t.Error(out)
	}
}

// needLibrary skips the test unless a program succeeds, which it does where it has a library.
func needLibrary(t *testing.T, library, pkg, program string, args ...string) {
	t.Helper()
	if err := exec.CommandContext(t.Context(), program, args...).Run(); err != nil {
		lacking(t, fmt.Sprintf("%s is not installed: apt-get install %s", library, pkg))
	}
}

func TestStompPyWorksOnQueuesAndTopics(t *testing.T) {
	needLibrary(t, "stomp.py", "python3-stomp", systemPython, "-c", "import stomp")
	for _, version := range []string{"1.0", "1.1", "1.2"} {
		t.Run(version, func(t *testing.T) { walkStomp(t, systemPython, "stomp_py.py", version) })
	}
	t.Run("TLS", func(t *testing.T) {
		cert, key, _ := certify(t)
		server := startServer(t, "--stomp", "off", "--stomp-tls", "127.0.0.1:0", "--tls-cert", cert, "--tls-key", key)
		walkStompAt(t, server.StompTLS, systemPython, "stomp_py.py", "1.2", cert)
	})
}

func TestNetStompWorksOnQueuesAndTopics(t *testing.T) {
	needLibrary(t, "Net::Stomp", "libnet-stomp-perl", "perl", "-MNet::Stomp", "-e", "1")
	walkStomp(t, "perl", "net_stomp.pl")
}

func TestRubysStompWorksOnQueuesAndTopics(t *testing.T) {
	needLibrary(t, "Ruby's stomp", "ruby-stomp", "ruby", "-e", "require 'stomp'")
	for _, version := range []string{"1.0", "1.1", "1.2"} {
		t.Run(version, func(t *testing.T) { walkStomp(t, "ruby", "ruby_stomp.rb", version) })
	}
}

func TestPHPsStompWorksOnQueuesAndTopics(t *testing.T) {
	needLibrary(t, "PHP's stomp", "php-cli php-stomp", "php", "-r", "exit(class_exists('Stomp') ? 0 : 1);")
	walkStomp(t, "php", "php_stomp.php")
}

// needStompJS returns the directory of the Node modules that make stompjs installs.
func needStompJS(t *testing.T) string {
	t.Helper()
	modules, err := filepath.Abs("../../bin/stompjs/node_modules")
	if err == nil {
		_, err = os.Stat(filepath.Join(modules, "@stomp/stompjs"))
	}
	if err != nil {
		lacking(t, "@stomp/stompjs is not installed: make stompjs, which needs npm")
	}
	return modules
}

func TestStompJSInNodeWorksOverWebSocket(t *testing.T) {
	modules := needStompJS(t)
	node := needProgram(t, "node", "nodejs")
	server := startServer(t, "--login", "me", "--passcode", "secret")
	cmd := exec.CommandContext(t.Context(), node, "testdata/clients/stompjs.js", webSocketURL(server))
	cmd.Env = append(os.Environ(), "NODE_PATH="+modules)
	if out, err := cmd.CombinedOutput(); err != nil || !strings.HasSuffix(string(out), " checks\n") {
		t.Errorf("%v\n%s", err, out)
	}
}

func webSocketURL(server *process) string { return "ws://" + server.address() + "/stomp" }

// stompPage has the library and a script, which sets the title when it is done.
const stompPage = `<!DOCTYPE html><link rel=icon href="data:,"><title>running</title>
<script src="/stomp.umd.js"></script><script src="/stompjs.js"></script>
<script>
new MutationObserver(() => fetch("/finish", { method: "POST" })).observe(document.querySelector("title"), { childList: true });
%s
</script>
<img src="/finished" alt="">` // until that is answered the page counts as loading

// newStompSite serves a page and, as a proxy in front of both would, the server's /stomp.
func newStompSite(t *testing.T, server *process, script string) (page string) {
	t.Helper()
	modules := needStompJS(t)
	finish := make(chan struct{}, 1)
	mux := http.NewServeMux()
	mux.HandleFunc("GET /{$}", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/html")
		fmt.Fprintf(w, stompPage, script)
	})
	mux.HandleFunc("GET /stomp.umd.js", func(w http.ResponseWriter, r *http.Request) {
		http.ServeFile(w, r, filepath.Join(modules, "@stomp/stompjs/bundles/stomp.umd.js"))
	})
	mux.HandleFunc("GET /stompjs.js", func(w http.ResponseWriter, r *http.Request) {
		http.ServeFile(w, r, "testdata/clients/stompjs.js")
	})
	mux.HandleFunc("POST /finish", func(http.ResponseWriter, *http.Request) {
		select {
		case finish <- struct{}{}:
		default:
		}
	})
	mux.HandleFunc("GET /finished", func(_ http.ResponseWriter, r *http.Request) {
		select {
		case <-finish:
		case <-r.Context().Done():
		}
	})
	mux.Handle("/stomp", &httputil.ReverseProxy{Rewrite: func(r *httputil.ProxyRequest) {
		r.SetURL(&url.URL{Scheme: "http", Host: server.address()})
		r.Out.Host = r.In.Host
	}})
	site := httptest.NewServer(mux)
	t.Cleanup(site.Close)
	return site.URL + "/"
}

// walkScript runs the walk of testdata/clients/stompjs.js over a WebSocket, an expression.
func walkScript(socket string) string {
	return `walkAll(StompJs, ` + socket + `).then((done) => done + " checks", String).then((result) => (document.title = result));`
}

const sameSite = `"ws://" + location.host + "/stomp"`

func TestStompJSInABrowserWorksOverWebSocket(t *testing.T) {
	server := startServer(t, "--login", "me", "--passcode", "secret")
	if title := browseTitle(t, newStompSite(t, server, walkScript(sameSite))); !strings.HasSuffix(title, " checks") {
		t.Error(title)
	}
}

func TestThePageInTheDocumentationWorks(t *testing.T) {
	doc, err := os.ReadFile("../../doc/stomp.md")
	if err != nil {
		t.Fatal(err)
	}
	_, script, _ := strings.Cut(string(doc), "```js\n")
	script, _, _ = strings.Cut(script, "```")
	if title := browseTitle(t, newStompSite(t, startServer(t), script)); title != "hello" {
		t.Errorf("the page says %q", title)
	}
}

func TestAPageOfAnotherSiteGetsNoStomp(t *testing.T) {
	server := startServer(t)
	page := newStompSite(t, server, walkScript(strconv.Quote(webSocketURL(server))))
	if title := browseTitle(t, page); !strings.Contains(title, "WebSocket failed") {
		t.Errorf("the page says %q", title)
	}
	if c, err := dialWebSocket(t, server, "http://evil.example"); err == nil {
		c.Close()
		t.Error("a browser on another site's page is let in")
	}
}

func TestTheSitesOwnPagesMaySpeakStompUnderItsBaseURL(t *testing.T) {
	for base, admit := range map[string]bool{"": false, "https://mq.example/bus": true, "https://mq.example:444": false} {
		origins, err := (&settings{BaseURL: base}).origins()
		if err != nil {
			t.Fatal(err)
		}
		r := httptest.NewRequest(http.MethodPost, "http://127.0.0.1:8080/stomp", nil)
		r.Header.Set("Origin", "https://mq.example")
		if err := origins.Check(r); (err == nil) != admit {
			t.Errorf("base URL %q: %v", base, err)
		}
	}
}

// browseTitle opens a page in a browser and returns its title once it has loaded.
func browseTitle(t *testing.T, page string) string {
	t.Helper()
	dom := browsertest.Run(t, "--dump-dom", page)
	_, title, _ := strings.Cut(string(dom), "<title>")
	title, _, _ = strings.Cut(title, "</title>")
	return title
}

// dialWebSocket connects by WebSocket as a browser does for a page of origin, "" as a program does.
func dialWebSocket(t *testing.T, server *process, origin string) (*stompClient, error) {
	t.Helper()
	options := &websocket.DialOptions{Subprotocols: []string{"v10.stomp", "v12.stomp"}}
	if origin != "" {
		options.HTTPHeader = http.Header{"Origin": {origin}}
	}
	ws, _, err := websocket.Dial(t.Context(), webSocketURL(server), options)
	if err != nil {
		return nil, err
	}
	if got := ws.Subprotocol(); got != "v12.stomp" {
		t.Errorf("subprotocol is %q", got)
	}
	conn := websocket.NetConn(t.Context(), ws, websocket.MessageText)
	t.Cleanup(func() { conn.Close() })
	return greet(conn)
}

// connectWebSocket is dialWebSocket for the length of a test.
func connectWebSocket(t *testing.T, server *process) *stompClient {
	t.Helper()
	c, err := dialWebSocket(t, server, "")
	if err != nil {
		t.Fatal(err)
	}
	return c
}
