// The views: each is {element, refresh()}, made once and filled again whenever there is something new.
"use strict";

const column = (key, name, more) => ({key, name: name || key, ...more});
const numeric = (key, name, more) => column(key, name, {number: true, ...more});

function link(study, view, text) {
  return el("a", {href: "#/" + encodeURIComponent(study) + (view ? "/" + view : "")}, clean(text));
}

function state(row) {
  return el("span", {class: "state " + row.state}, clean(row.state));
}

function bar(done, all, what) {
  return el("progress", {value: done || 0, max: all || 1, "aria-label": what});
}

// ---- the studies ----
function viewStudies() {
  const table = new Table("studies", [
    column("study", "study", {show: (r) => link(r.study, "progress", r.study)}),
    column("title"), numeric("trials"), column("ended", "", {name: "progress", show: (r) => bar(r.ended, r.trials, r.ended + " of " + r.trials + " trials")}),
    numeric("done"), numeric("diverged"), numeric("failed"), numeric("running"), numeric("waiting"), numeric("outdated"),
    numeric("claims"), numeric("reproduced"), numeric("refuted"), numeric("others", "others", {title: "one-offs and trials of earlier specifications", hidden: true}),
  ], {filter: true, choose: true, rowKey: "study"});
  return {
    element: el("div", {}, el("h1", {}, "Studies"), table.element),
    async refresh() {
      const {studies} = await source.get("studies");
      for (const s of studies) s.ended = s.done + s.diverged + s.failed + s.outdated;
      table.update(studies);
    },
  };
}

// ---- progress ----
function facts(pairs) {
  return el("dl", {class: "facts"}, pairs.filter(([, value]) => value !== null && value !== undefined && value !== "")
    .map(([name, value, key]) => el("div", {}, el("dt", {}, name), el("dd", {"data-key": key}, value instanceof Node ? value : clean(value)))));
}

function viewProgress(study) {
  const about = el("div"), pace = el("div"), words = el("div");
  const running = new Table("trials that run now", [
    column("variant"), column("cell"), numeric("seed"), numeric("step"), numeric("budget"),
    column("part", "progress", {show: (r) => bar(r.step, r.budget, r.step + " of " + r.budget + " steps")}),
    numeric("age", "last heard of", {show: (r) => duration(r.age) + (source.live ? " ago" : "")}),
  ], {rowKey: "trial_id"});
  const variants = new Table("variants", [
    column("variant"), numeric("cells"), numeric("seeds"), numeric("done"), numeric("diverged"), numeric("failed"), numeric("running"),
    numeric("waiting"), numeric("outdated"),
  ], {rowKey: "variant"});
  const figure = new Figure("the figures of " + study);
  const runs = el("div", {}, el("h2", {}, "Running now"), running.element);
  return {
    element: el("div", {}, about, pace, runs, el("h2", {}, "Variants"), variants.element, words, el("h2", {}, "Figures"), figure.element),
    async refresh() {
      const data = await source.get("progress", {study}), s = data.study[0], p = data.pace[0], now = Date.now();
      about.replaceChildren(el("h1", {}, clean(s.title || s.name)), facts([["study", s.name], ["paper", [s.paper, s.locator].filter(Boolean).join(", ")],
        ["file", s.path], ["profile", s.profile], ["specification", s.spec], ["commit", s.git_commit]]));
      pace.replaceChildren(bar(p.steps_done, p.steps, "steps that are done"), facts([
        ["trials that ended", p.ended + " of " + p.trials, "ended"], ["steps", number(p.steps_done) + " of " + number(p.steps), "steps"],
        ["running", p.running || null, "running"], ["steps per second", p.steps_per_s ? Number(p.steps_per_s.toPrecision(3)) : null, "pace"],
        ["time left", p.eta_s === null ? null : "about " + duration(p.eta_s), "eta"]]));
      for (const r of data.running) r.age = Math.max(0, (source.live ? now - r.heartbeat_ms : 0) / 1000);
      runs.hidden = !data.running.length;
      running.update(data.running);
      variants.update(data.variants);
      const said = [...data.tags.map((t) => ["tag", t.tag, t]), ...data.notes.map((n) => ["note", n.note, n])];
      words.replaceChildren(...(said.length ? [el("h2", {}, "Tags and notes"), el("ul", {}, said.map(([kind, text, of]) =>
        el("li", {}, el("b", {}, kind + (of.variant ? " of " + clean([of.variant, of.cell, of.seed].filter((x) => x !== "" && x !== null).join(" ")) : "") + ": "), clean(text))))] : []));
      figure.update(await source.get("figure", {study, size: columnSize(figure.element)}));
    },
  };
}

