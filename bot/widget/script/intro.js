// What stands above the first message: what to ask, and what is kept of it.

import { linkTo } from "./formatting.js";
import { make } from "./elements.js";

export function createIntro(strings) {
  const privacyLine = make("p", { class: "privacy" });
  return {
    element: make("div", { class: "intro" }, make("p", {}, strings.hint), privacyLine),
    showPrivacy({ text, url }) {
      privacyLine.replaceChildren(text, " ", linkTo(url && strings.privacyLink, url));
    },
  };
}
