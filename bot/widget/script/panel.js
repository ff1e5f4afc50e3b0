// The panel: a dialog beside the page, and on a phone a modal one that covers it.

import { CROSS } from "./icons.js";
import { make, makeIconButton } from "./elements.js";

const FOCUSABLE = "a[href], button, textarea, [tabindex='0']";
const fullScreen = matchMedia("(max-width: 479.98px)");

// parts: the elements of {menu, strip, intro, log, status, composer, announcer}
export function createPanel(strings, parts, onClose) {
  const heading = make("h2", { id: "heading" });
  const close = makeIconButton(strings.close, "bar-button", CROSS, onClose);
  const bar = make("div", { class: "bar" }, heading, parts.menu, close);
  const header = make("div", { class: "header" }, bar, make("p", { class: "permanent" }, strings.permanent));
  // It scrolls, so the keyboard must reach it.
  const scroller = { class: "conversation", tabindex: "0", role: "region", "aria-label": strings.conversation };
  const conversation = make("div", scroller, parts.intro, parts.log);
  const content = [header, parts.strip, conversation, parts.status, parts.composer, parts.announcer];
  const panel = make("div", { class: "panel" }, ...content);
  const element = make("dialog", { class: "frame", "aria-labelledby": "heading" }, panel);
  let shown = new AbortController();

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

  // From the last element to the first, instead of into the browser's own controls.
  function keepFocusInside(event) {
    const reachable = [...element.querySelectorAll(FOCUSABLE)].filter((each) => each.getClientRects().length);
    const [first, last] = [reachable[0], reachable.at(-1)];
    if (event.target !== (event.shiftKey ? first : last)) return;
    event.preventDefault();
    (event.shiftKey ? last : first).focus();
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
    followWindow();
  }

  function hide() {
    shown.abort();
    element.close();
  }

  // Its width, and the part of it that the on-screen keyboard leaves.
  function followWindow() {
    shown = new AbortController();
    const options = { signal: shown.signal };
    fullScreen.addEventListener("change", changeMode, options);
    visualViewport.addEventListener("resize", fit, options);
    visualViewport.addEventListener("scroll", fit, options);
    fit();
  }

  function changeMode() {
    const focused = element.getRootNode().activeElement;
    hide();
    show();
    focused?.focus();
  }

  function fit() {
    const { height, offsetTop, scale } = visualViewport;
    if (scale > 1.01) return; // zoomed in by hand: the panel keeps its size
    element.style.setProperty("--visible-height", `${height}px`);
    element.style.setProperty("--visible-top", `${offsetTop}px`);
  }

  return { element, heading, show, hide };
}