// ---- trials ----
const ALWAYS = ["key", "variant", "seed", "state", "step"];

function trialColumns(data, open) {
  const params = [...new Set(data.params.map((p) => p.param))], short = shortKeys(params);
  const metrics = [...new Set(data.values.map((v) => v.metric))];
  const main = metrics.filter((m) => /^(test|valid)_/.test(m) || m === "train_loss");
  return [
    column("key", "key", {show: (r) => source.live ? el("button", {type: "button", class: "link", onclick: () => open(r)}, clean(r.key)) : clean(r.key)}),
    column("variant"), ...params.map((p) => column("param " + p, short[p], {title: p, number: data.params.every((q) => q.param !== p || typeof q.value === "number")})), numeric("seed"),
    column("state", "state", {show: state}), numeric("step"), numeric("budget", "budget", {hidden: true}),
    ...metrics.map((m) => numeric("last " + m, m, {title: "last value of " + m, hidden: !(main.length ? main : metrics.slice(0, 4)).includes(m)})),
    ...metrics.map((m) => numeric("best " + m, "best " + m, {hidden: true})),
    numeric("wall_s", "seconds", {title: "time of all attempts", hidden: !data.trials.some((t) => t.wall_s !== null)}), column("cell", "cell", {hidden: true}), column("reason", "reason", {hidden: !data.trials.some((t) => t.reason)}),
  ];
}

function viewTrials(study) {
  const dialog = el("dialog", {"aria-label": "one trial"});
  const open = async (row) => {
    const data = await source.get("trial", {trial: row.trial_id});
    dialog.replaceChildren(el("form", {method: "dialog"}, el("button", {}, "Close")), ...Object.entries(data).filter(([, rows]) => rows.length).flatMap(([name, rows]) => {
      const table = new Table(name, Object.keys(rows[0]).map((k) => column(k, k, {number: typeof rows[0][k] === "number"})));
      table.update(rows);
      return [el("h2", {}, clean(name.replace("_", " "))), table.element];
    }));
    dialog.showModal();
  };
  const table = new Table("trials", ALWAYS.map((k) => column(k)), {filter: true, choose: true, rowKey: "trial_id"});
  const note = el("p");
  return {
    element: el("div", {}, el("h1", {}, "Trials of " + clean(study)), el("p", {}, "Of the keys, those that are not the same for all trials."), note, table.element, dialog),
    async refresh() {
      const data = await source.get("trials", {study}), by = new Map();
      for (const t of data.trials) by.set(t.trial_id, t);
      for (const p of data.params) if (by.has(p.trial_id)) by.get(p.trial_id)["param " + p.param] = p.value;
      for (const v of data.values) {
        if (!by.has(v.trial_id)) continue;
        by.get(v.trial_id)["last " + v.metric] = v.last;
        by.get(v.trial_id)["best " + v.metric] = v.best;
      }
      const {trials, most} = data.count[0];
      note.textContent = trials > most ? "The first " + most + " of " + trials + " trials." : "";
      table.setColumns(trialColumns(data, open));
      table.update(data.trials);
    },
  };
}

// ---- figures with controls ----
// Millimetres, where the column of the page is narrower than a figure is by itself; "": its own size.
function columnSize(element) {
  const wide = element.clientWidth || document.getElementById("main").clientWidth;
  return source.live && wide && wide < 640 ? String(Math.max(60, Math.floor(wide * 25.4 / 96))) : "";
}

