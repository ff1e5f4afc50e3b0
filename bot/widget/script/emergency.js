// An emergency reply outside the log: said aloud once, then pinned as a strip when its card is out of sight.

import { cardHeading } from "./entries.js";
import { focusOn, make, makeButton, makeCrossButton } from "./elements.js";

const ANNOUNCE_AFTER_MS = 100; // a region that appears together with its text is not read

export function createAnnouncer() {
  const element = make("div", { class: "visually-hidden", "aria-live": "assertive", "aria-atomic": "true" });
  return {
    element,
    say: (text) => setTimeout(() => element.replaceChildren(text), ANNOUNCE_AFTER_MS),
    clear: () => element.replaceChildren(), // nobody who reads on finds the same text twice
  };
}

export function createStrip(strings, storage, focusInput) {
  const element = make("div", { class: "strip", role: "group" });
  const observer = new IntersectionObserver(([{ isIntersecting }]) => {
    // Taking away what has the focus would lose the keyboard's place.
    element.hidden = isIntersecting && !element.contains(element.getRootNode().activeElement);
  });
  element.hidden = true;
  return {
    element,

    // The newest card counts; one that was dismissed stays away, after a reload too.
    pin({ id, kind }, card) {
      observer.disconnect();
      element.hidden = true;
      if (storage.get("dismissed") === id) return;
      const dismiss = () => {
        observer.disconnect();
        element.hidden = true;
        storage.set("dismissed", id);
        focusInput();
      };
      const showCard = () => {
        focusOn(card);
        card.scrollIntoView({ block: "start" });
      };
      const phones = [...card.querySelectorAll(".phone")].map((link) => link.cloneNode(true));
      element.className = `strip ${kind}`;
      element.setAttribute("aria-label", strings[kind]);
      element.replaceChildren(
        cardHeading(kind, strings),
        makeCrossButton(strings.dismiss, "cross dismiss", dismiss),
        ...phones, // in view on the smallest screen
        makeButton(strings.showAgain, "show-again", showCard),
        make("p", {}, card.querySelector(".line")?.textContent || ""),
      );
      observer.observe(card);
    },
  };
}
