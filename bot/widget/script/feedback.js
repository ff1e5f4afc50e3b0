// "Was this helpful?" under an answer, then an optional comment.

import { focusOn, make, makeButton } from "./elements.js";

export function feedbackOn({ id, helpful }, strings, { giveFeedback, onReplies, onNotSaved }) {
  const choices = [true, false].map((value) =>
    makeButton(value ? strings.yes : strings.no, "choice", async () => {
      mark(value);
      if (await save("")) outcome.append(form);
    }),
  );
  const question = { class: "choices", role: "group", "aria-label": strings.helpful };
  const outcome = make("div", { class: "outcome" });
  const field = make("textarea", { rows: "2", maxlength: "1000" });
  const send = make("button", { type: "submit" }, strings.sendComment);
  const form = make("form", { class: "comment" }, make("label", {}, strings.comment, field), send);
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    const comment = field.value.trim();
    if (!comment) return;
    if (await save(comment)) focusOn(outcome);
  });
  mark(helpful);
  return make("div", { class: "feedback" }, make("div", question, strings.helpful, ...choices), outcome);

  function mark(value) {
    helpful = value;
    choices.forEach((choice, index) => choice.setAttribute("aria-pressed", value === !index));
  }

  async function save(comment) {
    try {
      const { replies } = await giveFeedback({ reply_id: id, helpful, comment });
      outcome.replaceChildren(make("p", {}, strings.thanks));
      onReplies(replies); // a comment can mention a red flag too
      return true;
    } catch {
      onNotSaved();
      return false;
    }
  }
}
