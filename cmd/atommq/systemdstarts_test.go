package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// bootScript makes a machine of the new namespaces that it is run in, as far as units of systemd
// need one, and becomes systemd, which reads units from a directory, $1, and starts boot.target.
const bootScript = `set -e
mount --make-rprivate /
for dir in /run /var/lib /usr/local/bin /sys/fs/cgroup; do mount -t tmpfs -o mode=755 tmpfs $dir; done
mount -t cgroup2 cgroup2 /sys/fs/cgroup
touch /usr/local/bin/atommq
mount --bind "$2" /usr/local/bin/atommq
ip link set lo up
SYSTEMD_UNIT_PATH=$1 container=test exec /lib/systemd/systemd --system --unit=boot.target --show-status=no
`

// machine is one that systemd runs, in namespaces of its own.
type machine struct {
	t     *testing.T
	init  string // the process id of systemd
	units string // the directory that it reads them from
}

// boot starts a machine, with the units in deploy and a program, and waits until its port is open.
func boot(t *testing.T, program string) *machine {
	t.Helper()
	needProgram(t, "systemd-analyze", "systemd")
	needProgram(t, "ip", "iproute2")
	if os.Getuid() != 0 {
		lacking(t, "systemd takes root to start: run the test as root")
	}
	units := t.TempDir()
	if err := os.Chmod(units, 0o755); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"atommq.service", "atommq.socket", "atommq-stomp.socket"} {
		writeFile(t, filepath.Join(units, name), deployed(t, name))
	}
	// Debian's own would start a whole system.
	for _, name := range []string{"sysinit", "basic", "sockets", "network", "multi-user", "shutdown"} {
		writeFile(t, filepath.Join(units, name+".target"), "[Unit]\nDefaultDependencies=no\n")
	}
	writeFile(t, filepath.Join(units, "boot.target"), "[Unit]\nDefaultDependencies=no\nWants=atommq.socket atommq-stomp.socket\n")
	cmd := exec.Command("unshare", "--mount", "--pid", "--uts", "--ipc", "--net", "--cgroup", "--fork", "--kill-child", "--mount-proc",
		"sh", "-c", bootScript, "sh", units, program)
	cmd.Stdout, cmd.Stderr = os.Stderr, os.Stderr
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Signal(syscall.SIGKILL) // which kills all that is within
		_ = cmd.Wait()
	})
	m := &machine{t: t, units: units}
	m.until("systemd is there", func() bool {
		children, err := os.ReadFile(fmt.Sprintf("/proc/%d/task/%[1]d/children", cmd.Process.Pid))
		m.init = strings.TrimSpace(string(children))
		return err == nil && m.init != ""
	})
	m.until("the port is open", func() bool {
		state, err := m.try("systemctl", "is-active", "atommq.socket")
		return err == nil && state == "active"
	})
	return m
}

// try runs a program on the machine.
func (m *machine) try(args ...string) (string, error) {
	out, err := exec.CommandContext(m.t.Context(), "nsenter", append([]string{"--target", m.init, "--all"}, args...)...).CombinedOutput()
	return strings.TrimSpace(string(out)), err
}

func (m *machine) run(args ...string) string {
	m.t.Helper()
	out, err := m.try(args...)
	if err != nil {
		m.t.Fatalf("%q: %v: %s\n%s", args, err, out, m.state())
	}
	return out
}

// state tells how the service is.
func (m *machine) state() string {
	out, _ := m.try("systemctl", "status", "--no-pager", "--full", "atommq.service")
	return out
}

func (m *machine) until(what string, ok func() bool) {
	m.t.Helper()
	for late := time.After(processWait); !ok(); {
		select {
		case <-time.After(20 * time.Millisecond):
		case <-late:
			m.t.Fatalf("not after %v: %s\n%s", processWait, what, m.state())
		}
	}
}

