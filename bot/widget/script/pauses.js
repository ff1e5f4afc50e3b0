// Waiting between attempts, longer after each failure, and ended early when there is reason to hope.

const MIN_MS = 1000;
const MAX_MS = 30000;
const ends = new Set();

export function pause(milliseconds) {
  return new Promise((resolve) => {
    const end = () => {
      clearTimeout(timer);
      ends.delete(end);
      resolve();
    };
    const timer = setTimeout(end, milliseconds);
    ends.add(end);
  });
}

export function delayAfter(failures) {
  return Math.min(MIN_MS * 2 ** failures, MAX_MS);
}

// The network is back, or the page is looked at again: try everything now.
export function endPauses() {
  for (const end of ends) end();
}
