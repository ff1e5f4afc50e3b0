// "Clear this chat" asks first, and whether the server shall forget the conversation too.

import { make, makeButton } from "./elements.js";

// choose(everywhere) runs after one of the two ways to clear was chosen.
export function askToClear(parent, strings, choose) {
  const dialog = make("dialog", { class: "question-box", "aria-label": strings.clear });
  const answer = (name, action) =>
    makeButton(name, "wide", () => {
      dialog.close();
      action?.();
    });
  dialog.append(
    make("p", {}, strings.clearQuestion),
    answer(strings.clearEverywhere, () => choose(true)),
    answer(strings.clearHere, () => choose(false)),
    answer(strings.cancel),
  );
  // Escape and Tab belong to the question, not to the panel around it.
  dialog.addEventListener("keydown", (event) => event.stopPropagation());
  dialog.addEventListener("close", () => dialog.remove());
  parent.append(dialog);
  dialog.showModal();
}
