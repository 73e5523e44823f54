package main

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"atommq/api"
)

func TestAPersonPublishesWithoutScript(t *testing.T) {
	server := startServer(t)
	say(t, server, "notes", "the first")
	b := openTab(t)
	b.call("Emulation.setScriptExecutionDisabled", map[string]any{"value": true})
	b.open(server.URL + "feeds/notes")
	b.fill("#post [name=title]", "By hand <b>")
	b.fill("#post [name=content]", "said & done")
	b.fill("#post [name=author]", "Ada")
	b.submit("#post [name=title]")
	b.loaded()
	newest := b.eval(`document.querySelector("#entries > article").innerText.replace(/\s+/g, " ")`)
	if !strings.HasPrefix(newest, "By hand <b>") || !strings.Contains(newest, "Ada") || !strings.HasSuffix(newest, "said & done") {
		t.Errorf("the newest entry reads %q", newest)
	}
	if got := b.eval("location.pathname"); got != "/feeds/notes" {
		t.Errorf("the browser is at %q", got)
	}
	b.open(server.URL + "feeds/none")
	if got := b.eval("document.querySelector('.problem').innerText"); !strings.Contains(got, "404") || !strings.Contains(got, "POST an entry") {
		t.Errorf("of a feed that is not there the page says %q", got)
	}
}

func TestWhatAPersonTypedIsStillThereAfterARefusal(t *testing.T) {
	server := startServer(t)
	say(t, server, "notes", "the first")
	b := openTab(t)
	b.open(server.URL + "feeds/notes")
	b.fill("#post [name=title]", "A title")
	b.fill("#post [name=content]", "a long text")
	b.fill("#post [name=category]", "c")
	put(t, server.URL+"feeds/notes/settings", "application/json", `{"accepts": ["image/*"]}`)
	b.submit("#post [name=title]")
	b.loaded()
	if got := b.eval("document.querySelector('.problem').innerText"); !strings.Contains(got, "415") {
		t.Fatalf("the page says %q", got)
	}
	b.back()
	b.until(`document.querySelector("#post")?.elements.category.value === "c"`)
	if got := b.eval(`["title", "content"].map(name => document.querySelector("#post").elements[name].value).join()`); got != "A title,a long text" {
		t.Errorf("the form has %q", got)
	}
}

// picture is a PNG of one pixel.
const picture = "\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR\x00\x00\x00\x01\x00\x00\x00\x01\x08\x00\x00\x00\x00:~\x9bU" +
	"\x00\x00\x00\nIDATx\x9cc`\x00\x00\x00\x02\x00\x01H\xaf\xa4q\x00\x00\x00\x00IEND\xaeB`\x82"

func TestAPictureShowsOnItsFeedsPageOnItsOwnAndLive(t *testing.T) {
	server := startServer(t)
	client := &api.Client{BaseURL: server.URL}
	if _, err := client.Publish(t.Context(), "cats", "image/png", []byte(picture), ""); err != nil {
		t.Fatal(err)
	}
	b := openTab(t)
	b.open(server.URL + "feeds/cats")
	seen := `[...document.querySelectorAll(".picture img")].filter(p => p.complete && p.naturalWidth === 1).length`
	b.until(seen + " === 1")
	b.until(`document.querySelector("#live").classList.contains("on")`)
	receipt, err := client.Publish(t.Context(), "cats", "image/png", []byte(picture), "")
	if err != nil {
		t.Fatal(err)
	}
	b.until(seen + " === 2")
	b.open(receipt.Location)
	b.until(seen + " === 1")
	b.open(b.eval(`document.querySelector(".note a").href`))
	if got := b.eval("document.contentType"); got != "image/png" {
		t.Errorf("the link leads to %s", got)
	}
}

