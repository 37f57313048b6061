// Keeps live parts fresh and adds the keyboard. Without it every page works as plain links and forms.
"use strict";

const live = document.getElementById("live");

// The server says that something changed; the live part of this page is fetched again, unless someone is typing in it.
if (live && "EventSource" in window) {
  const busy = () => live.contains(document.activeElement) && document.activeElement.matches("input:not([type=checkbox]),textarea,select");
  const chosen = () => [...live.querySelectorAll("input[type=checkbox]:checked")].map((box) => box.value);
  const refresh = () => {
    if (document.hidden || busy()) return;
    const kept = chosen();
    htmx.ajax("GET", location.href, { target: "#live", select: "#live", swap: "innerHTML" }).then(() => {
      for (const box of document.querySelectorAll("#live input[type=checkbox]")) box.checked = kept.includes(box.value);
    });
  };
  const events = new EventSource("/events");
  events.addEventListener("change", refresh);
  document.addEventListener("visibilitychange", refresh);
  addEventListener("pagehide", () => events.close());
}

// `/` searches; `j` and `k` walk through rows.
document.addEventListener("keydown", (event) => {
  if (event.target.matches("input,textarea,select") || event.ctrlKey || event.metaKey || event.altKey) return;
  const rows = [...document.querySelectorAll("a.row")];
  const at = rows.indexOf(document.activeElement);
  if (event.key === "/") {
    const search = document.querySelector("[data-search]");
    if (search) { event.preventDefault(); search.focus(); }
  } else if (event.key === "j" && rows.length) {
    rows[Math.min(at + 1, rows.length - 1)].focus();
  } else if (event.key === "k" && rows.length) {
    rows[Math.max(at - 1, 0)].focus();
  }
});
