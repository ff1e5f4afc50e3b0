// Replies that come later, over server-sent events. EventSource cannot send the session's token, so the stream is read
// with fetch.

import { backOff } from "./pauses.js";

const QUIET_MS = 45000; // the service says something every 15 s: a longer silence is a broken connection

export function createEventStream(service, { onReply, onTurnOver }) {
  let wanted = null; // an AbortController while someone reads along
  let lastId = "";

  function hear({ id, event, data }) {
    if (event === "reply") onReply(JSON.parse(data));
    if (event === "turn") onTurnOver();
    if (id) lastId = id;
  }

  async function follow({ signal }) {
    for (let failures = 0; !signal.aborted; failures += 1) {
      const connection = new AbortController();
      const end = () => connection.abort();
      signal.addEventListener("abort", end);
      let quiet = setTimeout(end, QUIET_MS);
      try {
        const { body } = await service.events(lastId, connection.signal);
        for await (const fields of eventsOf(body.getReader())) {
          clearTimeout(quiet);
          quiet = setTimeout(end, QUIET_MS);
          failures = 0;
          hear(fields);
        }
      } catch {
        // cut off, or no network: the next connection goes on after the last reply
      }
      clearTimeout(quiet);
      if (!signal.aborted) await backOff(failures);
    }
  }

  return {
    // From where to go on. Later ids come from the stream alone: a reply that came another way says nothing of those
    // before it.
    startAfter(id) {
      lastId ||= id;
    },
    forget() {
      lastId = "";
    },
    setWanted(isWanted) {
      if (isWanted === Boolean(wanted)) return;
      wanted?.abort();
      wanted = isWanted ? new AbortController() : null;
      if (wanted) follow(wanted);
    },
  };
}

async function* eventsOf(reader) {
  const decoder = new TextDecoder();
  let text = "";
  for (;;) {
    const { done, value } = await reader.read();
    if (done) return;
    const parts = (text + decoder.decode(value, { stream: true })).split(/\r?\n\r?\n/);
    text = parts.pop();
    yield* parts.map(fieldsOf);
  }
}

// Each field of the service's events is one line.
function fieldsOf(part) {
  return Object.fromEntries([...part.matchAll(/^(\w+): ?(.*)$/gm)].map(([, name, value]) => [name, value]));
}