func TestABrowserPlaysTheSoundThatAPageLinksTo(t *testing.T) {
	server := startServer(t)
	client := &api.Client{BaseURL: server.URL}
	if _, err := client.Publish(t.Context(), "sounds", "audio/wav", []byte(sound), ""); err != nil {
		t.Fatal(err)
	}
	b := openTab(t)
	b.open(server.URL + "feeds/sounds")
	b.open(b.eval(`document.querySelector("#entries .note a").href`))
	b.until(`document.querySelector("video, audio").duration === 1`)
}

// sound is a WAV of one second, 8,000 samples of 8 bits.
var sound = "RIFF\x64\x1f\x00\x00WAVEfmt \x10\x00\x00\x00\x01\x00\x01\x00\x40\x1f\x00\x00\x40\x1f\x00\x00\x01\x00\x08\x00" +
	"data\x40\x1f\x00\x00" + strings.Repeat("\x80", 8000)

func TestAPageFollowsItsFeed(t *testing.T) {
	server := startServer(t)
	say(t, server, "news", "one")
	b := openTab(t)
	b.open(server.URL + "feeds/news")
	b.until(`document.querySelector("#live .state").textContent === "Live"`)
	b.shoot("live", 1000, "light")
	b.until(`document.querySelector("#live").classList.contains("on")`)
	entry := say(t, server, "news", "two")
	b.until(`document.querySelectorAll("#entries > article").length === 2`)
	if got := b.eval(`document.querySelector("#entries h2").innerText`); got != "two" {
		t.Errorf("on top stands %q", got)
	}
	if got := b.eval(`document.querySelector(".facts").innerText`); !strings.HasPrefix(got, "2 entries") {
		t.Errorf("with two entries, the header says %q", got)
	}

	b.press("l")
	correct(t, entry, "two, corrected")
	say(t, server, "news", "three")
	b.until(`document.querySelector("#live .fresh").textContent === "2 new"`)
	if got := b.eval(`document.querySelectorAll("#entries > article").length + document.title`); got != "2(2) news – AtomMQ" {
		t.Errorf("a paused page shows %s", got)
	}
	b.shoot("paused", 390, "dark")
	b.press("l")
	b.until(`document.querySelectorAll("#entries > article").length === 3`)
	if got := b.eval(`[...document.querySelectorAll("#entries h2")].map(h => h.innerText).join()`); got != "three,two, corrected,one" {
		t.Errorf("the entries are %s", got)
	}

	if err := server.stop(); err != nil {
		t.Fatal(err)
	}
	server = startServer(t, "--db", server.DB, "--http", server.address())
	say(t, server, "news", "after the restart")
	b.until(`document.querySelector("#entries h2").innerText === "after the restart"`)
}

func TestAPageTakesKeys(t *testing.T) {
	server := startServer(t)
	for _, text := range []string{"one", "two", "three"} {
		say(t, server, "news", text)
	}
	b := openTab(t)
	b.open(server.URL + "feeds/news?limit=2")
	b.call("Emulation.setDeviceMetricsOverride", map[string]any{"width": 400, "height": 300, "deviceScaleFactor": 1, "mobile": false})
	b.press("?")
	if got := b.eval(`Math.round(document.querySelector("#keys dd:last-of-type").getBoundingClientRect().bottom - innerHeight) <= 0`); got != "true" {
		t.Error("the keys that ? tells are out of sight")
	}
	b.press("?")
	focused := `document.activeElement.querySelector("h2")?.innerText ?? document.activeElement.name`
	for _, step := range []struct{ key, want string }{{"j", "three"}, {"j", "two"}, {"j", "two"}, {"k", "three"}, {"c", "title"}} {
		b.press(step.key)
		if got := b.eval(focused); got != step.want {
			t.Errorf("after %s the focus is on %q, want %q", step.key, got, step.want)
		}
	}
	b.press("j")
	if got := b.eval(`document.activeElement.value`); got != "j" {
		t.Errorf("a key typed into the form makes it %q", got)
	}
	b.eval("document.activeElement.blur()")
	b.press("n")
	b.until(`document.querySelector("#entries h2")?.innerText === "one"`)
	b.press("j")
	b.press("o")
	b.until(`document.querySelector("#source code")?.textContent.includes(">one</content>") ?? false`)
	b.shoot("member", 1000, "dark")
}

