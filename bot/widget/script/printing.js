// Printed from a frame, because the page around the chat would be printed with it.

import { make } from "./elements.js";

export function printEntries(parent, title, entries) {
  const frame = make("iframe", { class: "visually-hidden", title, tabindex: "-1" });
  parent.append(frame);
  const { body } = frame.contentDocument;
  body.append(make("h1", {}, title));
  for (const entry of entries) {
    body.append(make("p", {}, ...entry.split("\n").flatMap((line) => [line, make("br")])));
  }
  frame.contentWindow.addEventListener("afterprint", () => frame.remove());
  frame.contentWindow.print();
}
