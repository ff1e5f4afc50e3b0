// The log of messages: a polite live region for what is new, never for what is restored.

import { familyEntry, isCard, noteEntry, replyEntry } from "./entries.js";
import { focusOn, make, makeButton } from "./elements.js";

// actions: those of an entry, and {onCard(reply, card), tryNow(), focusInput()}
export function createLog(strings, actions) {
  const element = make("div", { class: "log", role: "log", "aria-live": "off", "aria-label": strings.conversation });
  const entries = new Map(); // by the id of their message or reply
  let contact = null; // the notice that says whom to call

  function entryOf(message) {
    let entry = entries.get(message.id);
    if (!entry) {
      entry = (message.from === "family" ? familyEntry : replyEntry)(message, strings, actions);
      entries.set(message.id, entry);
      if (isCard(message)) actions.onCard(message, entry);
    }
    return entry;
  }

  // A suggestion is of use until the family writes on.
  function removeOldSuggestions() {
    const last = [...element.querySelectorAll(".family")].at(-1);
    for (const group of element.querySelectorAll(".quick-replies")) {
      if (group.compareDocumentPosition(last || group) & Node.DOCUMENT_POSITION_FOLLOWING) group.remove();
    }
  }

  function show(entry, parent = element) {
    parent.append(entry);
    entry.scrollIntoView({ block: "nearest" });
  }

  function markSent({ id }) {
    entries.get(id)?.querySelector(".unsent")?.remove();
  }

  function hideContact() {
    if (contact?.contains(element.getRootNode().activeElement)) actions.focusInput();
    contact?.remove();
    contact = null;
  }

  return {
    element,
    hideContact,
    markSent,

    // What was said before stands above what is there, in the service's order, and is not read aloud.
    restore(messages) {
      element.setAttribute("aria-live", "off");
      element.prepend(...messages.map(entryOf));
      removeOldSuggestions();
      element.lastElementChild?.scrollIntoView({ block: "start" });
    },

    // Two frames later what was restored is painted.
    goLive() {
      requestAnimationFrame(() => requestAnimationFrame(() => element.setAttribute("aria-live", "polite")));
    },

    addFamily(message) {
      show(entryOf({ ...message, from: "family" }));
      removeOldSuggestions();
    },

    // Returns the replies that were not shown before. The first reply of a turn is scrolled to, and stays in view: an
    // emergency comes first.
    addReplies(replies, isTurnRunning) {
      const added = replies.filter(({ id }) => !entries.has(id));
      const isFirst = !isTurnRunning || !element.lastElementChild?.matches(".service");
      element.append(...added.map(entryOf));
      if (added.length && isFirst) entryOf(added[0]).scrollIntoView({ block: "start" });
      return added;
    },

    addNote(text) {
      show(noteEntry(text, strings));
    },

    // Keeps the keyboard's place when a pressed button vanishes.
    focusOnMessage(id) {
      focusOn(entries.get(id));
    },

    markUnsent({ id }, ...why) {
      markSent({ id });
      show(make("div", { class: "unsent" }, ...why), entries.get(id));
    },

    // Whom to call while the service does not answer: one notice.
    showContact(text) {
      if (contact?.dataset.text === text) return; // it was read aloud already
      hideContact();
      contact = noteEntry(`**${strings.ifIll}**\n\n${text}`, strings);
      contact.dataset.text = text;
      contact.append(makeButton(strings.tryNow, "try-now", actions.tryNow));
      show(contact);
    },

    // The conversation as text, for copying and printing.
    transcript() {
      return [...element.children].map((entry) => {
        const lines = [...entry.querySelectorAll("h3, .line, li, .sources, .unsent, .time")];
        return entry.firstChild.textContent + lines.map((line) => line.textContent).join("\n");
      });
    },
  };
}
