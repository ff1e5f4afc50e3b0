// The conversation: what is sent, what comes back, and what the family sees of it.

import { begin } from "./beginning.js";
import { askToClear } from "./clearing.js";
import { createAnnouncer, createStrip } from "./emergency.js";
import { createComposer } from "./composer.js";
import { createEventStream } from "./events.js";
import { createIntro } from "./intro.js";
import { createLog } from "./log.js";
import { createMenu } from "./menu.js";
import { createOutbox } from "./outbox.js";
import { createPanel } from "./panel.js";
import { createService } from "./service.js";
import { createStatus } from "./status.js";
import { endPauses } from "./pauses.js";
import { formatted } from "./formatting.js";
import { isCard } from "./entries.js";
import { printEntries } from "./printing.js";
import { tabStorage } from "./storage.js";
import { withPhoneLinks } from "./phones.js";

// host: {contact(), open(), close(), restart(), emit(name, detail)}
export function createChat(strings, server, host) {
  const life = new AbortController();
  const storage = tabStorage(server);
  const service = createService(server, storage, { onSession: showSession, onSessionLost });
  const outbox = createOutbox(storage, service, life.signal, { onReplies, onSettled, onUnsent, onRefused });
  // The remaining replies of a turn are fetched with the message itself: none can be missed.
  const events = createEventStream(service, { onReply: (reply) => onReplies([reply]), onTurnOver: endPauses });
  const composer = createComposer(strings, send);
  const announcer = createAnnouncer();
  const intro = createIntro(strings);
  const strip = createStrip(strings, storage, composer.focus);
  const log = createLog(strings, {
    onQuickReply,
    onReplies,
    onCard: strip.pin,
    giveFeedback: service.giveFeedback,
    onNotSaved: () => {
      status.say(strings.notSaved);
      log.showContact(contact());
    },
    tryNow: endPauses,
    focusInput: composer.focus,
  });
  const status = createStatus(strings, log, contact);
  const menu = createMenu(strings, { copy, print, clear: () => askToClear(panel.element, strings, clear) });
  const panel = createPanel(strings, { menu, strip, intro, log, status, composer, announcer }, host.close, life.signal);
  const unsent = new Set(); // ids of messages
  let started = false;
  if (service.hasSession()) showSession(storage.get("session"));

  function contact() {
    return storage.get("session")?.contact || host.contact();
  }

  function followEvents() {
    events.setWanted(panel.element.open && !document.hidden && !life.signal.aborted && service.hasSession());
  }

  // --- Sending ---

  function send(text, button) {
    const id = Math.random().toString(36).slice(2); // is not repeated in a conversation
    const message = { id, text, button, at: new Date().toISOString() };
    status.say("");
    announcer.clear();
    log.addFamily(message);
    deliver(message);
    host.emit("send", { id });
    return id;
  }

  function deliver(message) {
    status.set("finding", true);
    outbox.deliver(message);
  }

  function onQuickReply({ title, token }) {
    const id = send(title, token);
    // On a phone the on-screen keyboard would cover the answer.
    if (matchMedia("(pointer: coarse)").matches) log.focusOnMessage(id);
    else composer.focus();
  }

  function onUnsent(message) {
    if (unsent.has(message.id)) return; // said already: each attempt would say it anew
    unsent.add(message.id);
    log.markUnsent(message, strings.unsent);
    status.set("unsent", true);
  }

  function onRefused(message) {
    log.markUnsent(message, strings.refused, ...formatted(contact(), withPhoneLinks));
  }

  function onSettled({ id }) {
    unsent.delete(id);
    log.markSent({ id });
    status.set("unsent", unsent.size > 0);
    status.set("finding", !outbox.isEmpty());
  }

  // --- Replies ---

  function onReplies(replies, message) {
    if (message) onSettled(message);
    const added = log.addReplies(replies, !outbox.isEmpty());
    if (replies.length) events.startAfter(replies[0].id);
    for (const { id, kind, topic } of added) host.emit("reply", { id, kind, topic });
    const cards = added.filter(isCard);
    if (!cards.length) return;
    host.open();
    announcer.say(cards.map(({ kind, text }) => `${strings[kind]}. ${text}`).join("\n\n"));
    for (const { id, kind } of cards) host.emit("emergency", { id, kind });
  }

  // --- The session ---

  function showSession({ privacy, code }) {
    if (privacy) intro.showPrivacy(privacy);
    menu.showCode(code);
    followEvents();
  }

  function onSessionLost() {
    events.setWanted(false); // the stream is that of the old session
    events.forget();
    log.addNote(strings.lost);
  }

  function start() {
    const options = { signal: life.signal };
    addEventListener("online", followNetwork, options);
    addEventListener("offline", followNetwork, options);
    document.addEventListener("visibilitychange", followPage, options);
    followNetwork();
    begin(service, outbox, events, log, status, life.signal, deliver);
  }

  function followPage() {
    followEvents();
    endPauses();
  }

  function followNetwork() {
    status.set("offline", !navigator.onLine);
    if (navigator.onLine) endPauses();
  }

  // --- The menu ---

  async function copy() {
    try {
      await navigator.clipboard.writeText(log.transcript().join("\n\n"));
      status.say(strings.copied);
    } catch {
      status.say(strings.notCopied); // not allowed, or a page without TLS
    }
  }

  function print() {
    printEntries(panel.element, panel.heading.textContent, log.transcript());
  }

  async function clear(everywhere) {
    try {
      if (everywhere && service.hasSession()) await service.erase();
    } catch {
      status.say(strings.notErased);
      return;
    }
    life.abort();
    storage.clear();
    host.restart().say(strings.cleared);
  }

  return {
    panel,
    send,
    say: status.say,
    wasOpen: storage.get("open"), // before a reload
    show(takeFocus) {
      storage.set("open", true);
      panel.show();
      if (takeFocus) composer.focus();
      if (!started) start();
      started = true;
      followEvents();
    },
    hide() {
      storage.set("open", false);
      panel.element.close();
      followEvents();
    },
    stop() {
      life.abort(); // what is queued stays in the tab's storage
      followEvents();
    },
  };
}
