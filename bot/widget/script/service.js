// The service over HTTP: one session a tab, requests with a time limit, refusals as errors.

const API = "/channels/widget/";
const TIME_LIMIT_MS = 20000;
const HISTORY_PAGE = 200; // messages

export function createService(server, storage, { onSession, onSessionLost }) {
  const stored = storage.get("session");
  let session = stored && Promise.resolve(stored); // a promise, so that two requests at once share one session

  function keep(texts) {
    storage.set("session", texts);
    onSession(texts);
    return texts;
  }

  async function startSession() {
    try {
      return keep(await (await request("POST", "sessions")).json());
    } catch (error) {
      session = null;
      throw error;
    }
  }

  function currentSession() {
    session ||= startSession();
    return session;
  }

  async function request(method, path, options) {
    const signal = AbortSignal.timeout(TIME_LIMIT_MS);
    const response = await fetch(server + API + path, { method, signal, ...options });
    if (response.ok) return response;
    const retryAfterMs = 1000 * response.headers.get("Retry-After");
    throw Object.assign(new Error(path), { status: response.status, retryAfterMs });
  }

  async function authorized(method, path, options, mayRenew = true) {
    const used = currentSession();
    const headers = { ...options?.headers, Authorization: `Bearer ${(await used).token}` };
    try {
      return await request(method, path, { ...options, headers });
    } catch (error) {
      if (error.status !== 401 || !mayRenew) throw error;
      if (session === used) {
        session = null;
        onSessionLost();
      }
      return authorized(method, path, options, false);
    }
  }

  async function json(...call) {
    return (await authorized(...call)).json();
  }

  function post(path, content) {
    return json("POST", path, { body: JSON.stringify(content), headers: { "Content-Type": "application/json" } });
  }

  return {
    hasSession: () => session,
    session: currentSession,
    // The texts may have changed since the session was stored.
    refreshSession: async () => keep({ ...(await session), ...(await json("GET", "session")) }),
    send: ({ id, text, button }) => post("messages", { id, text, button }),
    giveFeedback: (feedback) => post("feedback", feedback),
    erase: () => authorized("DELETE", "conversation"),
    events: (lastId, signal) => authorized("GET", "events", { signal, headers: lastId && { "Last-Event-ID": lastId } }),
    async history() {
      const found = [];
      for (let after = ""; ; after = `?after=${found.at(-1).id}`) {
        const { messages } = await json("GET", "messages" + after);
        found.push(...messages);
        if (messages.length < HISTORY_PAGE) return found;
      }
    },
  };
}
