package main

import (
	"os"
	"regexp"
	"strings"
	"testing"
)

// apache runs Apache with a site from deploy in which words are replaced, by pairs, at an address
// that it returns beside the client. It has the modules that Debian enables and may change answers,
// and those that the site asks for.
func apache(t *testing.T, config string, replace ...string) (f *inFront, address string) {
	t.Helper()
	program := needProgram(t, "apache2", "apache2")
	address = freeAddress(t)
	modules := []string{"mpm_event", "authz_core", "alias", "env", "filter", "deflate", "mime", "reqtimeout", "proxy"}
	asked := regexp.MustCompile(`(?m)^#   a2enmod (.*)$`).FindStringSubmatch(deployed(t, config))
	if asked == nil {
		t.Fatalf("deploy/%s names no modules", config)
	}
	command := []string{program, "-D", "FOREGROUND", "-d", "DIR", "-f", "CONFIG"}
	for _, m := range append(modules, strings.Fields(asked[1])...) {
		command = append(command, "-C", "LoadModule "+m+"_module /usr/lib/apache2/modules/mod_"+m+".so")
	}
	for _, line := range []string{
		"Listen " + address, "ServerName localhost", "PidFile DIR/pid", "DefaultRuntimeDir DIR", "ErrorLog /dev/stderr",
		"TypesConfig /etc/mime.types", "Include /etc/apache2/mods-available/deflate.conf", "Include /etc/apache2/mods-available/reqtimeout.conf",
	} {
		command = append(command, "-C", line)
	}
	if os.Geteuid() == 0 { // it refuses to serve as root
		unshare := needProgram(t, "unshare", "util-linux")
		command = append([]string{unshare, "--user", "--map-user=1", "--map-group=1"}, command...)
	}
	_, port, _ := strings.Cut(address, ":")
	return startInFront(t, address, command, config, append(replace, "*:80>", "*:"+port+">")...), address
}

// apacheProxy runs Apache as deploy/apache.conf has it, in front of a server.
func apacheProxy(t *testing.T, server *process, replace ...string) (f *inFront, address string) {
	t.Helper()
	return apache(t, "apache.conf", append(replace, "127.0.0.1:8080/", server.address()+"/")...)
}

// apacheFastCGI runs Apache as deploy/apache-fastcgi.conf has it, in front of a server.
func apacheFastCGI(t *testing.T, server *process, fcgi string) *inFront {
	t.Helper()
	f, _ := apache(t, "apache-fastcgi.conf", "127.0.0.1:8080/", server.address()+"/", "/run/atommq/atommq.fcgi", fcgi)
	return f
}

// apacheScripts runs Apache as deploy/apache-fastcgi.conf has it.
func apacheScripts(t *testing.T, fcgi, scripts string) *inFront {
	t.Helper()
	f, _ := apache(t, "apache-fastcgi.conf", "/run/atommq/atommq.fcgi", fcgi, "/usr/lib/cgi-bin/", scripts+"/")
	return f
}

func TestApachePassesEverythingOn(t *testing.T) {
	f, _ := apacheProxy(t, startServer(t, "--trusted-proxies", "127.0.0.1", "--login", "me", "--passcode", "secret"))
	f.passesOn(t, "")
	speaksWebSocket(t, f)
	f.passTogether(t)
}
