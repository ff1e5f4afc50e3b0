// What the widget is doing, in one line; and whom to call, in the log, while the service cannot be reached.

import { make } from "./elements.js";

// Names of strings: the first that holds is shown. While one of the silent ones holds, the log says whom to call.
const SILENT_STATES = ["offline", "unsent", "notLoaded"];
const STATES = [...SILENT_STATES, "finding", "loading"];

// contact() gives the text that says whom to call
export function createStatus(strings, log, contact) {
  const element = make("p", { class: "status", role: "status" });
  const holding = new Set();

  let outcome = ""; // of what the family asked for

  function show() {
    const state = STATES.find((each) => holding.has(each));
    element.textContent = strings[state] || outcome;
    if (SILENT_STATES.includes(state)) log.showContact(contact());
    else log.hideContact();
  }

  return {
    element,
    say(text) {
      outcome = text;
      show();
    },
    set(state, holds) {
      holding[holds ? "add" : "delete"](state);
      show();
    },
  };
}
