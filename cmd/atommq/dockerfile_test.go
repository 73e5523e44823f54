package main

import (
	"encoding/json"
	"net/http"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
)

// instruction is one of a Dockerfile.
type instruction struct {
	name  string
	flags map[string]string // --chown=…
	words []string
	rest  string // all words, as they stand
}

// readDockerfile reads what deploy/Dockerfile uses of the language.
func readDockerfile(t *testing.T, name string) []instruction {
	t.Helper()
	var all []instruction
	for line := range strings.Lines(text(t, name)) {
		line = strings.TrimSpace(line)
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		if strings.HasSuffix(line, `\`) {
			t.Fatalf("%s: lines that go on are not read here: %s", name, line)
		}
		in := instruction{flags: make(map[string]string)}
		in.name, in.rest, _ = strings.Cut(line, " ")
		for strings.HasPrefix(in.rest, "--") {
			flag, rest, _ := strings.Cut(in.rest, " ")
			key, value, _ := strings.Cut(flag, "=")
			in.flags[key], in.rest = value, rest
		}
		in.words = strings.Fields(in.rest)
		all = append(all, in)
	}
	return all
}

// list reads an instruction in its form of a JSON array.
func (in instruction) list(t *testing.T) []string {
	t.Helper()
	var words []string
	if err := json.Unmarshal([]byte(strings.TrimPrefix(in.rest, "CMD ")), &words); err != nil {
		t.Fatalf("%s: want a JSON array, which needs no shell: %v", in.rest, err)
	}
	return words
}

// image is what a stage of a Dockerfile makes.
type image struct {
	root        string // where its files are; of one that begins with a machine like this one, those that were added
	bare        bool   // it began with nothing
	directory   string
	user        string
	environment []string
	volume      string
	exposed     []string
	entrypoint  []string
	command     []string
	health      []string
}

// at returns where a file of the image is.
func (m *image) at(name string) string {
	if !path.IsAbs(name) {
		name = path.Join(m.directory, name)
	}
	added := filepath.Join(m.root, name)
	if _, err := os.Stat(added); err != nil && !m.bare {
		if _, err := os.Stat(name); err == nil {
			return name
		}
	}
	return added
}

// buildImage carries out the steps of a Dockerfile as Docker does, with this machine in the place
// of the image golang, and the directory above it for the context.
func buildImage(t *testing.T, name string) *image {
	t.Helper()
	stages := make(map[string]*image)
	var m *image
	for _, in := range readDockerfile(t, name) {
		switch in.name {
		case "FROM":
			m = &image{root: t.TempDir(), bare: in.words[0] == "scratch", directory: "/"}
			if len(in.words) == 3 {
				stages[in.words[2]] = m
			}
		case "ARG":
			in.words[0] = strings.TrimSuffix(in.words[0], "=") + "=from-an-argument"
			m.environment = append(m.environment, in.words[0])
		case "WORKDIR":
			m.directory = in.rest
			if err := os.MkdirAll(filepath.Join(m.root, m.directory), 0o755); err != nil {
				t.Fatal(err)
			}
		case "COPY":
			m.copy(t, in, stages[in.flags["--from"]])
		case "RUN":
			m.run(t, in.rest)
		case "ENV":
			m.environment = append(m.environment, in.words...)
		case "USER":
			m.user = in.rest
		case "VOLUME":
			m.volume = in.rest
		case "EXPOSE":
			m.exposed = in.words
		case "HEALTHCHECK":
			m.health = in.list(t)
		case "ENTRYPOINT":
			m.entrypoint = in.list(t)
		case "CMD":
			m.command = in.list(t)
		default:
			t.Fatalf("%s: no %s is known here", name, in.name)
		}
	}
	return m
}

// copy carries out COPY, from the context or from another stage.
func (m *image) copy(t *testing.T, in instruction, from *image) {
	t.Helper()
	last := len(in.words) - 1
	into := m.at(in.words[last])
	if strings.HasSuffix(in.words[last], "/") {
		if err := os.MkdirAll(into, 0o755); err != nil {
			t.Fatal(err)
		}
	} else if err := os.MkdirAll(filepath.Dir(into), 0o755); err != nil {
		t.Fatal(err)
	}
	for _, name := range in.words[:last] {
		switch {
		case from != nil:
			run(t, "cp", "-rLT", from.at(name), target(into, name, in.words[last]))
			if owner := in.flags["--chown"]; owner != "" {
				run(t, "chown", "-R", owner, target(into, name, in.words[last]))
			}
		case name == ".":
			copySources(t, into)
		default:
			run(t, "cp", filepath.Join("../..", name), into)
		}
	}
}

// target returns where a file goes: into a directory, which is written with a slash behind it, or there itself.
func target(into, name, written string) string {
	if strings.HasSuffix(written, "/") {
		return filepath.Join(into, path.Base(name))
	}
	return into
}

// run carries out RUN. The paths of the stage's own are where they are here.
func (m *image) run(t *testing.T, line string) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "sh", "-c", strings.ReplaceAll(line, "/out", m.root+"/out"))
	cmd.Dir = filepath.Join(m.root, m.directory)
	cmd.Env = append(os.Environ(), m.environment...)
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("RUN %s: %v\n%s", line, err, out)
	}
}

func TestTheImageOfTheDockerfileServes(t *testing.T) {
	t.Parallel() // it takes processors rather than time
	curl := needProgram(t, "curl", "curl")
	m := buildImage(t, "../../deploy/Dockerfile")
	checkImage(t, m)
	ownNetwork(t)
	user, _, _ := strings.Cut(m.user, ":")
	j := &jail{root: m.root, program: m.entrypoint[0], directory: m.directory, user: user, environment: m.environment}
	if out, err := j.try("", m.command...); err == nil || !strings.Contains(out, "make an account first, with atommq user add NAME --db /data/atommq.db") {
		t.Errorf("without an account it starts with %v\n%s", err, out)
	}
	if out, err := j.try("", m.health[1:]...); err == nil || !strings.Contains(out, "connection refused") {
		t.Errorf("with no server it is well: %v\n%s", err, out)
	}
	server := followDocumentation(t, m, j)
	j.run(t, "", m.health[1:]...)
	ann := *j
	ann.environment = append(slices.Clone(j.environment), "ATOMMQ_LOGIN=ann", "ATOMMQ_PASSCODE=a long password")
	ann.run(t, "", "health", "--ready")
	ann.run(t, "hello from a container", "publish", "news")
	// Through the ports that the image names, at an address other than loopback's.
	run(t, "ip", "address", "add", "10.9.8.7/32", "dev", "lo")
	if got := run(t, curl, "-sSf", "-u", "ann:a long password", "http://10.9.8.7:"+m.exposed[0]+"/feeds/news?after=0"); !strings.Contains(got, "hello from a container") {
		t.Errorf("from outside the feed is\n%s", got)
	}
	if status := run(t, curl, "-sS", "-o", os.DevNull, "-w", "%{http_code}", "http://10.9.8.7:"+m.exposed[0]+"/feeds/news"); status != "401" {
		t.Errorf("whoever gives no name gets %s, want %d", status, http.StatusUnauthorized)
	}
	session := `printf 'CONNECT\naccept-version:1.2\nhost:mq\nlogin:ann\npasscode:a long password\n\n\0DISCONNECT\nreceipt:bye\n\n\0' | curl -sN telnet://10.9.8.7:` + m.exposed[1] + ` | tr -d '\0'`
	if got := run(t, "sh", "-c", session); !strings.HasPrefix(got, "CONNECTED\n") || !strings.Contains(got, "receipt-id:bye") {
		t.Errorf("from outside STOMP answers\n%s", got)
	}
	if err := server.stop(); err != nil {
		t.Error(err)
	}
	// Another container on the same volume has what the first one took.
	j.start(t, m.command...)
	if got := ann.run(t, "", "tail", "news"); !strings.HasSuffix(got, "  hello from a container\n") {
		t.Errorf("after a restart it has %q", got)
	}
}

// followDocumentation types what doc/operate.md has for containers, at a docker that takes the jail
// for one, and returns the server that it starts.
func followDocumentation(t *testing.T, m *image, j *jail) (server *process) {
	t.Helper()
	programs := t.TempDir()
	enter := strings.Join(j.command().Args, " ")
	docker := "#!/bin/sh\ncase $1 in build) exit;; esac\nwhile [ \"$1\" != atommq ]; do shift; done\nshift\nexec " + enter + ` "$@"`
	if err := os.WriteFile(filepath.Join(programs, "docker"), []byte(docker), 0o700); err != nil {
		t.Fatal(err)
	}
	_, block, _ := strings.Cut(text(t, "../../doc/operate.md"), "## In a container")
	_, block, _ = strings.Cut(block, "```sh\n")
	block, _, _ = strings.Cut(block, "```")
	for line := range strings.Lines(block) {
		if strings.HasPrefix(line, "docker run -d ") {
			server = j.start(t, m.command...)
			continue
		}
		cmd := exec.CommandContext(t.Context(), "sh", "-c", line)
		cmd.Env = append(os.Environ(), "PATH="+programs+":"+os.Getenv("PATH"))
		cmd.Stdin = strings.NewReader("a long password\n")
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Errorf("%s: %v\n%s", line, err, out)
		}
	}
	if server == nil {
		t.Fatal("doc/operate.md starts no container")
	}
	return server
}

// checkImage looks whether an image has what it needs and nothing more, and whether its user owns
// the volume alone.
func checkImage(t *testing.T, m *image) {
	t.Helper()
	var files []string
	err := filepath.WalkDir(m.root, func(name string, e os.DirEntry, err error) error {
		if err != nil || name == m.root {
			return err
		}
		info, err := e.Info()
		if err != nil {
			return err
		}
		within := strings.TrimPrefix(name, m.root)
		if !e.IsDir() {
			files = append(files, within)
		}
		if owned := info.Sys().(*syscall.Stat_t).Uid != 0; owned != (within == m.volume) {
			t.Errorf("%s belongs to user %d", within, info.Sys().(*syscall.Stat_t).Uid)
		}
		return nil
	})
	want := []string{"/etc/passwd", "/etc/ssl/certs/ca-certificates.crt", "/usr/local/bin/atommq"}
	if err != nil || !slices.Equal(files, want) {
		t.Errorf("it has the files %v, %v; want %v", files, err, want)
	}
	checkStatic(t, filepath.Join(m.root, m.entrypoint[0]))
	if m.health[0] != m.entrypoint[0] || m.directory != m.volume || strings.HasPrefix(m.user, "0") || m.user == "" {
		t.Errorf("%+v", m)
	}
	if ignored := strings.Fields(text(t, "../../deploy/Dockerfile.dockerignore")); !slices.Contains(ignored, ".git") || !slices.Contains(ignored, "bin") {
		t.Errorf("what is ignored of the sources is %v", ignored)
	}
}