// controls(data, args, set): elements of the data of view `choices`; what(args): the arguments of the figure.
function viewFigure(study, args, keep, title, controls, what) {
  const bar = el("div", {class: "controls"}), figure = new Figure(title + " of " + study);
  let drawn = "";
  const view = {
    element: el("div", {}, el("h1", {}, title + " of " + clean(study)), bar, figure.element),
    async refresh() {
      const data = await source.get("choices", {study}), now = JSON.stringify(data);
      if (now !== drawn) bar.replaceChildren(...controls(data, args, set).filter(Boolean)); // else a control would lose its focus
      drawn = now;
      const wanted = what(args);
      figure.update(wanted.none ? wanted : await source.get("figure", {study, ...wanted, size: columnSize(figure.element)}));
    },
  };
  const set = (key) => (value) => {
    args[key] = value === true ? "1" : value === false ? "" : value;
    keep(args);
    page.refresh();
  };
  return view;
}

const BANDS = [["", "standard deviation"], ["ci95", "95 % interval"], ["quartiles", "quartiles"], ["minmax", "smallest to largest"], ["none", "none"]];
const ALONG = [["", "iteration"], ["epoch", "epoch"], ["samples", "samples"], ["seconds", "seconds"], ["flops", "operations"]];

function viewCurves(study, args, keep) {
  return viewFigure(study, args, keep, "Curves", (data, a, set) => [
    choice("Metric", [["", "accuracy and loss"], ...data.metrics.map((m) => [m.metric, m.metric])], a.metric || "", set("metric")),
    ...(source.live ? [
      choice("Variant", [["", "all"], ...data.variants.map((v) => [v.variant, v.variant])], a.variant || "", set("variant")),
      data.swept.length ? entry("Cells with", a.cell || "", set("cell")) : null,
      choice("Band", BANDS, a.band || "", set("band")), choice("Along", ALONG, a.x || "", set("x")),
      choice("Mean over", [["", "each value"], ["5", "5 values"], ["20", "20 values"], ["100", "100 values"]], a.rolling || "", set("rolling")),
      toggle("logarithmic", Boolean(a.log), set("log")), toggle("logarithmic across", Boolean(a.log_x), set("log_x"))] : []),
  ], (a) => ({kind: "curves", metric: a.metric, variant: a.variant, cell: a.cell, x: a.x, band: a.band, log: a.log, log_x: a.log_x, rolling: a.rolling}));
}

function viewHeatmap(study, args, keep) {
  return viewFigure(study, args, keep, "Heatmap", (data, a, set) => {
    const keys = data.swept.filter((s) => s.smallest !== null).map((s) => s.key), short = shortKeys(keys);
    const axes = [["", "by itself"], ...keys.map((k) => [k, short[k]])];
    return [choice("Colour", [["", "1 / area under the train loss"], ...(source.live || keys.length > 1 ? data.metrics : []).map((m) => [m.metric, "last " + m.metric])], a.metric || "", set("metric")),
      ...(source.live && keys.length > 2 ? [choice("Across", axes, a.x || "", set("x")), choice("Up", axes, a.y || "", set("y"))] : []),
      source.live ? toggle("logarithmic colours", Boolean(a.log), set("log")) : null];
  }, (a) => ({kind: "heatmap", metric: a.metric, ...(a.x && a.y ? {x: a.x, y: a.y} : {}), log: a.log}));
}

