// The field for a question, and its button.

import { make } from "./elements.js";

export function createComposer(strings, onText) {
  const field = make("textarea", { id: "question", rows: "1", dir: "auto", autocomplete: "off", enterkeyhint: "send" });
  const element = make(
    "form",
    { class: "composer" },
    make("label", { for: "question" }, strings.question),
    field,
    make("button", { type: "submit", class: "send" }, strings.send),
  );

  function submit(event) {
    event.preventDefault();
    const text = field.value.trim();
    if (!text) return;
    field.value = "";
    fit();
    onText(text);
  }

  // As high as the text; the style sheet sets the most.
  function fit() {
    field.style.height = "auto";
    field.style.height = `${field.scrollHeight + field.offsetHeight - field.clientHeight}px`;
  }

  element.addEventListener("submit", submit);
  field.addEventListener("input", fit);
  field.addEventListener("keydown", (event) => {
    if (event.key === "Enter" && !event.shiftKey && !event.isComposing) submit(event);
  });
  return { element, focus: () => field.focus({ preventScroll: true }) };
}
