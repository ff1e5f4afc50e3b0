const SESSIONS = "/channels/widget/sessions";
const MESSAGES = "/channels/widget/messages";
const TOKEN_KEY = "crs-family-chat-token";
const TIME_LIMIT_MS = 8000;
const AGAIN_AFTER_MS = 500;
const AGAIN_MAXIMUM = 20;

const NOT_SENT = "Not sent. If someone is ill now, call your hospital or emergency services.";
const CARD_HEADINGS = { emergency: "EMERGENCY", crisis: "PLEASE CALL SOMEONE" };

// Brackets, dots and hyphens count as spaces do: half of "+1 (800) 555-0199" would dial a stranger. Extensions, times
// of day and hours such as "24h" are found too, or passed over, so that none of them becomes a number to dial.
const NUMBER = /(\bext\w*\.?\s*\d+|\+?(?:\(\d+\)|\d+(?![\da-z]|:\d))(?:[ \u00a0.-]?(?:\(\d+\)|\d+(?![\da-z]|:\d)))*)/i;

const log = document.getElementById("log");
const status = document.getElementById("status");
const question = document.getElementById("question");

// --- The service ---

const storage = tabStorage();
const storedToken = storage?.getItem(TOKEN_KEY);
let session = storedToken && Promise.resolve(storedToken); // a promise, so that two messages at once share one session

function tabStorage() {
  try {
    return sessionStorage;
  } catch {
    return null; // cookies are blocked: the chat lasts until the page is left
  }
}

async function request(method, path, { token, body, signal }) {
  const headers = { Accept: "application/json" };
  if (token) headers.Authorization = `Bearer ${token}`;
  if (body) headers["Content-Type"] = "application/json";
  const response = await fetch(path, { method, headers, signal, body: body && JSON.stringify(body) });
  if (response.ok) return response.json();
  const { text } = await response.json().catch(() => ({}));
  throw Object.assign(new Error("refused"), { status: response.status, contactText: text });
}

async function withTimeLimit(action) {
  const limit = new AbortController();
  const timer = setTimeout(() => limit.abort(), TIME_LIMIT_MS);
  try {
    return await action(limit.signal);
  } finally {
    clearTimeout(timer);
  }
}

async function startSession(signal) {
  try {
    const { token } = await request("POST", SESSIONS, { signal });
    storage?.setItem(TOKEN_KEY, token);
    return token;
  } catch (error) {
    session = null;
    throw error;
  }
}

async function post(message, signal, mayRenew = true) {
  session = session || startSession(signal);
  const used = session;
  try {
    return await request("POST", MESSAGES, { token: await used, body: message, signal });
  } catch (error) {
    if (error.status !== 401 || !mayRenew) throw error;
    if (session === used) session = null;
    return post(message, signal, false);
  }
}

async function fetchHistory(signal) {
  const { messages } = await request("GET", MESSAGES, { token: await session, signal });
  return messages;
}

function newId() {
  if (crypto.randomUUID) return crypto.randomUUID(); // absent on plain http
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}

// --- From text to elements ---

function make(tag, className, ...children) {
  const element = document.createElement(tag);
  element.className = className;
  element.append(...children);
  return element;
}

function makeButton(title, className, onClick) {
  const button = make("button", className, title);
  button.type = "button";
  button.addEventListener("click", onClick);
  return button;
}

function formatted(text, phrases) {
  const blocks = [];
  let open = null;
  for (const line of text.trim().split("\n")) {
    const tag = line.startsWith("- ") ? "ul" : "p";
    if (line.trim() && open?.localName !== tag) blocks.push((open = make(tag, "")));
    if (!line.trim()) open = null;
    else if (tag === "ul") open.append(make("li", "", ...bold(line.slice(2), phrases)));
    else open.append(make("span", "line", ...bold(line, phrases)));
  }
  return blocks;
}

function bold(text, phrases) {
  const parts = text.split(/\*\*(.+?)\*\*/);
  return parts.flatMap((part, index) => (index % 2 ? [make("strong", "", ...phrases(part))] : phrases(part)));
}

function plain(text) {
  return [text];
}

function withPhoneLinks(text) {
  return text.split(NUMBER).map((part, index) => (index % 2 ? phoneLink(part) : part));
}

function phoneLink(number) {
  const plus = number.startsWith("+") ? "+" : "";
  const digits = (plus ? number.replace("(0)", "") : number).replace(/\D/g, "");
  if (/^ext/i.test(number) || digits.length < 3 || digits.length > 15) return number;
  const link = make("a", "phone", number);
  link.href = `tel:${plus}${digits}`;
  return link;
}

