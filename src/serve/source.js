// Where the data come from: the server, or, in a report that is one file, the file itself.
"use strict";

const stored = document.getElementById("data") ? JSON.parse(document.getElementById("data").textContent) : null;

// {view, arguments} as one text: src/serve/target.h.
function target(view, args) {
  const given = Object.entries(args || {}).filter(([, value]) => value !== "" && value !== null && value !== undefined && value !== false);
  const pairs = given.map(([key, value]) => encodeURIComponent(key) + "=" + encodeURIComponent(value === true ? "1" : value));
  return view + (pairs.length ? "?" + pairs.join("&") : "");
}

const source = {
  live: stored === null,
  title: stored ? stored[""].title : "",
  studies: stored ? stored.studies.studies.map((s) => s.study) : [],

  async get(view, args) {
    const what = target(view, args);
    if (!source.live) {
      if (!Object.hasOwn(stored, what)) throw new Error("This report does not hold that.");
      return stored[what];
    }
    const answer = await fetch("view/" + what, {cache: "no-store"});
    if (answer.status === 403) throw new Error("The server was started anew: open the URL that it printed.");
    const json = await answer.json();
    if (!answer.ok) throw new Error(json.error);
    return json;
  },

  // Calls changed() for each version of the database, also after the connection came back; state("live" | "lost").
  listen(changed, state) {
    const silent = 40000, again = 1500; // ms: the server says something every 15 s
    let events = null, timer = null;
    const alive = () => {
      state("live");
      clearTimeout(timer);
      timer = setTimeout(open, silent);
    };
    const open = () => {
      if (events) events.close();
      events = new EventSource("events");
      clearTimeout(timer);
      timer = setTimeout(open, silent);
      events.onopen = alive;
      events.onmessage = (event) => {
        alive();
        changed(Number(event.data));
      };
      events.addEventListener("alive", alive);
      events.onerror = () => {
        state("lost");
        if (events.readyState !== EventSource.CLOSED) return; // the browser tries again by itself
        clearTimeout(timer);
        timer = setTimeout(open, again);
      };
    };
    open();
  },
};
