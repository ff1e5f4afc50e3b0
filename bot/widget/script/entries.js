// One entry of the log: a message of the family, a reply, or a notice of the widget's own.

import { feedbackOn } from "./feedback.js";
import { formatted } from "./formatting.js";
import { make, makeButton } from "./elements.js";
import { withPhoneLinks } from "./phones.js";

export function isCard({ kind }) {
  return kind === "emergency" || kind === "crisis";
}

export function familyEntry({ text, at }, strings) {
  return entry("family", strings.you, make("p", { class: "line", dir: "auto" }, text), timeOf(at, strings));
}

export function noteEntry(text, strings) {
  return entry("note", strings.assistant, ...formatted(text, withPhoneLinks));
}

// actions: {onQuickReply(button), giveFeedback(feedback), onReplies(replies), onNotSaved()}
export function replyEntry(reply, strings, actions) {
  const { kind, text, sources = [], buttons = [], at } = reply;
  const isAnswer = kind === "answer";
  const content = formatted(text, isAnswer ? undefined : withPhoneLinks); // doses are nothing to dial
  if (isCard(reply)) content.unshift(cardHeading(kind, strings));
  if (sources.length) {
    content.push(make("p", { class: "sources" }, `${strings.source}: ${sources.join("; ")}`));
  }
  if (buttons.length) {
    const made = buttons.map((button) => makeButton(button.title, "quick-reply", () => actions.onQuickReply(button)));
    content.push(make("div", { class: "quick-replies", role: "group", "aria-label": strings.suggestions }, ...made));
  }
  if (isAnswer) content.push(feedbackOn(reply, strings, actions));
  const made = entry(`service ${kind}`, strings.assistant, ...content, timeOf(at, strings));
  // A card is announced by the assertive region, and by nothing else.
  if (isCard(reply)) made.setAttribute("aria-live", "off");
  return made;
}

export function cardHeading(kind, strings) {
  return make("h3", { class: "warning" }, strings[kind]);
}

function entry(className, speaker, ...content) {
  const label = make("span", { class: "visually-hidden" }, `${speaker}: `);
  return make("div", { class: `entry ${className}` }, label, ...content);
}

function timeOf(at, { language }) {
  const date = new Date(Date.parse(at) || Date.now());
  const isToday = date.toDateString() === new Date().toDateString();
  const style = isToday ? { timeStyle: "short" } : { dateStyle: "medium", timeStyle: "short" };
  return make("time", { class: "time", datetime: date.toISOString() }, date.toLocaleString(language, style));
}
