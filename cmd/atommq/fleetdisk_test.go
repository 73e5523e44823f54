package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"atommq/stompgw/stomp"
)

// The faults of a disk that a fleet on a file has to survive: publishers are told, readers go on,
// and so does publishing once the fault is over, in the same processes.

func TestAFleetSurvivesThatItsDiskIsFull(t *testing.T) {
	t.Parallel()
	dir := mountTmpfs(t, "64m")
	f := launchFleet(t, filepath.Join(dir, "bus.db"))
	for range 2 {
		f.progress(100)
		filler := fill(t, dir)
		f.suffer("storage is full", http.StatusInsufficientStorage)
		if err := os.Remove(filler); err != nil {
			t.Fatal(err)
		}
		f.wantReady(true, healWithin)
	}
	f.check()
}

// As with a quota, the disk itself has room.
func TestAFleetSurvivesThatItsFileMayNotGrow(t *testing.T) {
	t.Parallel()
	f := launchFleet(t, filepath.Join(t.TempDir(), "bus.db"))
	f.progress(100)
	f.limit(unix.RLIMIT_FSIZE, 32<<10)
	f.suffer("storage is full", http.StatusInsufficientStorage)
	f.limit(unix.RLIMIT_FSIZE, unix.RLIM_INFINITY)
	f.wantReady(true, healWithin)
	f.check()
}

// A file system that found itself broken lets nobody write. It stays so until it is mounted again:
// the programs have to be stopped for that.
func TestADiskThatBecameReadOnlyIsReadAndLosesNothing(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	image := filepath.Join(t.TempDir(), "disk")
	writeFile(t, image, "")
	if err := os.Truncate(image, 32<<20); err != nil {
		t.Fatal(err)
	}
	run(t, needProgram(t, "mkfs.ext4", "e2fsprogs"), "-q", image)
	mountImage(t, image, dir)
	server := startServer(t, "--db", filepath.Join(dir, "bus.db"))
	b := newBrowser(t, server.URL+"feeds/log")
	id, err := b.post("before", "")
	if err != nil {
		t.Fatal(err)
	}
	run(t, "mount", "-o", "remount,abort", dir)
	wantRefusal(t, server, http.StatusServiceUnavailable, "60", "cannot be written")
	if message := refusedMessage(t, server.Stomp); message != "storage is read-only" {
		t.Errorf("STOMP: %s", message)
	}
	if page, _, err := b.poll(0, 10); err != nil || len(page) != 1 || page[0] != (seen{id, "before"}) {
		t.Errorf("reading gives %v, %v", page, err)
	}
	if got := status(t, server.URL+"readyz"); got != http.StatusServiceUnavailable {
		t.Errorf("/readyz: %d", got)
	}
	if err := server.stop(); err != nil {
		t.Error(err)
	}
	if err := syscall.Unmount(dir, 0); err != nil {
		t.Fatal(err)
	}
	mountImage(t, image, dir)
	again := startServer(t, "--db", server.DB)
	b = newBrowser(t, again.URL+"feeds/log")
	if page, _, err := b.poll(0, 10); err != nil || len(page) != 1 || page[0].title != "before" {
		t.Errorf("once it is mounted again, the feed is %v, %v", page, err)
	}
	if _, err := b.post("after", ""); err != nil {
		t.Error(err)
	}
}

// mountTmpfs makes a small disk, which lasts as long as the test.
func mountTmpfs(t *testing.T, size string) (dir string) {
	t.Helper()
	dir = t.TempDir()
	if err := syscall.Mount("tmpfs", dir, "tmpfs", 0, "size="+size); err != nil {
		lacking(t, fmt.Sprintf("cannot mount a small disk: %v: run the test as root", err))
	}
	unmountAfter(t, dir)
	return dir
}

// mountImage mounts a file system that is in a file. Where there are no loop devices, the test is
// skipped: they are the machine's to give.
func mountImage(t *testing.T, image, dir string) {
	t.Helper()
	if os.Getuid() != 0 {
		lacking(t, "mounting a file takes root")
	}
	if _, err := os.Stat("/dev/loop-control"); err != nil {
		t.Skip("this machine has no loop devices: modprobe loop")
	}
	run(t, "mount", "-o", "loop,errors=remount-ro", image, dir)
	unmountAfter(t, dir)
}

func unmountAfter(t *testing.T, dir string) {
	t.Cleanup(func() {
		if err := syscall.Unmount(dir, 0); err != nil && !errors.Is(err, syscall.EINVAL) { // that is: not mounted
			t.Errorf("unmount %s: %v", dir, err)
		}
	})
}

