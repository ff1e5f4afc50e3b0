// <crs-chat>: the launcher, the panel, and what the page around them can set, call and hear.

import styles from "./crs-chat.css" with { type: "css" };
import { addTable, stringsFor } from "./strings.js";
import { createChat } from "./chat.js";
import { make, makeButton } from "./elements.js";

const SCRIPT_ORIGIN = new URL(document.currentScript.src).origin;

class CrsChat extends HTMLElement {
  static observedAttributes = ["title", "color", "position", "lang", "open", "server"];

  // A table of strings, for one more language or in place of a known one.
  static addLanguage(language, table) {
    addTable(language, table);
    for (const element of document.querySelectorAll("crs-chat")) element.#rebuild();
  }

  #root = this.attachShadow({ mode: "open" });
  #chat;
  #launcher;
  #strings;
  #takeFocus = false;

  connectedCallback() {
    this.#root.adoptedStyleSheets = [styles];
    this.#build();
  }

  disconnectedCallback() {
    this.#chat.stop();
    this.#chat = null;
  }

  attributeChangedCallback(name) {
    if (!this.#chat) return;
    if (name === "open") this.#follow();
    else if (name === "lang" || name === "server") this.#rebuild();
    else this.#dress();
  }

  get isOpen() {
    return this.hasAttribute("open");
  }

  open() {
    if (this.isOpen) return;
    this.#takeFocus = true;
    this.setAttribute("open", "");
    this.#takeFocus = false;
  }

  close() {
    this.removeAttribute("open");
  }

  // Returns the message's id.
  send(text) {
    this.open(); // nobody sees the answer otherwise
    return this.#chat.send(text);
  }

  #build() {
    this.#strings = stringsFor(this.closest("[lang]")?.lang || "en");
    const server = new URL(this.getAttribute("server") || SCRIPT_ORIGIN, SCRIPT_ORIGIN).origin;
    this.#chat = createChat(this.#strings, server, {
      contact: () => this.#fallbackText() || this.#strings.contact,
      open: () => this.open(),
      close: () => this.close(),
      restart: () => this.#rebuild(true),
      emit: (name, detail) => this.#emit(name, detail),
    });
    this.#launcher = makeButton("", "launcher", () => this.open());
    const { language, direction } = this.#strings;
    // The empty title keeps the host's from showing as a tooltip over everything.
    const attributes = { class: "widget", lang: language, dir: direction, title: "" };
    this.#root.replaceChildren(make("div", attributes, this.#launcher, this.#chat.panel.element));
    this.#dress();
    if (this.#chat.wasOpen) this.setAttribute("open", "");
    this.#show(false);
  }

  #rebuild(takeFocus) {
    if (!this.#chat) return null;
    this.#chat.stop();
    this.#build();
    if (takeFocus) this.#show(true);
    return this.#chat;
  }

  #dress() {
    const title = this.getAttribute("title") || this.#strings.title;
    this.#launcher.textContent = title;
    this.#chat.panel.heading.textContent = title;
    const widget = this.#root.firstChild;
    const color = this.getAttribute("color");
    widget.dataset.position = this.getAttribute("position");
    widget.style.setProperty("--accent", CSS.supports("color", color) ? color : "");
  }

  #show(takeFocus) {
    this.#launcher.setAttribute("aria-expanded", this.isOpen);
    if (this.isOpen) this.#chat.show(takeFocus);
  }

  #follow() {
    this.#show(this.#takeFocus);
    if (!this.isOpen) {
      this.#chat.hide();
      this.#launcher.focus();
    }
    this.#emit(this.isOpen ? "open" : "close");
  }

  #emit(name, detail = {}) {
    this.dispatchEvent(new CustomEvent(`crs-chat:${name}`, { detail, bubbles: true, composed: true }));
  }

  // What the page shows where the script cannot load: it has the hospital's numbers before the service has sent them.
  #fallbackText() {
    return [...this.children].map((child) => child.textContent.replace(/\s+/g, " ").trim()).join("\n\n");
  }
}

// A browser too old for this shows what the page has between the tags.
if ("adoptedStyleSheets" in document && window.HTMLDialogElement) customElements.define("crs-chat", CrsChat);
