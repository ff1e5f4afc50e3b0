// Replies that come later, over server-sent events. EventSource cannot send the session's token, so the stream is read
// with fetch.

import { delayAfter, pause } from "./pauses.js";

const QUIET_MS = 45000; // the service says something every 15 s: a longer silence is a broken connection

export function createEventStream(service, { onReply, onTurnOver }) {
  let connection = null;
  let isWanted = false;
  let isFollowing = false;
  let lastId = "";

  function hear({ id, event, data }) {
    if (event === "reply") onReply(JSON.parse(data));
    if (event === "turn") onTurnOver();
    if (id) lastId = id;
  }

  async function follow() {
    isFollowing = true;
    for (let failures = 0; isWanted; failures += 1) {
      connection = new AbortController();
      const end = () => connection.abort();
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
      if (isWanted) await pause(delayAfter(failures));
    }
    isFollowing = false;
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
    setWanted(wanted) {
      isWanted = wanted;
      if (!wanted) connection?.abort();
      else if (!isFollowing) follow();
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
