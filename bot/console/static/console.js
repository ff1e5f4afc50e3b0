// The console's own behaviour: keys, and what htmx cannot say by itself. Every page works without it.
"use strict";

const problem = document.getElementById("problem");
const keys = document.getElementById("keys");

function isTyping(target) {
  return target instanceof Element && target.closest("input:not([type=checkbox], [type=radio], [type=submit]), textarea, select, [contenteditable]") !== null;
}

// An element that is there but not shown, such as one in a closed menu, has no key.
// What stands in the current row comes first: its keys are about that row.
function keyed(key) {
  const shown = (each) => each.dataset.key === key && each.getClientRects().length > 0;
  const inRow = [...(currentRow()?.querySelectorAll("[data-key]") ?? [])].find(shown);
  return inRow ?? [...document.querySelectorAll("[data-key]")].find(shown);
}

function use(element) {
  if (isTyping(element)) {
    element.focus();
    element.select?.();
  } else {
    element.click();
  }
}

// Rows

// The keys to the next and to the previous row, where a list has its own.
function rowKeys() {
  return (document.querySelector("[data-row-keys]")?.dataset.rowKeys ?? "j k").split(" ");
}

function currentRow() {
  return document.querySelector("[data-row][aria-current=true]");
}

function goToRow(step) {
  const rows = [...document.querySelectorAll("[data-row]")];
  if (rows.length === 0) return;
  const now = rows.indexOf(currentRow());
  const next = now === -1 ? (step > 0 ? 0 : rows.length - 1) : Math.min(Math.max(now + step, 0), rows.length - 1);
  rows[now]?.removeAttribute("aria-current");
  const row = rows[next];
  row.setAttribute("aria-current", "true");
  row.scrollIntoView({ block: "nearest" });
  (row.querySelector("[data-open], a[href]") ?? row).focus({ preventScroll: true });
}

function openRow() {
  currentRow()?.querySelector("[data-open], a[href]")?.click();
}

// The list of keys

function addKey(list, key, label) {
  const term = document.createElement("dt");
  const shown = document.createElement("kbd");
  shown.textContent = key;
  term.append(shown);
  const meaning = document.createElement("dd");
  meaning.textContent = label;
  list.append(term, meaning);
}

function showKeys() {
  const list = keys.querySelector("dl");
  list.replaceChildren();
  const listed = new Set();
  for (const element of document.querySelectorAll("[data-key]")) {
    if (element.getClientRects().length === 0 || listed.has(element.dataset.key)) continue;
    listed.add(element.dataset.key);
    addKey(list, element.dataset.key, element.dataset.keyLabel ?? element.textContent.trim());
  }
  if (document.querySelector("[data-row]")) {
    const [next, previous] = rowKeys();
    addKey(list, next, "Next row");
    addKey(list, previous, "Previous row");
    addKey(list, "Enter", "Open the row");
  }
  addKey(list, "Escape", "Leave a field");
  addKey(list, "?", "This list");
  keys.showModal();
}

function onKey(event) {
  if (event.defaultPrevented || event.ctrlKey || event.metaKey || event.altKey || event.isComposing) return;
  if (event.key === "Escape" && isTyping(event.target)) {
    event.target.blur();
    return;
  }
  if (isTyping(event.target) || keys.open) return;
  if (rowKeys().includes(event.key)) goToRow(event.key === rowKeys()[0] ? 1 : -1);
  else if (event.key === "?") showKeys();
  else if (event.key === "Enter" && event.target === currentRow()) openRow();
  else {
    const element = keyed(event.key);
    if (!element) return;
    use(element);
  }
  event.preventDefault();
}

document.addEventListener("keydown", onKey);

// A row that is clicked or reached by Tab is the current one.
document.addEventListener("focusin", (event) => {
  const row = event.target instanceof Element ? event.target.closest("[data-row]") : null;
  if (!row) return;
  currentRow()?.removeAttribute("aria-current");
  row.setAttribute("aria-current", "true");
});

// htmx

document.body.addEventListener("htmx:sendError", () => {
  problem.textContent = "The service cannot be reached. Nothing was changed.";
});
document.body.addEventListener("htmx:afterRequest", (event) => {
  if (event.detail.successful && event.detail.requestConfig.verb !== "get") problem.replaceChildren();
});

// A form is sent once, however often its button is pressed.
document.addEventListener("submit", (event) => {
  const form = event.target;
  if (form.method !== "post" || form.hasAttribute("hx-post")) return;
  if (form.dataset.sent) event.preventDefault();
  form.dataset.sent = "true";
});
window.addEventListener("pageshow", () => {
  for (const form of document.querySelectorAll("form[data-sent]")) delete form.dataset.sent;
});

// A list of choices that is found in by typing: Enter takes the first that is left, the arrows go into the list.

function findIn(field) {
  const words = field.value.toLowerCase().split(/\s+/);
  for (const choice of document.getElementById(field.dataset.filters).children) {
    const text = choice.textContent.toLowerCase();
    choice.hidden = !words.every((word) => text.includes(word));
  }
}

function onFindKey(event) {
  const field = event.target;
  if (!(field instanceof Element) || !field.matches("[data-filters]")) return;
  const first = document.querySelector(`#${field.dataset.filters} > :not([hidden]) input`);
  if (!first || (event.key !== "Enter" && event.key !== "ArrowDown")) return;
  event.preventDefault();
  first.checked = true;
  if (event.key === "Enter") field.form.requestSubmit();
  else first.focus();
}

function showFinders(part) {
  for (const field of part.querySelectorAll("[data-filters]")) {
    field.hidden = false;
    if (field.autofocus) field.focus();
  }
}

document.addEventListener("input", (event) => {
  if (event.target.matches("[data-filters]")) findIn(event.target);
});
document.addEventListener("keydown", onFindKey);
document.body.addEventListener("htmx:load", (event) => showFinders(event.detail.elt));
showFinders(document);
