// The panel: a dialog beside the page, and on a phone a modal one that covers it.

import { make, makeCrossButton } from "./elements.js";

const fullScreen = matchMedia("(max-width: 479.98px)");

// signal ends the panel's life
export function createPanel(strings, { menu, strip, intro, log, status, composer, announcer }, onClose, signal) {
  const below = [status, composer, announcer].map(({ element }) => element);
  const heading = make("h2", { id: "heading" });
  const close = makeCrossButton(strings.close, "cross", onClose);
  const bar = make("div", { class: "bar" }, heading, menu.element, close);
  const header = make("div", { class: "header" }, bar, make("p", { class: "permanent" }, strings.permanent));
  // It scrolls, so the keyboard must reach it.
  const scroller = { class: "conversation", tabindex: "0", role: "region", "aria-label": strings.conversation };
  const conversation = make("div", scroller, intro.element, log.element);
  const panel = make("div", { class: "panel" }, header, strip.element, conversation, ...below);
  const element = make("dialog", { class: "frame", "aria-labelledby": "heading" }, panel);

  element.addEventListener("keydown", (event) => {
    if (event.key === "Escape" && !event.isComposing) {
      event.preventDefault();
      event.stopPropagation(); // a dialog of the page around it is not meant
      onClose();
    } else if (event.key === "Tab" && element.ariaModal) {
      keepFocusInside(event);
    }
  });
  element.addEventListener("close", () => element.open || onClose()); // a phone's way back
  fullScreen.addEventListener("change", changeMode, { signal });
  for (const change of ["resize", "scroll"]) visualViewport.addEventListener(change, fit, { signal });

  // From the last element to the first, instead of into the browser's own controls.
  function keepFocusInside(event) {
    const ends = [menu.element.firstChild, composer.element.lastChild];
    const [from, to] = event.shiftKey ? ends : ends.reverse();
    if (event.target !== from) return;
    event.preventDefault();
    to.focus();
  }

  function show() {
    if (element.open) return;
    if (fullScreen.matches) {
      element.setAttribute("aria-modal", "true");
      element.showModal(); // the browser makes the page behind inert
    } else {
      element.removeAttribute("aria-modal");
      element.open = true; // show() would take the focus even where the page opens the panel by itself
    }
    fit();
  }

  function changeMode() {
    if (!element.open) return;
    const focused = element.getRootNode().activeElement;
    element.close();
    show();
    focused?.focus();
  }

  // Into the part of the window that the on-screen keyboard leaves.
  function fit() {
    const { height, offsetTop, scale } = visualViewport;
    if (scale > 1.01) return; // zoomed in by hand: the panel keeps its size
    element.style.setProperty("--visible-height", `${height}px`);
    element.style.setProperty("--visible-top", `${offsetTop}px`);
  }

  return { element, heading, show };
}
