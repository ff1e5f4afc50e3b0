// Messages on their way: kept in the tab until they are answered, and sent again until then. The service knows a
// message by its id: sending it again joins the turn that runs, or brings the same replies.

import { delayAfter, pause } from "./pauses.js";

export const SILENCE_MS = 4000; // a family never waits longer without being told whom to call
const REST_AFTER_MS = 1000; // the emergency reply waits for nothing; the rest of the replies is fetched this much later
const FINAL = [400, 413]; // the same message would be refused again

// stopped: an AbortSignal
export function createOutbox(storage, service, stopped, { onReplies, onSettled, onUnsent, onRefused }) {
  const left = storage.get("queue") || []; // what an earlier page left unanswered
  const messages = new Map(left.map((message) => [message.id, message]));

  function store() {
    storage.set("queue", [...messages.values()]);
  }

  function settle(message) {
    messages.delete(message.id);
    store();
    onSettled(message);
  }

  return {
    left,
    isEmpty: () => !messages.size,

    // Each message goes its own way: a slow answer never holds back an emergency that is written after it.
    async deliver(message) {
      messages.set(message.id, message);
      store();
      let answered = false;
      for (let failures = 0; !stopped.aborted; ) {
        const tellUnsent = () => answered || stopped.aborted || onUnsent(message);
        const silence = setTimeout(tellUnsent, SILENCE_MS);
        let delay = REST_AFTER_MS;
        try {
          const { replies, more } = await service.send(message);
          if (stopped.aborted) return;
          if (!replies.length) throw new Error("no reply");
          answered = true;
          onReplies(replies, message);
          if (!more) return settle(message);
        } catch ({ status, retryAfterMs }) {
          if (stopped.aborted) return;
          if (FINAL.includes(status)) {
            settle(message);
            return onRefused(message);
          }
          tellUnsent();
          failures += 1;
          delay = retryAfterMs || delayAfter(failures);
        } finally {
          clearTimeout(silence);
        }
        await pause(delay);
      }
    },
  };
}
