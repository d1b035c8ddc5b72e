"use strict";
// Search over the index of this page; filters of long lists; a feature that is linked to opens.
(() => {
  const MOST = 100;
  const words = (text) => text.toLowerCase().split(/[\s._]+/).filter(Boolean);
  const box = document.getElementById("q");
  const data = document.getElementById("all");

  if (box && data) {
    const all = JSON.parse(data.textContent).map(([name, kind, text, page, more]) => ({
      name, kind, text, page, key: name.toLowerCase(), rest: `${kind} ${text} ${more}`.toLowerCase(),
    }));
    const list = document.getElementById("found");
    const told = document.getElementById("told");
    // What is found in a name comes before what is found in a text.
    const rank = (one, asked) => {
      let sum = 0;
      for (const word of asked) {
        const at = one.key.indexOf(word);
        if (at >= 0) sum += at === 0 || "._".includes(one.key[at - 1]) ? 3 : 2;
        else if (one.rest.includes(word)) sum += 1;
        else return 0;
      }
      return sum + (one.kind === "feature" ? 0 : 0.5);
    };
    const show = () => {
      const asked = words(box.value);
      list.replaceChildren();
      if (!asked.length) { told.textContent = ""; return; }
      const found = all.map((one) => [rank(one, asked), one]).filter(([sum]) => sum > 0)
        .sort(([a, x], [b, y]) => b - a || (x.name < y.name ? -1 : 1));
      told.textContent = found.length > MOST ? `${found.length} found, the first ${MOST} are shown`
        : found.length ? `${found.length} found` : "Nothing has these words";
      for (const [, one] of found.slice(0, MOST)) {
        const link = document.createElement("a");
        const name = document.createElement("b");
        const kind = document.createElement("small");
        const text = document.createElement("span");
        link.href = one.page;
        name.textContent = one.name;
        kind.textContent = ` ${one.kind}`;
        text.textContent = one.text;
        link.append(name, kind, text);
        const item = document.createElement("li");
        item.append(link);
        list.append(item);
      }
    };
    box.addEventListener("input", show);
    box.form.addEventListener("submit", (event) => {
      event.preventDefault();
      list.querySelector("a")?.click();
    });
    box.form.addEventListener("keydown", (event) => {
      const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
      if (!step) return;
      const stops = [box, ...list.querySelectorAll("a")];
      const next = stops[stops.indexOf(document.activeElement) + step];
      if (next) { next.focus(); event.preventDefault(); }
    });
    box.value = new URLSearchParams(location.search).get("q") || "";
    if (box.value) show();
  }

  document.addEventListener("keydown", (event) => {
    const typing = event.target instanceof HTMLInputElement;
    if (event.key !== "/" || typing || event.ctrlKey || event.metaKey || event.altKey) return;
    document.querySelector("input[name=q]")?.focus();
    event.preventDefault();
  });

  for (const filter of document.querySelectorAll("[data-filters]")) {
    const list = document.getElementById(filter.dataset.filters);
    const none = document.getElementById(`${list.id}-none`);
    filter.addEventListener("input", () => {
      const asked = words(filter.value);
      let any = false;
      for (const row of list.children) {
        const text = row.dataset.text.toLowerCase();
        row.hidden = !asked.every((word) => text.includes(word));
        any ||= !row.hidden;
      }
      none.hidden = any;
    });
  }

  for (const button of document.querySelectorAll("[data-opens]")) {
    button.addEventListener("click", () => {
      const open = button.getAttribute("aria-pressed") !== "true";
      for (const row of document.getElementById(button.dataset.opens).children) row.open = open;
      button.setAttribute("aria-pressed", String(open));
      button.textContent = open ? "Close all" : "Open all";
    });
  }

  const reveal = () => {
    const target = document.getElementById(decodeURIComponent(location.hash.slice(1)));
    if (target instanceof HTMLDetailsElement) target.open = true;
    if (target) target.scrollIntoView();
  };
  window.addEventListener("hashchange", reveal);
  if (location.hash) reveal();
})();