// fill writes a file that leaves no room on a disk.
func fill(t *testing.T, dir string) (filler string) {
	t.Helper()
	f, err := os.Create(filepath.Join(dir, "filler"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	for block := make([]byte, 4<<10); err == nil; {
		_, err = f.Write(block)
	}
	if !errors.Is(err, syscall.ENOSPC) {
		t.Fatal(err)
	}
	return f.Name()
}

// limit sets a limit of all nodes.
func (f *fleet) limit(which int, to uint64) {
	f.t.Helper()
	for _, p := range append(f.heads, f.gateway) {
		p.limit(f.t, which, to)
	}
}

// limit sets one of the limits that the system has for a process.
func (p *process) limit(t *testing.T, which int, to uint64) {
	t.Helper()
	err := unix.Prlimit(p.cmd.Process.Pid, which, &unix.Rlimit{Cur: to, Max: unix.RLIM_INFINITY}, nil)
	if errors.Is(err, unix.EPERM) { // the upper limit may not be raised
		var now unix.Rlimit
		if err = unix.Prlimit(p.cmd.Process.Pid, which, nil, &now); err == nil {
			err = unix.Prlimit(p.cmd.Process.Pid, which, &unix.Rlimit{Cur: min(to, now.Max), Max: now.Max}, nil)
		}
	}
	if err != nil {
		t.Fatal(err)
	}
}

// suffer checks what clients see while nothing can be stored: message by STOMP, status by HTTP.
func (f *fleet) suffer(message string, status int) {
	f.t.Helper()
	f.wantReady(false, 10*time.Second)
	again := time.NewTicker(10 * time.Millisecond)
	defer again.Stop()
	for before := f.refused.Load(); f.refused.Load() < before+100 && !f.isExpired(); {
		<-again.C
	}
	for _, head := range f.heads {
		wantRefusal(f.t, head, status, "60", "nothing was changed")
		wantReadable(f.t, head)
	}
	if got := refusedMessage(f.t, f.gateway.Stomp); got != message {
		f.t.Errorf("a SEND gets the ERROR %q, want %q", got, message)
	}
	for _, p := range append(f.heads, f.gateway) {
		if lines := strings.Count(p.logged(), "level=ERROR"); lines > 200 {
			f.t.Errorf("the log has %d errors", lines)
		}
	}
}

// wantRefusal checks that a POST is refused, with a problem document that says when to come again.
// The body is too large for what room a smaller one left.
func wantRefusal(t *testing.T, server *process, status int, after, detail string) {
	t.Helper()
	req, err := http.NewRequest(http.MethodPost, server.URL+"feeds/refused", strings.NewReader(strings.Repeat("x", 1<<20)))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Content-Type", "text/plain")
	req.Header.Set("Accept", "application/problem+json")
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	var problem struct {
		Status int
		Detail string
	}
	if err := json.NewDecoder(resp.Body).Decode(&problem); err != nil {
		t.Fatal(err)
	}
	if resp.StatusCode != status || problem.Status != status || resp.Header.Get("Retry-After") != after || !strings.Contains(problem.Detail, detail) {
		t.Errorf("POST is answered with %s, Retry-After %q, %+v; want %d, %q and %q", resp.Status, resp.Header.Get("Retry-After"), problem, status, after, detail)
	}
}

// wantReadable checks that feeds, their list and topics are read.
func wantReadable(t *testing.T, server *process) {
	t.Helper()
	page, _, err := newBrowser(t, server.URL+"feeds/log").poll(0, 10)
	if err != nil || len(page) == 0 {
		t.Errorf("reading gives %v, %v", page, err)
	}
	if got := status(t, server.URL+"feeds"); got != http.StatusOK {
		t.Errorf("the list of feeds: %d", got)
	}
	client := connect(t, server.Stomp)
	if err := client.send(stomp.SUBSCRIBE, "", "destination", "/topic/log", "id", "1", "Xlastid", "0"); err != nil {
		t.Fatal(err)
	}
	client.message(t)
}

// refusedMessage sends a message that is too large for what room is left, and returns what the ERROR says.
func refusedMessage(t *testing.T, address string) string {
	t.Helper()
	client := connect(t, address)
	if err := client.send(stomp.SEND, strings.Repeat("x", 1<<20), "destination", "/topic/refused", "receipt", "1"); err != nil {
		t.Fatal(err)
	}
	f, err := client.receive()
	if err != nil || f.command != stomp.ERROR || f.headers["receipt-id"] != "1" {
		t.Fatalf("SEND is answered with %v, %v", f, err)
	}
	return f.headers["message"]
}

// status returns how a GET is answered.
func status(t *testing.T, url string) int {
	t.Helper()
	resp, err := http.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	_, _ = io.Copy(io.Discard, resp.Body)
	return resp.StatusCode
}

// Who runs without the right to override permissions is told what to do, and nothing is lost for it.
func TestAFileWithoutPermissionIsReadAndPublishedToOnceItIsAllowed(t *testing.T) {
	dir := t.TempDir()
	server := startServer(t, "--db", filepath.Join(dir, "bus.db"))
	if _, err := newBrowser(t, server.URL+"feeds/log").post("before", ""); err != nil {
		t.Fatal(err)
	}
	permit := func(file, directory os.FileMode) {
		t.Helper()
		if err := errors.Join(os.Chmod(server.DB, file), os.Chmod(dir, directory)); err != nil {
			t.Fatal(err)
		}
	}
	permit(0o400, 0o500)
	t.Cleanup(func() { permit(0o600, 0o700) })
	if _, err := newBrowser(t, server.URL+"feeds/log").post("while files are open", ""); err != nil {
		t.Error(err)
	}
	if err := server.kill(); err != nil {
		t.Fatal(err)
	}
	again, err := launchOn(unprivileged(t), t.TempDir(), os.Environ(), "serve", "--db", server.DB)
	if err != nil {
		t.Fatal(err)
	}
	wantRefusal(t, again, http.StatusServiceUnavailable, "60", "cannot be written")
	wantReadable(t, again)
	if got := status(t, again.URL+"readyz"); got != http.StatusServiceUnavailable {
		t.Errorf("/readyz: %d", got)
	}
	permit(0o600, 0o700)
	b := newBrowser(t, again.URL+"feeds/log")
	if _, err := b.post("allowed", ""); err != nil {
		t.Error(err)
	}
	if page, _, err := b.poll(0, 10); err != nil || len(page) != 3 {
		t.Errorf("once it may be written, the feed is %v, %v", page, err)
	}
	waitFor(t, func() bool { return status(t, again.URL+"readyz") == http.StatusOK }) // an answer holds for a second
	if err := again.stop(); err != nil {
		t.Error(err)
	}
}

func TestAFileThatCannotBeOpenedIsRefusedInOneLine(t *testing.T) {
	dir := t.TempDir()
	server := startServer(t, "--db", filepath.Join(dir, "bus.db"))
	if err := server.stop(); err != nil { // which leaves no log beside it
		t.Fatal(err)
	}
	if err := errors.Join(os.Chmod(server.DB, 0o400), os.Chmod(dir, 0o500)); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.Chmod(dir, 0o700) })
	for db, advice := range map[string]string{"bus.db": "let this user write it and its directory", "new.db": "this user may not make files in " + dir} {
		p, err := launchOn(unprivileged(t), t.TempDir(), os.Environ(), "serve", "--db", filepath.Join(dir, db))
		if err == nil {
			t.Fatal(errors.Join(errors.New("it started"), p.stop()))
		}
		if out := err.Error(); !strings.Contains(out, advice) || !strings.Contains(out, "exit status 1\natommq: ") || strings.Count(out, "\n") != 2 {
			t.Errorf("%s: %q, want one line with %q", db, out, advice)
		}
	}
}

