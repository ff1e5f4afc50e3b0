// Elements are made node by node: no text ever passes through an HTML parser.

import { makeIcon } from "./icons.js";

export function make(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  element.append(...children);
  return element;
}

export function makeButton(name, className, onClick) {
  const button = make("button", { type: "button", class: className }, name);
  button.addEventListener("click", onClick);
  return button;
}

export function makeIconButton(name, className, path, onClick) {
  const button = makeButton(makeIcon(path), className, onClick);
  button.setAttribute("aria-label", name);
  return button;
}

export function focusOn(element) {
  element.tabIndex = -1;
  element.focus({ preventScroll: true });
}

export function newId() {
  return Array.from(crypto.getRandomValues(new Uint8Array(16)), (byte) => byte.toString(16).padStart(2, "0")).join("");
}
