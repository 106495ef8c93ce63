"use strict";
// A click on a heading sorts the rows of each group: best or lowest first, then the other way, then as they were.
(() => {
  const table = document.querySelector("table");
  const headings = [...table.querySelectorAll("thead th[aria-sort]")];
  const header = headings.filter((th) => th.classList.contains("header"));
  const columns = [...header, ...headings.filter((th) => !th.classList.contains("header"))];
  const groups = [...table.tBodies].map((body) => ({
    body,
    rows: [...body.rows].filter((row) => !row.classList.contains("group")),
  }));
  const collator = new Intl.Collator("en", { numeric: true, sensitivity: "base" });

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

  columns.forEach((th, column) => {
    const button = th.querySelector("button");
    const lead = button.dataset.lead ?? "ascending";
    const order = [lead, lead === "ascending" ? "descending" : "ascending", "none"];
    button.addEventListener("click", () => {
      const now = order.indexOf(th.getAttribute("aria-sort"));
      sort(column, order[(now + 1) % order.length]);
    });
  });
})();
