// What outlives a reload, in this tab alone: families share computers.

export function tabStorage(server) {
  const key = `crs-chat ${server}`;
  let values = {}; // where cookies are blocked, the conversation lasts until the page is left
  let store = () => {
    try {
      sessionStorage.setItem(key, JSON.stringify(values));
    } catch {
      // blocked, or full
    }
  };
  try {
    values = JSON.parse(sessionStorage.getItem(key)) || {};
  } catch {
    // blocked
  }
  return {
    get: (name) => values[name],
    set(name, value) {
      values[name] = value;
      store();
    },
    // For good: a request that is still on its way brings nothing back.
    clear() {
      values = {};
      store();
      store = () => {};
    },
  };
}
