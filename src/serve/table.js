// A table that is sorted by its headings and filtered by words; new rows keep both, and the focus.
"use strict";

const MOST_ROWS = 400; // that are shown at once; "more" shows as many again

// name: for those who cannot see it. columns: [{key, name, number, show, hidden}]: show(row) gives an element or a text in place of
// row[key]; hidden: only when it is asked for. options: {filter, sort, choose, rowKey}.
class Table {
  constructor(name, columns, options) {
    this.options = options || {};
    this.rows = [];
    this.sorted = null; // {key, down}
    this.words = "";
    this.most = MOST_ROWS;
    this.shown = {};
    this.head = el("thead");
    this.body = el("tbody");
    this.count = el("span", {class: "count", role: "status"});
    this.more = el("button", {type: "button", hidden: true, onclick: () => this.showMore()}, "More rows");
    this.chooser = el("details", {class: "columns"}, el("summary", {}, "Columns"));
    const filter = el("input", {type: "search", size: 24, placeholder: "words, or column>number", oninput: () => this.filter(filter.value)});
    this.element = el("section", {class: "table"},
      this.options.filter ? el("div", {class: "controls"}, labelled("Filter " + name, filter), this.count, this.options.choose ? this.chooser : null) : null,
      el("div", {class: "scroll", tabindex: 0, role: "region", "aria-label": name}, el("table", {"aria-label": name}, this.head, this.body)), this.more);
    this.setColumns(columns);
  }

  setColumns(columns) {
    const same = this.columns && columns.map((c) => c.key).join("\n") === this.columns.map((c) => c.key).join("\n");
    this.columns = columns;
    if (same) return;
    for (const column of columns) if (!(column.key in this.shown)) this.shown[column.key] = !column.hidden;
    this.drawHead();
    this.chooser.replaceChildren(this.chooser.firstChild, el("div", {class: "choices"},
      columns.map((c) => toggle(clean(c.name), this.shown[c.key], (on) => {
        this.shown[c.key] = on;
        this.drawHead();
        this.draw();
      }))));
  }

  visible() {
    return this.columns.filter((c) => this.shown[c.key]);
  }

  drawHead() {
    this.head.replaceChildren(el("tr", {}, this.visible().map((c) => {
      const sort = this.sorted && this.sorted.key === c.key ? (this.sorted.down ? "descending" : "ascending") : null;
      return el("th", {scope: "col", class: c.number ? "n" : null, "aria-sort": sort, title: c.title},
        el("button", {type: "button", onclick: () => this.sort(c.key)}, clean(c.name), el("span", {class: "arrow", "aria-hidden": "true"}, sort ? (this.sorted.down ? " \u25be" : " \u25b4") : "")));
    })));
  }

  sort(key) {
    this.sorted = this.sorted && this.sorted.key === key ? (this.sorted.down ? null : {key, down: true}) : {key, down: false};
    const index = this.visible().findIndex((c) => c.key === key);
    this.drawHead();
    this.head.querySelectorAll("button")[index].focus();
    this.draw();
  }

  filter(words) {
    this.words = words;
    this.most = MOST_ROWS;
    this.draw();
  }

  showMore() {
    this.most += MOST_ROWS;
    this.draw();
  }

  // Every word is in some column, or is a comparison: "seed=2", "stepsize<0.1".
  matches(row, tests) {
    return tests.every((test) => test(row));
  }

  tests() {
    return this.words.split(/\s+/).filter(Boolean).map((word) => {
      const comparison = /^(.+?)(<=|>=|<|>|=)(.+)$/.exec(word), lower = word.toLowerCase();
      const column = comparison && this.columns.find((c) => c.name.toLowerCase() === comparison[1].toLowerCase());
      if (!column) return (row) => this.visible().some((c) => String(row[c.key] ?? "").toLowerCase().includes(lower));
      const [, , sign, right] = comparison, value = Number(right);
      return (row) => {
        const left = row[column.key];
        if (left === null || left === undefined) return false;
        if (sign === "=") return String(left).toLowerCase() === right.toLowerCase() || (right !== "" && Number(left) === value);
        return sign === "<" ? left < value : sign === ">" ? left > value : sign === "<=" ? left <= value : left >= value;
      };
    });
  }

  arranged() {
    const tests = this.tests();
    const rows = this.rows.filter((row) => this.matches(row, tests));
    if (!this.sorted) return rows;
    const {key, down} = this.sorted, sign = down ? -1 : 1;
    const none = (x) => x === null || x === undefined;
    return rows.sort((a, b) => {
      const x = a[key], y = b[key];
      if (none(x) || none(y)) return none(x) - none(y); // what is missing is last, either way
      if (typeof x === "number" && typeof y === "number") return sign * (x - y);
      return sign * String(x).localeCompare(String(y), "en", {numeric: true});
    });
  }

  update(rows) {
    this.rows = rows;
    this.draw();
  }

  cell(column, row) {
    const value = row[column.key], none = value === null || value === undefined;
    const shown = column.show ? column.show(row) : number(value);
    return el("td", {class: column.number ? "n" : null, "data-key": column.key, "data-value": none ? null : value}, shown);
  }

  draw() {
    const rows = this.arranged(), columns = this.visible(), key = this.options.rowKey;
    const focused = this.body.contains(document.activeElement) ? document.activeElement.closest("tr").dataset.row : null;
    this.body.replaceChildren(...rows.slice(0, this.most).map((row) =>
      el("tr", {"data-row": key ? row[key] : null}, columns.map((column) => this.cell(column, row)))));
    this.more.hidden = rows.length <= this.most;
    this.count.textContent = rows.length === this.rows.length ? rows.length + " rows" : rows.length + " of " + this.rows.length + " rows";
    if (focused === null || focused === undefined) return;
    for (const line of this.body.rows) if (line.dataset.row === focused) line.querySelector("button, a")?.focus();
  }
}
