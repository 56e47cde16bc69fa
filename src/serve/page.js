// Which view is shown (#/STUDY/VIEW?arguments), and that it follows the database.
"use strict";

const page = {
  main: document.getElementById("main"),
  view: null,
  name: "",
  pending: null, // the refresh that runs
  again: false,  // something came in meanwhile
  rendered: 0,   // how often a view was filled
  version: 0,    // of the database, as the server counts; shown as data-version when it is on the page

  place() {
    const [path, query] = location.hash.replace(/^#\/?/, "").split("?");
    const [study, view] = path.split("/").map(decodeURIComponent);
    return {study: study || (location.hash === "" && source.studies.length === 1 ? source.studies[0] : ""), view: Object.hasOwn(VIEWS, view || "") ? view : "progress", args: Object.fromEntries(new URLSearchParams(query || ""))};
  },

  open() {
    const {study, view, args} = page.place(), name = study ? study + "/" + view : "";
    const keep = (a) => history.replaceState(null, "", target("#/" + encodeURIComponent(study) + "/" + view, a));
    page.view = study ? VIEWS[view][1](study, args, keep) : viewStudies();
    document.title = (study ? clean(study) + ": " + VIEWS[view][0] : "Studies") + " \u2013 " + (clean(source.title) || "tprun");
    document.getElementById("studies").replaceChildren(el("a", {href: "#/", "aria-current": study ? null : "page"}, "Studies"),
      study ? el("span", {class: "at"}, clean(study)) : "");
    document.getElementById("views").replaceChildren(...(study ? Object.entries(VIEWS).map(([key, [text]]) =>
      el("a", {href: "#/" + encodeURIComponent(study) + "/" + key, "aria-current": key === view ? "page" : null}, text)) : []));
    page.main.replaceChildren(page.view.element);
    if (page.name && page.name !== name) page.main.focus(); // not at the first
    page.name = name;
    page.refresh();
  },

  // One after the other, and not faster than the answers come.
  async refresh() {
    page.again = true;
    if (page.pending) return page.pending;
    page.pending = (async () => {
      while (page.again) {
        page.again = false;
        const begun = performance.now(), version = page.version, view = page.view;
        let trouble = null;
        try {
          await view.refresh();
        } catch (error) {
          trouble = error;
        }
        if (view !== page.view) continue;
        page.tell(trouble);
        page.rendered++;
        if (!trouble) document.documentElement.dataset.version = version;
        if (page.again) await new Promise((done) => setTimeout(done, Math.min(3000, 2 * (performance.now() - begun))));
      }
      page.pending = null;
    })();
    return page.pending;
  },

  tell(trouble) {
    let box = document.getElementById("trouble");
    if (!trouble) {
      box?.remove();
      return;
    }
    if (!box) {
      box = el("p", {id: "trouble", role: "alert"});
      page.main.prepend(box);
    }
    const text = trouble instanceof TypeError ? "The server does not answer; what is shown is what it said last." : clean(trouble.message);
    if (box.textContent !== text) box.textContent = text;
  },

  state(now) {
    const words = {live: "live", lost: "connection lost, trying again"};
    const label = document.getElementById("state");
    if (label.dataset.state === now) return;
    label.dataset.state = now;
    label.textContent = words[now];
  },
};

if (source.title) document.querySelector(".home").textContent = clean(source.title);
addEventListener("hashchange", page.open);
page.open();
if (source.live) {
  source.listen((version) => {
    page.version = version;
    page.refresh();
  }, page.state);
  setInterval(() => document.querySelector("[data-key=age]") && !document.hidden && page.refresh(), 10000); // "12 s ago" grows by itself
}
