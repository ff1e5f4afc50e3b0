// What was said before, then what is still unanswered; only then is the log live.

import { SILENCE_MS } from "./outbox.js";
import { delayAfter, pause } from "./pauses.js";

export async function begin(service, outbox, events, log, status, stopped, deliver) {
  const wasHere = service.hasSession();
  status.set("loading", wasHere);
  let isLoaded = await load();
  // Only now: what the history brings is not announced as if it were new.
  for (const message of outbox.left) {
    log.addFamily(message);
    deliver(message);
  }
  for (let failures = 0; !isLoaded && !stopped.aborted; failures += 1) {
    log.goLive();
    await pause(delayAfter(failures));
    isLoaded = await load();
  }
  status.set("loading", false);
  log.goLive();

  async function load() {
    const silence = setTimeout(() => status.set("notLoaded", true), SILENCE_MS);
    let isDone = true;
    try {
      if (wasHere) await loadHistory();
      else await service.session();
    } catch {
      isDone = false;
    }
    clearTimeout(silence);
    status.set("notLoaded", !isDone);
    return isDone;
  }

  async function loadHistory() {
    const messages = await service.history();
    log.restore(messages);
    const last = messages.filter(({ from }) => from === "service").at(-1);
    if (last) events.startAfter(last.id);
    service.refreshSession().catch(() => {}); // the stored texts will do
  }
}
