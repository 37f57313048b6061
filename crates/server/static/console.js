// Keeps live parts fresh and adds the keyboard. Without it every page works as plain links and forms.
"use strict";

const live = document.getElementById("live");

// The server says that something changed; the live part of this page is fetched again and changed where it differs.
if (live && "EventSource" in window) {
  // What a person ticked or opened is theirs.
  Idiomorph.defaults.callbacks.beforeAttributeUpdated = (name) => name !== "checked" && name !== "open";
  const focused = () => {
    const at = document.activeElement;
    return live.contains(at) && { id: at.id, tag: at.localName, href: at.getAttribute("href"), name: at.name, value: at.value };
  };
  const same = (was) => (at) => at.getAttribute("href") === was.href && at.name === was.name && at.value === was.value;
  let was = false;
  live.addEventListener("htmx:beforeSwap", () => { was = focused(); });
  document.body.addEventListener("htmx:afterSwap", () => {
    if (!was || focused()) return;
    const at = was.id ? document.getElementById(was.id) : [...live.querySelectorAll(was.tag)].find(same(was));
    if (at) at.focus({ preventScroll: true });
  });
  // Someone types in it, or reads what was wrong with what they sent.
  const busy = () => (live.contains(document.activeElement) && document.activeElement.matches("input:not([type=checkbox]),textarea,select"))
    || live.querySelector("[data-hold]");
  const refresh = () => {
    if (document.hidden || busy()) return;
    htmx.ajax("GET", live.dataset.live || location.href, { target: "#live", select: "#live", swap: "morph:outerHTML" });
  };
  const events = new EventSource("/events");
  let lost = false;
  events.addEventListener("change", refresh);
  // Refused for good: the session is over, which the page itself is told with the way to sign in.
  events.addEventListener("error", () => { lost = true; if (events.readyState === EventSource.CLOSED) refresh(); });
  events.addEventListener("open", () => { if (lost) refresh(); lost = false; });
  document.addEventListener("visibilitychange", refresh);
  setInterval(refresh, 60_000); // "5 min ago" ages without a change.
  addEventListener("pagehide", () => events.close());
}

// On a narrow screen the navigation scrolls sideways: to where one is.
document.querySelector(".rail [aria-current]")?.scrollIntoView({ block: "nearest", inline: "center" });

// A form that takes text from a file: the file is read here and sent as text.
for (const chooser of document.querySelectorAll("[data-reads]")) {
  chooser.hidden = false;
  const input = chooser.querySelector("input");
  input.addEventListener("change", async () => {
    if (input.files[0]) document.getElementById(chooser.dataset.reads).value = await input.files[0].text();
  });
}

// A box that ticks all others of its name.
for (const all of document.querySelectorAll("[data-all]")) {
  all.hidden = false;
  all.addEventListener("change", () => {
    for (const one of document.querySelectorAll(`input[type=checkbox][name="${all.dataset.all}"]`)) one.checked = all.checked;
  });
}

// The palette: what `/go` finds, over the page. Enter takes what has the focus, else the first.
const palette = document.getElementById("palette");
const openPalette = (event) => { event.preventDefault(); palette.showModal(); palette.querySelector("input").select(); };
if (palette) {
  const hits = () => [...palette.querySelectorAll(".hit")];
  document.querySelector("[data-palette]")?.addEventListener("click", openPalette);
  palette.addEventListener("click", (event) => { if (event.target === palette) palette.close(); });
  palette.querySelector("form").addEventListener("submit", (event) => {
    if (hits().length) { event.preventDefault(); hits()[0].click(); }
  });
  palette.addEventListener("keydown", (event) => {
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (!step || !hits().length) return;
    event.preventDefault();
    const at = hits().indexOf(document.activeElement) + step;
    (at < 0 ? palette.querySelector("input") : hits()[Math.min(at, hits().length - 1)]).focus();
  });
}

// `Ctrl-K` opens the palette, `?` the help, `/` searches; `j` and `k` walk through rows.
document.addEventListener("keydown", (event) => {
  if (palette && (event.ctrlKey || event.metaKey) && event.key === "k") return openPalette(event);
  if (event.target.matches("input,textarea,select") || event.ctrlKey || event.metaKey || event.altKey) return;
  if (document.querySelector("dialog[open]")) return;
  const rows = [...document.querySelectorAll("a.row")];
  const at = rows.indexOf(document.activeElement);
  if (event.key === "/") {
    const search = document.querySelector("[data-search]");
    if (search) { event.preventDefault(); search.focus(); }
  } else if (event.key === "?") {
    document.getElementById("keys")?.showModal();
  } else if (event.key === "j" && rows.length) {
    rows[Math.min(at + 1, rows.length - 1)].focus();
  } else if (event.key === "k" && rows.length) {
    rows[Math.max(at - 1, 0)].focus();
  }
});
