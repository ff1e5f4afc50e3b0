// The menu: copy, print, clear, and the code by which staff find the conversation.

import { make, makeButton } from "./elements.js";

// actions: {copy(), print(), clear()}
export function createMenu(strings, actions) {
  const button = makeButton(strings.menu, "", () => setOpen(list.hidden));
  const code = make("p", { class: "code" });
  const items = Object.entries(actions).map(([name, action]) =>
    makeButton(strings[name], "wide", () => {
      close();
      action();
    }),
  );
  const list = make("div", { class: "menu-list", role: "group", "aria-label": strings.menu }, ...items, code);
  const element = make("div", { class: "menu" }, button, list);
  element.addEventListener("keydown", (event) => {
    if (event.key !== "Escape" || list.hidden) return;
    event.stopPropagation(); // the panel stays open
    event.preventDefault();
    close();
  });
  element.addEventListener("focusout", ({ relatedTarget }) => {
    if (relatedTarget && !element.contains(relatedTarget)) setOpen(false);
  });
  setOpen(false);

  function setOpen(isOpen) {
    list.hidden = !isOpen;
    button.setAttribute("aria-expanded", isOpen);
  }

  function close() {
    setOpen(false);
    button.focus();
  }

  return {
    element,
    showCode: (text) => code.replaceChildren(`${strings.code}: `, make("strong", { dir: "ltr" }, text)),
  };
}
