package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/cgi"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"atommq/feeds"
)

// cgiWait bounds how long a request waits for entries that is a process of its own.
const cgiWait = 10 * time.Second

func cgiCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "cgi [FEED]",
		Short: "Answer one request of a web server, as a CGI script",
		Long: `Cgi opens the database, answers the request that a web server describes in the
environment and on standard input (RFC 3875), and ends. A script like

    #!/bin/sh
    exec atommq cgi mycoolfeed --config /etc/atommq-cgi.env

serves the feed FEED at its own URL, and the whole site below that. It runs as the web
server's user, who needs the file and the database that it names. Any number of them
work on one database at the same time. Streams, and STOMP over WebSocket, take atommq serve.`,
		Args: func(_ *cobra.Command, given []string) error {
			if len(given) > 1 {
				return fmt.Errorf("cgi takes one FEED, and %q is more", given[1])
			}
			return nil
		},
	}
	s := declare(cmd, "db", "base-url", "trusted-proxies", "login", "passcode", "max-body", "max-media", "workspaces",
		"idempotency-window", "log-level", "log-format")
	cmd.RunE = func(cmd *cobra.Command, given []string) error {
		feed := ""
		if len(given) == 1 {
			feed = given[0]
		}
		return serveCGI(cmd.Context(), s, feed, newLogger(cmd.ErrOrStderr(), s))
	}
	return cmd
}

// serveCGI answers the request that is in the environment.
func serveCGI(ctx context.Context, s *settings, feed string, log *slog.Logger) (err error) {
	if os.Getenv("REQUEST_METHOD") == "" {
		return misusef("there is no request: a web server starts atommq cgi, and says what is asked for in REQUEST_METHOD and its like")
	}
	if err := errors.Join(s.checkAccount(), s.checkBaseURL()); err != nil {
		return failCGI(err)
	}
	if feed != "" {
		if err := feeds.CheckName(feed); err != nil {
			return failCGI(misusef("FEED %q: %w", feed, err))
		}
	}
	s.MaxWait = period(cgiWait)
	s.MaxReaders.value = 1
	n, err := openNode(ctx, s, log)
	if err != nil {
		return failCGI(err)
	}
	defer func() { err = errors.Join(err, n.close()) }()
	h := n.handler(s, log)
	h.NoStreams = true
	routes, err := h.Routes()
	if err != nil {
		return failCGI(err)
	}
	prefix := cmp.Or(prefixOf(s.BaseURL), os.Getenv("SCRIPT_NAME"))
	site := mounted(prefix, atRoot(feed, withLength(withoutStomp(routes, "CGI"))))
	return serveScript(func(w http.ResponseWriter, r *http.Request, wrong string) {
		r = toldBy(environment(), prefix, r.WithContext(ctx)) // which a web server whose client left ends
		answerBehind(w, r, func(w http.ResponseWriter, r *http.Request) {
			if wrong != "" {
				routes.Refuse(w, r, wrong)
				return
			}
			site.ServeHTTP(w, r)
		})
		_, _ = io.Copy(io.Discard, r.Body) // Apache loses the answer of a script that leaves some of it
	})
}

// serveScript has the request answered that is in the environment. Where that is none, one stands
// for it, with what is wrong; net/http/cgi would give no answer at all.
func serveScript(answer func(w http.ResponseWriter, r *http.Request, wrong string)) error {
	env := make(map[string]string)
	for _, variable := range os.Environ() {
		name, value, _ := strings.Cut(variable, "=")
		env[name] = value
	}
	wrong := unreadable(env)
	if wrong != "" {
		for name, value := range readable {
			if err := os.Setenv(name, value); err != nil {
				return err
			}
		}
	}
	return cgi.Serve(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { answer(w, r, wrong) }))
}

// atRoot serves a feed at the root of a site; without one, the site is as it is.
func atRoot(feed string, site http.Handler) http.Handler {
	if feed == "" {
		return site
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "" || r.URL.Path == "/" {
			r = r.Clone(r.Context())
			r.URL.RawPath = feeds.Path(feed)
			r.URL.Path = "/feeds/" + feed
		}
		site.ServeHTTP(w, r)
	})
}

// withLength refuses a body whose length is not given. To a script its end is the end of what comes
// (RFC 3875 §4.2), so half of one would look whole; net/http/cgi takes it for none.
func withLength(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if os.Getenv("CONTENT_LENGTH") == "" && os.Getenv("HTTP_TRANSFER_ENCODING") != "" {
			_, _ = io.Copy(io.Discard, os.Stdin)
			http.Error(w, "The web server passes the body on without its length. Nothing was changed; send it with a Content-Length, and not in chunks.", http.StatusLengthRequired)
			return
		}
		next.ServeHTTP(w, r)
	})
}

// environment returns what the web server says about itself.
func environment() map[string]string {
	env := make(map[string]string)
	for _, name := range []string{"SERVER_NAME", "SERVER_ADDR", "SERVER_PORT"} {
		env[name] = os.Getenv(name)
	}
	return env
}

// failCGI answers a request that nothing can be done for, and returns err, which goes to the web server's log.
func failCGI(err error) error {
	if r, unread := cgi.Request(); unread == nil && r.Body != nil { // as where the request is answered
		_, _ = io.Copy(io.Discard, r.Body)
	}
	_, writing := fmt.Print("Status: 503 Service Unavailable\r\nContent-Type: text/plain; charset=utf-8\r\nRetry-After: 60\r\n\r\n",
		"The bus could not be opened. The web server's error log has the reason.\n")
	return errors.Join(err, writing)
}