func TestAPageKeepsWhatIsBeingTypedWhenTheFirstEntryComes(t *testing.T) {
	server := startServer(t)
	say(t, server, "news", "one")
	runCommand(t, "feeds", "prune", "news", "--keep", "0", "--db", server.DB)
	b := openTab(t)
	b.open(server.URL + "feeds/news")
	b.until(`document.querySelector("#live").classList.contains("on")`)
	b.fill("#post [name=content]", "a long text")
	say(t, server, "news", "from somebody else")
	b.until(`document.querySelector("#entries h2")?.innerText === "from somebody else"`)
	if got := b.eval(`document.querySelector("#post")?.elements.content.value`); got != "a long text" {
		t.Errorf("the form has %q", got)
	}
	if got := b.eval(`document.querySelector("main").innerText`); strings.Contains(got, "Nothing older") || strings.Contains(got, "No entries yet") {
		t.Errorf("beside an entry, the page says\n%s", got)
	}
}

func TestAPageThatFollowedALongWayLeadsToAllEntries(t *testing.T) {
	server := startServer(t)
	b := openTab(t)
	say(t, server, "news", "entry 0")
	b.open(server.URL + "feeds/news")
	b.until(`document.querySelector("#live").classList.contains("on")`)
	const entries = 250
	for i := 1; i < entries; i++ {
		say(t, server, "news", fmt.Sprint("entry ", i))
	}
	titles := `[...document.querySelectorAll("#entries h2")].map(h => h.innerText)`
	b.until(titles + fmt.Sprintf(`[0] === "entry %d"`, entries-1))
	at := entries
	for {
		for title := range strings.SplitSeq(b.eval(titles+`.join()`), ",") {
			if at--; title != fmt.Sprint("entry ", at) {
				t.Fatalf("below entry %d stands %q", at+1, title)
			}
		}
		if b.eval(`document.querySelector("a[rel=next]") === null`) == "true" {
			break
		}
		b.open(b.eval(`document.querySelector("a[rel=next]").href`))
	}
	if at != 0 {
		t.Errorf("the last page ends with entry %d, and leads to no older one", at)
	}
}

func TestAPageShowsWhatIsLeftOnceMuchHasCome(t *testing.T) {
	server := startServer(t)
	say(t, server, "large", "one")
	say(t, server, "pruned", "one")
	b := openTab(t)
	b.open(server.URL + "feeds/large")
	b.until(`document.querySelector("#live").classList.contains("on")`)
	b.press("l")
	const entries = 14 // of which no answer holds as many
	for i := range entries {
		say(t, server, "large", fmt.Sprint(i, strings.Repeat(" text", 200_000)))
	}
	b.until(fmt.Sprintf(`document.querySelector("#live .fresh").textContent === "%d new"`, entries))
	b.press("l")
	b.until(fmt.Sprintf(`document.querySelector("#entries h2").innerText.startsWith("%d text")`, entries-1))

	b.open(server.URL + "feeds/pruned")
	b.until(`document.querySelector("#live").classList.contains("on")`)
	b.press("l")
	say(t, server, "pruned", "two")
	say(t, server, "pruned", "three")
	b.until(`document.querySelector("#live .fresh").textContent === "2 new"`)
	runCommand(t, "feeds", "prune", "pruned", "--keep", "1", "--db", server.DB)
	b.until(`fetch("/feeds/pruned?after=" + document.querySelector("#entries").dataset.after).then(answer => answer.status === 410)`)
	b.press("l")
	b.until(`[...document.querySelectorAll("#entries h2")].map(h => h.innerText).join() === "three"`)
}

