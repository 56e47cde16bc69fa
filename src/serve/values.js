// Values as people read them, and elements of the page. Texts come from files of others: they are only ever put in as text.
"use strict";

// el("td", {class: "n"}, "text", element): attributes that are null or false are left out; onNAME are listeners.
function el(name, attributes, ...children) {
  const e = document.createElement(name);
  for (const [key, value] of Object.entries(attributes || {})) {
    if (value === null || value === undefined || value === false) continue;
    if (key.startsWith("on")) e.addEventListener(key.slice(2), value);
    else e.setAttribute(key, value === true ? "" : String(value));
  }
  e.append(...children.flat().filter((child) => child !== null && child !== undefined));
  return e;
}

// What steers a reader instead of being read is shown as a question mark: the table of src/base/clean.h.
function clean(text) {
  return String(text).replace(/[\u0000-\u001f\u007f-\u009f\u00ad\u061c\u180e\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb]/gu, "\ufffd");
}

// Six digits; the whole number is in data-value of its cell.
function number(x) {
  if (x === null || x === undefined) return "";
  if (typeof x !== "number") return clean(x);
  if (Number.isInteger(x) && Math.abs(x) < 1e9) return String(x);
  return String(Number(x.toPrecision(6)));
}

// As src/base/duration.c.
function duration(seconds) {
  if (seconds === null || seconds === undefined || !Number.isFinite(seconds)) return "";
  if (seconds > 0 && seconds < 0.0995) return Number((1e3 * seconds).toPrecision(2)) + " ms";
  if (seconds < 9.95) return Math.max(seconds, 0).toFixed(1) + " s";
  const s = Math.floor(seconds + 0.5);
  const pair = (large, a, small, b) => Math.floor(s / large) + " " + a + (s % large < small ? "" : " " + Math.floor(s % large / small) + " " + b);
  if (s < 100) return s + " s";
  if (s < 3600) return pair(60, "min", 1, "s");
  if (s < 86400) return pair(3600, "h", 60, "min");
  return pair(86400, "d", 3600, "h");
}

// Of dotted keys the names at their ends that tell them apart: stepsize, rnn.units.
function shortKeys(keys) {
  const short = {};
  for (const key of keys) {
    const parts = key.split(".");
    let n = 1;
    const end = (k, m) => k.split(".").slice(-m).join(".");
    while (n < parts.length && keys.some((other) => other !== key && end(other, n) === end(key, n))) n++;
    short[key] = end(key, n);
  }
  return short;
}

// A labelled control: what it is stands in front of it.
function labelled(text, control) {
  return el("label", {class: "control"}, el("span", {}, text), control);
}

function choice(text, options, value, change) {
  const select = el("select", {onchange: () => change(select.value)},
    options.map(([key, name]) => el("option", {value: key, selected: key === value}, clean(name))));
  return labelled(text, select);
}

function toggle(text, value, change) {
  const box = el("input", {type: "checkbox", checked: value, onchange: () => change(box.checked)});
  return el("label", {class: "control toggle"}, box, el("span", {}, text));
}

function entry(text, value, change) {
  const input = el("input", {type: "text", value, size: 14, onchange: () => change(input.value.trim())});
  return labelled(text, input);
}