function viewLayers(study, args, keep) {
  let metrics = [];
  return viewFigure(study, args, keep, "Layer metrics", (data, a, set) => {
    metrics = data.layer_metrics.map((m) => m.metric);
    if (!metrics.length) return [];
    const last = data.layer_metrics.find((m) => m.metric === a.metric)?.last_layer ?? data.layer_metrics[0].last_layer ?? 0;
    const layers = Array.from({length: last + 1}, (_, i) => [String(i), "layer " + i]);
    return [choice("Metric", metrics.map((m) => [m, m]), a.metric || metrics[0], set("metric")),
      choice("Show", [["", "all layers at the last step"], ["all", "each layer against the iteration"], ...(source.live ? layers : [])], a.layer || "", set("layer"))];
  }, (a) => !metrics.length ? {none: "no layer metric has been logged (log.metrics)"}
    : a.layer ? {kind: "curves", metric: a.metric || metrics[0], layer: a.layer === "all" ? "" : a.layer} : {kind: "layers", metric: a.metric || metrics[0]});
}

// ---- claims ----
function viewClaims(study) {
  const table = new Table("claims", [
    column("id", "claim"), column("verdict", "verdict", {show: (r) => el("span", {class: "verdict " + r.verdict.replace(" ", "_")}, clean(r.verdict))}),
    column("text", "what"), numeric("reported"), numeric("measured"), numeric("n", "seeds"), numeric("sd"),
    numeric("interval_low", "95 % interval", {show: (r) => r.interval_low === null || r.interval_high === null ? "" : number(r.interval_low) + " to " + number(r.interval_high)}),
    column("expected"), column("note"),
  ], {filter: true, choose: true, rowKey: "id"});
  const none = el("p", {}, "The experiment file makes no claims.");
  return {
    element: el("div", {}, el("h1", {}, "Claims of " + clean(study)), el("p", {}, "As they were measured last, by a run or by ", el("code", {}, "tprun claims"), "."), none, table.element),
    async refresh() {
      const {claims} = await source.get("claims", {study});
      none.hidden = claims.length > 0;
      table.element.hidden = claims.length === 0;
      table.update(claims);
    },
  };
}

// ---- costs ----
function viewCosts(study) {
  const share = (r) => r.wall_ms ? Number((100 * r.evaluation_wall_ms / r.wall_ms).toPrecision(3)) : null;
  const costs = new Table("costs by variant", [
    column("variant"), numeric("trials"), numeric("iterations"), numeric("ms", "ms per iteration"), numeric("cpu_ms", "processor ms per iteration"),
    numeric("share", "% evaluation"), numeric("seconds", "seconds in all"),
  ], {rowKey: "variant"});
  const phases = new Table("costs by phase", [column("variant"), column("phase"), numeric("wall_s", "seconds"), numeric("cpu_s", "processor seconds"), numeric("flops", "operations")]);
  const tuning = new Table("costs of tuning", [column("variant"), column("cell"), numeric("n_cells", "cells"), numeric("n_trials", "trials"), numeric("steps"),
    numeric("wall_s", "seconds"), numeric("cpu_s", "processor seconds")]);
  const machines = new Table("machines", [column("host", "machine"), column("code", "program"), column("kernel")]);
  const tuned = el("div", {}, el("h2", {}, "Tuning"), tuning.element);
  return {
    element: el("div", {}, el("h1", {}, "Costs of " + clean(study)), costs.element, el("h2", {}, "Phases"), phases.element, tuned, el("h2", {}, "Machines"), machines.element),
    async refresh() {
      const data = await source.get("costs", {study});
      for (const r of data.costs) {
        r.ms = r.iterations ? r.train_wall_ms / r.iterations : null;
        r.cpu_ms = r.iterations ? r.train_cpu_ms / r.iterations : null;
        r.share = share(r);
        r.seconds = r.wall_ms / 1000;
      }
      costs.update(data.costs);
      phases.update(data.phases);
      tuned.hidden = !data.tuning.length;
      tuning.update(data.tuning);
      machines.update(data.machines);
    },
  };
}

const VIEWS = {progress: ["Progress", viewProgress], trials: ["Trials", viewTrials], curves: ["Curves", viewCurves], heatmap: ["Heatmap", viewHeatmap],
  layers: ["Layers", viewLayers], claims: ["Claims", viewClaims], costs: ["Costs", viewCosts]};
