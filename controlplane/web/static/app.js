// What the pages do beyond being pages: keys, remembering what is folded out, quiet refreshes.
// Without this file every page still shows everything, but does not refresh by itself.
(() => {
  "use strict";
  const one = (query) => document.querySelector(query);
  const reveal = (element) => { if (element) element.hidden = false; };

  // Keys: single letters, never while somebody types, never with a modifier.
  const places = { f: "/", r: "/recommendations", a: "/activity", s: "/sessions", h: "/health" };
  let going = 0;

  const dismiss = () => {
    const box = one("#dismiss");
    if (!box) return;
    box.open = true;
    one("#reason").focus();
  };

  // One key never changes anything: it only puts the finger on the button.
  const approve = () => {
    const button = one("#approve");
    if (!button) return;
    button.focus({ focusVisible: true });
    reveal(one("#approve-hint"));
  };

  const keys = {
    "?": () => one("#keys")?.showModal(),
    "/": () => { one("#filter")?.focus(); one("#filter")?.select?.(); },
    a: approve,
    d: dismiss,
    g: () => { going = Date.now(); },
  };

  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || event.isComposing) return;
    if (event.key === "Escape") {
      const box = one("#dismiss[open]");
      if (box) { box.open = false; box.querySelector("summary").focus(); }
      return;
    }
    if (event.target.closest("input, textarea, select, dialog[open]")) return;
    if (Date.now() - going < 1200 && places[event.key]) {
      event.preventDefault();
      going = 0;
      location.assign(places[event.key]);
      return;
    }
    going = 0;
    const act = keys[event.key];
    if (act) { event.preventDefault(); act(); }
  });

  // Only what works is shown.
  reveal(one("#keys-open"));
  one("#keys-open")?.addEventListener("click", keys["?"]);
  one("#keys")?.addEventListener("click", (event) => { if (event.target.id === "keys") event.target.close(); });
  for (const button of document.querySelectorAll("[data-nojs]")) button.hidden = true;
  document.addEventListener("change", (event) => {
    if (event.target.matches("[data-submit]")) event.target.form.submit();
  });

  // What is folded out stands in the address: a reload, a refresh or a pasted link shows the same.
  document.addEventListener("toggle", (event) => {
    if (!event.target.matches("details.fold")) return;
    const address = new URL(location.href);
    const open = new Set((address.searchParams.get("open") || "").split(",").filter(Boolean));
    open[event.target.open ? "add" : "delete"](event.target.id);
    if (open.size) address.searchParams.set("open", [...open].join(","));
    else address.searchParams.delete("open");
    if (address.href !== location.href) history.replaceState(null, "", address);
  }, true);

  // Refreshes are quiet: none while nobody looks or while text is being selected, no swap when nothing changed.
  const busy = (target) => {
    const selection = getSelection();
    return selection && !selection.isCollapsed && target.contains(selection.anchorNode);
  };
  const last = new Map();

  document.addEventListener("htmx:beforeRequest", (event) => {
    const polling = event.detail.elt.id === "live";
    if (polling && (document.hidden || busy(event.detail.elt))) event.preventDefault();
  });

  document.addEventListener("htmx:beforeSwap", (event) => {
    const { target, xhr } = event.detail;
    if (target.id !== "live") return;
    const main = xhr.responseText.split('<nav id="nav"', 1)[0];
    if (last.get(location.pathname) === main) event.detail.swapOverride = "none";
    last.set(location.pathname, main);
    const scrolled = [...target.querySelectorAll(".scroll")].map((box) => [box.scrollLeft, box.scrollTop]);
    const restore = () => [...document.querySelectorAll("#live .scroll")].forEach((box, i) => {
      if (scrolled[i]) [box.scrollLeft, box.scrollTop] = scrolled[i];
    });
    document.addEventListener("htmx:afterSwap", restore, { once: true });
  });

  document.addEventListener("htmx:oobBeforeSwap", (event) => {
    const target = event.detail.target;
    if (target && (target.contains(document.activeElement) || target.querySelector("details[open]"))) {
      event.detail.shouldSwap = false;
    }
  });

  // When the service does not answer, the page says so instead of looking fresh.
  const lost = () => {
    const status = one("#status");
    if (!status || status.classList.contains("lost")) return;
    status.classList.add("lost");
    status.textContent = `no contact since ${new Date().toISOString().slice(11, 19)}`;
    one("main").classList.add("stale");
  };
  document.addEventListener("htmx:sendError", lost);
  document.addEventListener("htmx:timeout", lost);
  document.addEventListener("htmx:responseError", lost);
  document.addEventListener("htmx:afterRequest", (event) => {
    if (event.detail.successful && one("main").classList.contains("stale")) {
      one("main").classList.toggle("stale", Boolean(one("#bars [data-stale]")));
    }
  });
})();
