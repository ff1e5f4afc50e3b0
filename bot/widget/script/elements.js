// Elements are made node by node: no text ever passes through an HTML parser.

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

export function makeCrossButton(name, className, onClick) {
  const button = makeButton("×", className, onClick); // a character of every font, unlike the usual pictures
  button.setAttribute("aria-label", name);
  return button;
}

export function focusOn(element) {
  element.tabIndex = -1;
  element.focus({ preventScroll: true });
}
