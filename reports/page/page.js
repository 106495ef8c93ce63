"use strict";
// A click on a heading sorts the rows of each group: best or lowest first, then the other way, then as they were. The
// field above the table filters them. Both stand in the address (#sort=-top1&filter=ela), so that they survive a reload.
(() => {
  const table = document.querySelector("table");
  const headings = [...table.querySelectorAll("thead th[aria-sort]")];
  const header = headings.filter((th) => th.classList.contains("header"));
  const columns = [...header, ...headings.filter((th) => !th.classList.contains("header"))];
  const groups = [...table.tBodies].map((body) => ({
    body,
    title: body.querySelector(".group"),
    rows: [...body.rows].filter((row) => !row.classList.contains("group")),
  }));
  const all = groups.flatMap((group) => group.rows);
  const tools = document.querySelector(".tools");
  const input = tools.querySelector("input");
  const count = tools.querySelector("output");
  const collator = new Intl.Collator("en", { numeric: true, sensitivity: "base" });

  // ------------------------------------------------------------------------------------------------------- the address
  const read = () => {
    const words = location.hash.slice(1);
    if (words.includes("=")) return Object.fromEntries(new URLSearchParams(words));
    try {
      return words ? { at: decodeURIComponent(words) } : {};
    } catch {
      return {}; // not from this page: a lone % is no text
    }
  };

  const address = ({ sort, filter, at }) => {
    const parts = Object.entries({ sort, filter, at }).filter(([, value]) => value);
    if (!parts.length) return location.href.split("#")[0];
    return "#" + (sort || filter ? new URLSearchParams(parts) : encodeURIComponent(at));
  };

  const change = (values) => history.replaceState(history.state, "", address({ ...read(), ...values }));

  // ----------------------------------------------------------------------------------------------------------- sorting
  // Numbers before words; what is missing comes last in both directions.
  const compare = (a, b, sign) => {
    if (a === "" || b === "") return (a === "") - (b === "");
    const [x, y] = [Number(a), Number(b)];
    if (Number.isNaN(x) || Number.isNaN(y)) {
      return Number.isNaN(x) && Number.isNaN(y) ? sign * collator.compare(a, b) : Number.isNaN(x) - Number.isNaN(y);
    }
    return sign * (x - y);
  };

  const sort = (column, direction) => {
    columns.forEach((th, place) => th.setAttribute("aria-sort", place === column ? direction : "none"));
    const sign = direction === "descending" ? -1 : 1;
    for (const { body, rows } of groups) {
      const sorted = direction === "none" ? rows : [...rows].sort((a, b) =>
        compare(a.cells[column].dataset.order, b.cells[column].dataset.order, sign));
      body.append(...sorted);
    }
  };

  const sortBy = (words = "") => {
    const key = words.replace(/^-/, "");
    const column = columns.findIndex((th) => th.dataset.key === key);
    sort(column, column < 0 ? "none" : words === key ? "ascending" : "descending");
  };

  columns.forEach((th, column) => {
    const button = th.querySelector("button");
    const lead = button.dataset.lead ?? "ascending";
    const order = [lead, lead === "ascending" ? "descending" : "ascending", "none"];
    button.addEventListener("click", () => {
      const now = order.indexOf(th.getAttribute("aria-sort"));
      const next = order[(now + 1) % order.length];
      sort(column, next);
      change({ sort: next === "none" ? "" : (next === "descending" ? "-" : "") + th.dataset.key });
    });
  });

  // --------------------------------------------------------------------------------------------------------- filtering
  const plain = (text) => text.replaceAll("\u2212", "-").replace(/\s+/g, " ").toLowerCase();
  const texts = new Map(groups.flatMap(({ title, rows }) =>
    rows.map((row) => [row, plain(`${title?.textContent ?? ""} ${row.textContent} ${row.dataset.runs}`)])));
  const runs = [...document.querySelectorAll("details")];
  const sets = [...document.querySelectorAll(".sets li")];

  // Rows that contain every word, with their groups and runs.
  const filter = (words) => {
    const wanted = plain(words).split(" ").filter(Boolean);
    const shown = new Set();
    for (const { title, rows } of groups) {
      for (const row of rows) {
        row.hidden = !wanted.every((word) => texts.get(row).includes(word));
        if (!row.hidden) row.dataset.runs.split(" ").forEach((run) => shown.add(run));
      }
      if (title) title.hidden = rows.every((row) => row.hidden);
    }
    for (const part of [...runs, ...sets]) {
      part.hidden = wanted.length > 0 && !part.dataset.runs.split(" ").every((run) => shown.has(run));
    }
    const left = all.filter((row) => !row.hidden).length;
    count.textContent = wanted.length ? `${left} of ${all.length} rows` : "";
  };

  let typed = 0;
  input.addEventListener("input", () => {
    typed = Date.now();
    filter(input.value);
    change({ filter: input.value.trim() });
  });

  // ---------------------------------------------------------------------------------------------------- runs and notes
  const show = (at) => {
    document.querySelector(".at")?.classList.remove("at");
    const target = at && document.getElementById(at);
    if (!target) return null;
    target.classList.add("at");
    if (target.matches("details")) target.open = true;
    return target;
  };

  document.addEventListener("click", (event) => {
    const link = event.target.closest?.('a[href^="#"]');
    if (!link || event.ctrlKey || event.metaKey || event.shiftKey) return;
    event.preventDefault();
    const at = decodeURIComponent(link.getAttribute("href").slice(1));
    history.pushState(null, "", address({ ...read(), at }));
    show(at)?.scrollIntoView();
  });

  const apply = () => {
    const now = read();
    sortBy(now.sort);
    input.value = now.filter ?? "";
    filter(input.value);
    return show(now.at);
  };
  addEventListener("popstate", apply);

  // ------------------------------------------------------------------------------------------------------------- start
  tools.hidden = false;
  const target = apply();
  const kept = history.state;
  const scroll = document.querySelector(".scroll");
  const landmarks = [scroll, ...document.querySelectorAll(".plots"), ...runs];
  const nameOf = (landmark) => landmark.id || landmark.className;
  const topOf = (landmark) => landmark.getBoundingClientRect().top;
  if (kept?.reloaded) {
    for (const id of kept.open) {
      const run = document.getElementById(id);
      if (run) run.open = true;
    }
    if (kept.cursor) {
      input.focus({ preventScroll: true });
      input.setSelectionRange(...kept.cursor);
    }
    scroll.scrollLeft = kept.left;
    scrollTo(kept.x, kept.y);
    const seen = landmarks.find((one) => nameOf(one) === kept.seen);
    if (seen && kept.y) scrollBy(0, topOf(seen) - kept.top); // what is above it may be longer or shorter now
    history.replaceState(null, "");
    addEventListener("load", () => setTimeout(() => { history.scrollRestoration = "auto"; })); // not before: it would scroll too
  } else {
    target?.scrollIntoView();
  }

  // While runs go on the file is written again and again. A reload waits while the page is read elsewhere or used.
  const seconds = Number(document.body.dataset.reload);
  if (seconds) {
    setInterval(() => {
      if (document.hidden || String(getSelection()) || Date.now() - typed < 3000) return;
      const cursor = document.activeElement === input ? [input.selectionStart, input.selectionEnd] : null;
      const open = runs.filter((run) => run.open).map((run) => run.id);
      const seen = landmarks.find((one) => one.getBoundingClientRect().bottom > 0);
      const place = { x: scrollX, y: scrollY, left: scroll.scrollLeft, seen: seen && nameOf(seen), top: seen && topOf(seen) };
      history.scrollRestoration = "manual";
      history.replaceState({ reloaded: true, ...place, open, cursor }, "");
      location.reload();
    }, 1000 * seconds);
  }
})();
