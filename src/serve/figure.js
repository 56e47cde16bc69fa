// A figure: the picture that `tprun plot` draws, with the values under the pointer or the arrow keys, and zoom.
"use strict";

const SVG = "http://www.w3.org/2000/svg";

class Figure {
  // name: what it shows, for those who cannot see it.
  constructor(name) {
    this.name = name;
    this.zoom = {x: 0, y: 0, k: 1};
    this.items = []; // what can be pointed at: {x, y, series, title, text}
    this.at = -1;
    this.last = "";
    this.tip = el("div", {class: "tip", role: "status", hidden: true});
    this.host = el("div", {class: "host", tabindex: 0, role: "group",
      "aria-label": name + ". Arrow keys read its values, plus and minus zoom, 0 shows all of it.",
      onpointermove: (e) => this.point(e), onpointerleave: () => this.hide(), onpointerdown: (e) => this.grab(e),
      onkeydown: (e) => this.key(e), onblur: () => this.hide(), onwheel: (e) => this.wheel(e)});
    const button = (sign, what, act) => el("button", {type: "button", "aria-label": what + ": " + name, title: what, onclick: act}, sign);
    this.save = el("a", {class: "save", download: "figure.svg", hidden: true}, "Save SVG");
    this.tools = el("div", {class: "tools"}, button("+", "Zoom in", () => this.scale(1.5)), button("\u2212", "Zoom out", () => this.scale(1 / 1.5)),
      button("All", "Show all", () => this.scale(0)), this.save);
    this.element = el("figure", {}, this.tools, this.host, this.tip);
  }

  // answer: of the view `figure`.
  update(answer) {
    const text = answer.none ? "none " + answer.none : answer.svg;
    if (text === this.last) return;
    this.last = text;
    this.hide();
    this.tools.hidden = Boolean(answer.none);
    this.host.classList.toggle("empty", Boolean(answer.none));
    if (answer.none) {
      this.svg = null;
      this.items = [];
      this.host.replaceChildren(el("p", {class: "none"}, "No figure: " + clean(answer.none) + "."));
      return;
    }
    this.svg = document.importNode(new DOMParser().parseFromString(answer.svg, "image/svg+xml").documentElement, true);
    this.width = Number(this.svg.getAttribute("width"));
    this.height = Number(this.svg.getAttribute("height"));
    if (!source.live) this.svg.style.minWidth = Math.min(this.width, 560) + "px"; // a narrow page shows a part of it
    this.host.replaceChildren(this.svg);
    this.collect(answer.series);
    this.show();
    this.save.hidden = false;
    if (this.url) URL.revokeObjectURL(this.url);
    this.url = URL.createObjectURL(new Blob([answer.svg], {type: "image/svg+xml"}));
    this.save.href = this.url;
  }

  collect(series) {
    this.items = [];
    series.forEach((s, index) => {
      for (const [x, y, ...values] of s.points) this.items.push({x, y, series: index, name: s.name, color: s.color, columns: s.columns, values});
    });
    const whole = this.svg.querySelector(":scope > title");
    this.svg.setAttribute("aria-label", whole.textContent);
    whole.remove();
    for (const title of this.svg.querySelectorAll("g > title")) {
      const group = title.parentNode, box = group.getBBox();
      if (!series.length) this.items.push({x: box.x + box.width / 2, y: box.y + box.height / 2, series: 0, text: title.textContent, box});
      title.remove(); // the browser's own would lie over ours
    }
  }

  // ---- zoom: a smaller part of the picture in its place ----
  show() {
    if (!this.svg) return;
    const z = this.zoom, w = this.width / z.k, h = this.height / z.k;
    z.x = Math.min(Math.max(z.x, 0), this.width - w);
    z.y = Math.min(Math.max(z.y, 0), this.height - h);
    this.svg.setAttribute("viewBox", [z.x, z.y, w, h].join(" "));
    this.host.classList.toggle("zoomed", z.k > 1);
  }

  scale(by, x, y) {
    const z = this.zoom, k = by === 0 ? 1 : Math.min(Math.max(z.k * by, 1), 12);
    const cx = x ?? z.x + this.width / z.k / 2, cy = y ?? z.y + this.height / z.k / 2; // what stays where it is
    z.x = cx - (cx - z.x) * z.k / k;
    z.y = cy - (cy - z.y) * z.k / k;
    z.k = k;
    this.show();
  }

  place(event) {
    return new DOMPoint(event.clientX, event.clientY).matrixTransform(this.svg.getScreenCTM().inverse());
  }

  wheel(event) {
    if (!event.ctrlKey || !this.svg) return; // the wheel alone moves the page
    event.preventDefault();
    const p = this.place(event);
    this.scale(event.deltaY < 0 ? 1.25 : 0.8, p.x, p.y);
  }