// Nobody is sent a day's entries because he comes back to a page.
func TestAPageThatIsLookedAtAgainFollowsFromTheNewestEntry(t *testing.T) {
	server := startServer(t)
	say(t, server, "news", "one")
	b := openTab(t)
	b.open(server.URL + "feeds/news")
	b.until(`document.querySelector("#live").classList.contains("on")`)
	b.eval(`window.EventSource = class extends EventSource { constructor(url) { super(url); window.followed = url; } }`)
	b.look(false)
	for i := range 20 {
		say(t, server, "news", fmt.Sprint("meanwhile ", i))
	}
	b.look(true)
	b.until(`window.followed !== undefined`)
	if got := b.eval(`window.followed + " " + document.querySelectorAll("#entries > article").length`); got != "/feeds/news?after=21 21" {
		t.Errorf("it follows %s entries", got)
	}
}

// look has the tab in front of its person, or behind another.
func (b *tab) look(front bool) {
	b.t.Helper()
	b.eval(fmt.Sprintf(`Object.defineProperty(document, "hidden", { configurable: true, value: %t });
		document.dispatchEvent(new Event("visibilitychange"))`, !front))
}

// fill types text into a field, as a person does.
func (b *tab) fill(selector, text string) {
	b.t.Helper()
	b.focus(selector)
	b.call("Input.insertText", map[string]any{"text": text})
}

func (b *tab) focus(selector string) {
	b.t.Helper()
	b.eval("document.querySelectorAll('details').forEach(d => d.open = true)")
	b.eval("document.querySelector(" + quoteJSON(selector) + ").focus()")
}

// submit presses Enter in a field of a form.
func (b *tab) submit(selector string) {
	b.t.Helper()
	b.focus(selector)
	b.call("Input.dispatchKeyEvent", map[string]any{"type": "keyDown", "key": "Enter", "code": "Enter", "windowsVirtualKeyCode": 13, "text": "\r"})
}

func quoteJSON(s string) string {
	return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(s) + `"`
}

// say posts a line of text, and returns the URL of its entry.
func say(t *testing.T, server *process, feed, text string) string {
	t.Helper()
	client := &api.Client{BaseURL: server.URL}
	receipt, err := client.Publish(t.Context(), feed, "text/plain", []byte(text), "")
	if err != nil {
		t.Fatal(err)
	}
	return receipt.Location
}

// correct gives the entry at url another title.
func correct(t *testing.T, url, title string) {
	t.Helper()
	put(t, url, "application/atom+xml", "<entry><title>"+title+"</title><content>"+title+"</content></entry>")
}

func put(t *testing.T, url, typ, body string) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPut, url, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Content-Type", typ)
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		t.Fatalf("PUT %s: %s", url, resp.Status)
	}
}

func TestALongPageThatIsLookedAtAgainStaysWhereNothingCame(t *testing.T) {
	server := startServer(t)
	const entries = 201
	var feed strings.Builder
	for i := range entries {
		fmt.Fprintf(&feed, `<entry><title>entry %d</title></entry>`, i)
	}
	client := &api.Client{BaseURL: server.URL}
	if _, err := client.Publish(t.Context(), "news", "application/atom+xml", []byte(`<feed xmlns="http://www.w3.org/2005/Atom">`+feed.String()+`</feed>`), ""); err != nil {
		t.Fatal(err)
	}
	b := openTab(t)
	b.open(server.URL + "feeds/news?limit=300")
	b.until(`document.querySelector("#live").classList.contains("on")`)
	b.eval(`window.EventSource = class extends EventSource { constructor(url) { super(url); window.followed = url; } }`)
	b.look(false)
	b.look(true)
	b.until(`window.followed !== undefined`)
	if got := b.eval(`document.querySelectorAll("#entries > article").length`); got != fmt.Sprint(entries) {
		t.Errorf("of %d entries, %s are left on the page", entries, got)
	}
}