// withDatabase has the service work on another database.
func (m *machine) withDatabase(db string) {
	m.t.Helper()
	dropIn := filepath.Join(m.units, "atommq.service.d", "db.conf")
	if err := os.Mkdir(filepath.Dir(dropIn), 0o755); err != nil {
		m.t.Fatal(err)
	}
	writeFile(m.t, dropIn, "[Service]\nEnvironment=ATOMMQ_DB="+db+"\n")
	m.run("systemctl", "daemon-reload")
}

// property returns what systemd says of the service.
func (m *machine) property(name string) string {
	m.t.Helper()
	return m.run("systemctl", "show", "--value", "--property", name, "atommq.service")
}

// After a power cut, a machine is often there before the one, or the disk, that has its database. systemd gives up what ends
// five times in ten seconds, and its sockets, unless the unit says otherwise.
func TestSystemdStartsAServerUntilItsDatabaseIsThere(t *testing.T) {
	program := filepath.Join(t.TempDir(), "atommq")
	run(t, "go", "build", "-buildvcs=false", "-o", program, ".")
	m := boot(t, program)
	m.withDatabase("/var/lib/atommq/disk/atommq.db")
	answers := make(chan string, 1)
	go func() {
		answer, _ := m.try("curl", "-sS", "http://127.0.0.1:8080/readyz") // which starts it
		answers <- answer
	}()
	m.until("it was started again and again", func() bool {
		if m.property("ActiveState") == "failed" {
			t.Fatalf("systemd gave it up\n%s", m.state())
		}
		restarts, err := strconv.Atoi(m.property("NRestarts"))
		return err == nil && restarts >= 6
	})
	const state = "/var/lib/private/atommq"
	m.run("mkdir", state+"/disk")
	m.run("chown", "--reference="+state, state+"/disk")
	if answer := <-answers; answer != "ok" {
		t.Errorf("who came meanwhile, and waited, is answered %q\n%s", answer, m.state())
	}
}

func TestSystemdStartsTheUnits(t *testing.T) {
	program := filepath.Join(t.TempDir(), "atommq")
	run(t, "go", "build", "-buildvcs=false", "-o", program, ".")
	m := boot(t, program)
	if pid := m.property("MainPID"); pid != "0" {
		t.Errorf("before anybody comes, the server runs as %s", pid)
	}
	const feed = "http://127.0.0.1:8080/feeds/news"
	publish := func(text string) {
		t.Helper()
		m.run("curl", "-sSf", "-H", "Content-Type: text/plain", "--data-binary", text, feed)
	}
	publish("one") // the first connection starts it
	if state, result := m.property("ActiveState"), m.property("Result"); state != "active" || result != "success" {
		t.Errorf("the service is %s, %s", state, result)
	}
	first := m.property("MainPID")
	if owner := m.run("stat", "-c", "%U", "/proc/"+first, "/var/lib/private/atommq/atommq.db"); strings.Contains(owner, "root") {
		t.Errorf("process and database belong to %q", owner)
	}

	m.run("systemctl", "restart", "atommq.service")
	publish("two")
	m.run("systemctl", "kill", "--signal=KILL", "atommq.service")
	publish("three") // waits at the port meanwhile
	m.until("it was started again", func() bool { return m.property("NRestarts") == "1" })
	if pid := m.property("MainPID"); pid == first {
		t.Errorf("it still runs as %s", pid)
	}
	page := m.run("curl", "-sSf", feed+"?after=0")
	for _, text := range []string{"one", "two", "three"} {
		if !strings.Contains(page, "<title>"+text+"</title>") {
			t.Errorf("%s is not on the page\n%s", text, page)
		}
	}
	stomp := `printf 'CONNECT\naccept-version:1.2\nhost:x\n\n\0' >&3; IFS= read -r -t 20 line <&3; echo "$line"`
	if answer := m.run("bash", "-c", "exec 3<>/dev/tcp/127.0.0.1/61613; "+stomp); answer != "CONNECTED" {
		t.Errorf("STOMP answers %q", answer)
	}
	m.run("systemctl", "stop", "atommq.service", "atommq.socket", "atommq-stomp.socket")
	if result := m.property("Result"); result != "success" {
		t.Errorf("it stops with %s\n%s", result, m.state())
	}
}
