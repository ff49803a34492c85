"use strict";
// A click on a heading sorts by its column; numbers by value, what is empty last.
const heads = [...document.querySelectorAll("th")];
const body = document.querySelector("tbody");
const order = new Intl.Collator(undefined, { numeric: true }).compare;
for (const [column, head] of heads.entries()) {
  head.querySelector("button").addEventListener("click", () => {
    const sign = head.getAttribute("aria-sort") === "ascending" ? -1 : 1;
    for (const other of heads) other.removeAttribute("aria-sort");
    head.setAttribute("aria-sort", sign > 0 ? "ascending" : "descending");
    const isNumber = head.classList.contains("number");
    const rows = [...body.rows].map((row) => ({ row, text: row.cells[column].textContent }));
    rows.sort((a, b) => {
      if (!a.text || !b.text) return (a.text ? 0 : 1) - (b.text ? 0 : 1);
      return sign * (isNumber ? a.text - b.text : order(a.text, b.text));
    });
    body.append(...rows.map(({ row }) => row));
  });
}
