// What outlives a reload, in this tab alone: families share computers.

export function tabStorage(server) {
  const key = `crs-chat ${server}`;
  let values = {}; // where cookies are blocked, the conversation lasts until the page is left
  try {
    values = JSON.parse(sessionStorage.getItem(key)) || {};
  } catch {
    // blocked
  }
  const store = () => {
    try {
      sessionStorage.setItem(key, JSON.stringify(values));
    } catch {
      // blocked, or full
    }
  };
  return {
    get: (name) => values[name],
    set(name, value) {
      values[name] = value;
      store();
    },
    clear() {
      values = {};
      store();
    },
  };
}
