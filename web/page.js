// What a feed's page does beyond showing itself: it follows the feed, and takes keys. Everything
// else works without it.
"use strict";
(() => {
  const list = document.querySelector("#entries");
  const most = 200; // entries on the page, so that one left open for days stays light

  // live follows the feed. The stream only says that there is something new: the entries themselves come as
  // HTML that the server has made harmless, by the cursor of the last one shown.
  const live = list?.dataset.after && window.EventSource ? follow() : null;

  function follow() {
    const bar = document.querySelector("#live");
    const state = bar.querySelector(".state");
    const pause = bar.querySelector(".pause");
    const fresh = bar.querySelector(".fresh");
    const feed = list.dataset.feed;
    const title = document.title;
    let after = list.dataset.after; // text: an id may be larger than a number holds exactly
    let stream = null;
    let retry = 0;
    let unseen = 0;
    let paused = false;
    let reading = false;

    function open() {
      unseen = 0; // the stream begins with what is not on the page yet
      stream = new EventSource(feed + "?after=" + after);
      for (const kind of ["entry", "tombstone", "message"]) stream.addEventListener(kind, arrive);
      stream.onopen = show;
      stream.onerror = fail;
      show();
    }

    function close() {
      clearTimeout(retry);
      stream?.close();
      stream = null;
    }

    // A browser goes on after a lost connection, but not after an answer such as a proxy's 502, or as 410 where
    // what came after the last entry is partly gone.
    function fail() {
      if (stream?.readyState === EventSource.CLOSED) {
        close();
        retry = setTimeout(again, 2000 + 3000 * Math.random());
      }
      show();
    }

    async function again() {
      if (!paused && scrollY < 200) await read();
      if (!stream && !document.hidden) open();
    }

    function arrive() {
      unseen++;
      show();
      if (!paused && scrollY < 200) read();
    }

    // read shows what came after the last entry on the page, newest first.
    async function read() {
      if (reading) return;
      reading = true;
      try {
        do {
          unseen = 0;
          await add();
        } while (unseen > 0);
      } catch {
        unseen = Math.max(unseen, 1); // the button stays, to try again
      }
      reading = false;
      show();
    }

    // add puts what came on top. Where that is more than one answer or this page holds, or partly gone, the
    // newest page takes the place of this one, with its link to what is older: so none is passed over.
    async function add() {
      let { answer, page, articles } = await get("?after=" + after + "&limit=" + most);
      const tooMany = articles.length > 0 && list.children.length + articles.length > most; // a page may begin with more
      if (answer.status === 410 || tooMany || page.querySelector("a[rel=next]")) {
        ({ answer, page, articles } = await get(""));
        if (answer.ok) begin(page, articles);
      } else if (answer.ok) {
        articles.forEach(place);
      }
      if (!answer.ok) throw new Error(answer.statusText);
      document.querySelector(".facts").replaceWith(page.querySelector(".facts"));
      if (articles.length > 0) welcome();
      after = answer.headers.get("Xlastid") || after;
    }

    async function get(query) {
      const answer = await fetch(feed + query, { headers: { Accept: "text/html" } });
      const page = new DOMParser().parseFromString(await answer.text(), "text/html");
      return { answer, page, articles: page.querySelectorAll("#entries > article") };
    }

    // place puts an article on top, and takes out what it replaces.
    function place(article) {
      list.querySelector(`[data-uuid="${article.dataset.uuid}"]`)?.remove();
      article.classList.add("new");
      list.prepend(document.adoptNode(article));
    }

    function begin(page, articles) {
      list.replaceChildren(...articles);
      document.querySelector(".pager")?.remove();
      const pager = page.querySelector(".pager");
      if (pager) list.after(pager);
    }

    // welcome takes back that there is nothing yet. The form beside it stays: somebody may be writing in it.
    function welcome() {
      const empty = document.querySelector(".empty");
      if (empty?.querySelector("form")) {
        empty.querySelectorAll(":scope > :is(h2, p)").forEach((said) => said.remove());
      } else {
        empty?.remove();
      }
    }

    function show() {
      const connected = stream?.readyState === EventSource.OPEN;
      bar.classList.toggle("on", connected && !paused);
      state.textContent = paused ? "Paused" : connected ? "Live" : "Connecting…";
      pause.textContent = paused ? "Resume" : "Pause";
      fresh.hidden = unseen === 0;
      fresh.textContent = unseen + " new";
      document.title = unseen ? `(${unseen}) ${title}` : title;
    }

    function toggle() {
      paused = !paused;
      show();
      if (!paused && unseen) read();
    }

    pause.addEventListener("click", toggle);
    fresh.addEventListener("click", () => {
      scrollTo(0, 0);
      read();
    });
    // A browser has few connections to a site: pages that nobody looks at hold none. Who comes back is shown
    // what came first, so that the stream need not tell of each entry.
    document.addEventListener("visibilitychange", () => {
      if (document.hidden) {
        close();
      } else if (!stream) {
        again();
      }
    });
    bar.hidden = false;
    if (!document.hidden) open();
    return { toggle };
  }

  const keys = {
    j: () => step(1),
    k: () => step(-1),
    o: () => document.activeElement.closest("article")?.querySelector("h2 a")?.click(),
    n: () => document.querySelector("a[rel=next]")?.click(),
    p: () => document.querySelector("a[rel=prev]")?.click(),
    l: () => live?.toggle(),
    c: compose,
    "?": tell,
  };

  // step moves the focus from one entry to the next.
  function step(by) {
    const all = [...document.querySelectorAll("#entries > article")];
    const at = all.indexOf(document.activeElement.closest("article"));
    const next = all[at < 0 ? (by > 0 ? 0 : -1) : at + by];
    if (!next) return;
    next.tabIndex = -1;
    next.focus({ preventScroll: true });
    next.scrollIntoView({ block: "nearest" });
  }

  // tell shows these keys, which stand at the very end of the page.
  function tell() {
    const told = document.querySelector("#keys");
    if (told.toggleAttribute("open")) told.scrollIntoView({ block: "nearest" });
  }

  function compose() {
    const form = document.querySelector("#post");
    if (!form) return;
    form.closest("details")?.setAttribute("open", "");
    form.querySelector("input, textarea").focus();
  }

  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.altKey || event.metaKey || event.isComposing) return;
    if (event.target.closest("input, textarea, select")) return;
    const act = Object.hasOwn(keys, event.key) ? keys[event.key] : null;
    if (!act) return;
    event.preventDefault();
    act();
  });
})();