  grab(event) {
    if (!this.svg || this.zoom.k === 1 || event.button !== 0) return;
    const from = this.place(event);
    const move = (e) => {
      const p = this.place(e);
      this.zoom.x += from.x - p.x;
      this.zoom.y += from.y - p.y;
      this.show();
    };
    const end = () => {
      this.host.removeEventListener("pointermove", move);
      this.host.removeEventListener("pointerup", end);
    };
    this.host.setPointerCapture(event.pointerId);
    this.host.addEventListener("pointermove", move);
    this.host.addEventListener("pointerup", end);
  }

  // ---- values ----
  nearest(p) {
    let best = -1, least = 40; // pixels of the picture; a line is read from above and below it
    this.items.forEach((item, i) => {
      const inside = item.box && p.x >= item.box.x && p.x <= item.box.x + item.box.width && p.y >= item.box.y && p.y <= item.box.y + item.box.height;
      const distance = inside ? 0 : item.box ? Infinity : Math.abs(item.x - p.x) + 0.25 * Math.abs(item.y - p.y);
      if (distance < least) [best, least] = [i, distance];
    });
    return best;
  }

  point(event) {
    if (!this.svg) return;
    const at = this.nearest(this.place(event));
    if (at < 0) this.hide();
    else this.read(at);
  }

  // The lines that have a point at the same place of the same panel; of a map the one cell.
  lines(item) {
    if (item.text) return [clean(item.text)];
    const [across, what] = item.columns;
    const beside = this.items.filter((other) => Math.abs(other.x - item.x) < 0.6 && other.columns[1] === what && (other === item || other.series !== item.series));
    const lines = beside.sort((a, b) => b.values[1] - a.values[1]).slice(0, 12).map((other) => {
      const [, value, low, high, n] = other.values;
      const band = low === null || high === null || low === high ? "" : " (" + number(low) + " to " + number(high) + ")";
      const line = el("span", {class: other === item ? "reading" : null}, clean(other.name) + " " + number(value) + band + (n > 1 ? ", " + n + " seeds" : ""));
      line.style.borderColor = other.color;
      return line;
    });
    return [el("b", {}, clean(across) + " " + number(item.values[0]) + ", " + clean(what)), ...lines];
  }

  read(at) {
    this.at = at;
    const item = this.items[at];
    this.tip.replaceChildren(...this.lines(item).map((line) => el("div", {}, line)));
    this.tip.hidden = false;
    if (!this.ring) this.ring = document.createElementNS(SVG, "circle");
    for (const [key, value] of Object.entries({cx: item.x, cy: item.y, r: 5 / this.zoom.k, fill: "none", stroke: "#000000", "stroke-width": 1.6 / this.zoom.k}))
      this.ring.setAttribute(key, value);
    this.svg.append(this.ring);
    const on = new DOMPoint(item.x, item.y).matrixTransform(this.svg.getScreenCTM()), box = this.element.getBoundingClientRect();
    const x = on.x - box.left, y = on.y - box.top, wide = this.tip.offsetWidth;
    this.tip.style.left = Math.max(0, x + 14 + wide > box.width ? x - wide - 14 : x + 14) + "px";
    this.tip.style.top = y + 10 + "px";
  }

  hide() {
    this.tip.hidden = true;
    this.ring?.remove();
  }

  key(event) {
    const moves = {ArrowRight: [1, 0], ArrowLeft: [-1, 0], ArrowDown: [0, 1], ArrowUp: [0, -1]};
    if (!this.svg || event.ctrlKey || event.altKey || event.metaKey) return;
    if (event.key === "+" || event.key === "=") this.scale(1.5);
    else if (event.key === "-") this.scale(1 / 1.5);
    else if (event.key === "0") this.scale(0);
    else if (event.key === "Escape") this.hide();
    else if (moves[event.key] && this.items.length) this.step(...moves[event.key]);
    else if (event.key === "Home" && this.items.length) this.end(-1);
    else if (event.key === "End" && this.items.length) this.end(1);
    else return;
    event.preventDefault();
  }

  // To the first or the last point of the line.
  end(by) {
    let at = Math.max(this.at, 0);
    while (this.items[at + by] && this.items[at + by].series === this.items[at].series) at += by;
    this.read(at);
  }

  // To the next point of the line, or to the next line; among cells to the next one in that direction.
  step(dx, dy) {
    const from = this.items[this.at];
    if (!from) return this.read(0);
    if (!from.text && dx) {
      const to = this.items[this.at + dx];
      return to && to.series === from.series ? this.read(this.at + dx) : undefined;
    }
    let best = -1, least = Infinity;
    this.items.forEach((item, i) => {
      const [x, y] = [item.x - from.x, item.y - from.y];
      const ahead = from.text ? dx * x + dy * y : dy * (item.series - from.series);
      const aside = from.text ? Math.abs(dx * y) + Math.abs(dy * x) : 1e-4 * Math.abs(x);
      if (ahead > (from.text ? 1 : 0) && ahead + 3 * aside < least) [best, least] = [i, ahead + 3 * aside];
    });
    if (best >= 0) this.read(best);
  }
}