func TestABackupWhereNoFileMayBeMadeSaysSo(t *testing.T) {
	dir, source := t.TempDir(), filepath.Join(t.TempDir(), "bus.db")
	runCommand(t, "migrate", "up", "--db", source)
	if err := os.Chmod(dir, 0o500); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.Chmod(dir, 0o700) })
	to := filepath.Join(dir, "backup.db")
	args := append(unprivileged(t), "atommq", "backup", "--db", source, to)
	out, err := exec.CommandContext(t.Context(), args[0], args[1:]...).CombinedOutput()
	if want := "atommq: back up to " + to + ": this user may not make files in " + dir + ": allow it, or name another file\n"; err == nil || string(out) != want {
		t.Errorf("%v: %q, want %q", err, out, want)
	}
}

// unprivileged is a command that runs another one without root's right to open every file.
func unprivileged(t *testing.T) []string {
	t.Helper()
	if os.Getuid() != 0 {
		return nil
	}
	const right = "-dac_override,-dac_read_search"
	return []string{needProgram(t, "setpriv", "util-linux"), "--bounding-set=" + right, "--inh-caps=" + right}
}

func TestAFullDiskIsNotStartedOn(t *testing.T) {
	dir := mountTmpfs(t, "1m")
	server := startServer(t, "--db", filepath.Join(dir, "bus.db"))
	if _, err := newBrowser(t, server.URL+"feeds/log").post("before", ""); err != nil {
		t.Fatal(err)
	}
	if err := server.stop(); err != nil {
		t.Fatal(err)
	}
	filler := fill(t, dir)
	p, err := launch(t.TempDir(), os.Environ(), "serve", "--db", server.DB)
	if err == nil {
		t.Fatal(errors.Join(errors.New("it started"), p.stop()))
	}
	if out := err.Error(); !strings.Contains(out, "storage is full") || !strings.Contains(out, "make room on its disk") {
		t.Error(out)
	}
	if err := os.Remove(filler); err != nil {
		t.Fatal(err)
	}
	again := startServer(t, "--db", server.DB)
	if page, _, err := newBrowser(t, again.URL+"feeds/log").poll(0, 10); err != nil || len(page) != 1 {
		t.Errorf("once there is room, the feed is %v, %v", page, err)
	}
}