// --- The log ---

const shownReplies = new Set();

function append(className, speaker, ...children) {
  const label = make("span", "visually-hidden", `${speaker}: `);
  return log.appendChild(make("article", className, label, ...children));
}

function showFamily(text) {
  for (const buttons of log.querySelectorAll(".quick-replies")) buttons.remove();
  return append("message family", "You", make("p", "", text));
}

function showReply({ id, kind, text, sources, buttons }) {
  if (shownReplies.has(id)) return;
  shownReplies.add(id);
  const content = formatted(text, kind === "answer" ? plain : withPhoneLinks); // doses and years are nothing to dial
  if (CARD_HEADINGS[kind]) content.unshift(make("h2", "", CARD_HEADINGS[kind]));
  if (sources?.length) content.push(make("p", "sources", `Source: ${sources.join("; ")}`));
  if (buttons?.length) content.push(make("div", "quick-replies", ...buttons.map(quickReply)));
  append(`message service ${kind}`, "Automated reply", ...content);
}

function quickReply({ title, token }) {
  return makeButton(title, "quick-reply", () => {
    focusQuietly(showFamily(title));
    deliver({ id: newId(), text: title, button: token });
  });
}

function showReplies(replies) {
  const before = log.lastElementChild;
  replies.forEach(showReply);
  before.nextElementSibling?.scrollIntoView({ block: "start" }); // an emergency reply comes first, with more below it
}

function showFailure(message, contactText = "") {
  const tryAgain = makeButton("Try again", "try-again", () => {
    focusQuietly(note.previousElementSibling);
    note.remove();
    deliver(message);
  });
  const unsent = make("p", "unsent", message.text); // later messages may stand between it and the note
  const contact = formatted(contactText, withPhoneLinks);
  const note = append("note", "Notice", make("p", "", NOT_SENT), ...contact, unsent, tryAgain);
  note.scrollIntoView({ block: "nearest" });
}

// A pressed button vanishes; without this the keyboard's place in the page would vanish with it.
function focusQuietly(element) {
  element.tabIndex = -1;
  element.focus({ preventScroll: true });
}

let running = 0;

async function withStatus(text, work) {
  running += 1;
  status.textContent = text;
  status.scrollIntoView({ block: "end" });
  try {
    return await work();
  } finally {
    running -= 1;
    if (!running) status.textContent = "";
  }
}

// --- Sending ---

async function deliver(message) {
  try {
    const attempt = () => withTimeLimit((signal) => post(message, signal));
    let answer = await withStatus("Finding an answer…", attempt);
    if (!answer.replies.length) throw new Error("no reply");
    showReplies(answer.replies);
    // The fixed reply to a red flag waits for nothing; the rest comes when the message is sent again.
    for (let again = 0; answer.more && again < AGAIN_MAXIMUM; again += 1) {
      await new Promise((resolve) => setTimeout(resolve, AGAIN_AFTER_MS));
      answer = await attempt();
      showReplies(answer.replies);
    }
  } catch (error) {
    showFailure(message, error.contactText);
  }
}

async function submit(event) {
  event.preventDefault();
  const text = question.value.trim();
  if (!text) return;
  question.value = "";
  fitToText();
  await restored;
  showFamily(text);
  deliver({ id: newId(), text });
}

function fitToText() {
  question.style.height = "auto";
  question.style.height = `${question.scrollHeight + question.offsetHeight - question.clientHeight}px`;
}

document.getElementById("composer").addEventListener("submit", submit);
question.addEventListener("input", fitToText);
question.addEventListener("keydown", (event) => {
  if (event.key === "Enter" && !event.shiftKey && !event.isComposing) submit(event);
});

// --- After a reload ---

async function restore() {
  const messages = session ? await withStatus("Loading earlier messages…", () => withTimeLimit(fetchHistory)) : [];
  for (const entry of messages) {
    if (entry.from === "family") showFamily(entry.text);
    else showReply(entry);
  }
  log.lastElementChild?.scrollIntoView({ block: "start" });
  return messages[messages.length - 1];
}

function startAfresh(error) {
  if (error.status === 401) session = null;
  else append("note", "Notice", make("p", "", "Earlier messages could not be loaded."));
}

function goLive(last) {
  log.setAttribute("aria-live", "polite");
  if (last?.from === "family") deliver({ id: last.id, text: last.text }); // the page was left before the reply came
}

const restored = restore().catch(startAfresh).then(goLive);
