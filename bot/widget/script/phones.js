// Phone numbers in a text become links to dial.

import { make } from "./elements.js";

// Brackets, dots and hyphens count as spaces do: half of "+1 (800) 555-0199" would dial a stranger. Extensions, times
// of day and hours such as "24h" are found too, or passed over, so that none of them becomes a number to dial.
const NUMBER = /(\bext\w*\.?\s*\d+|\+?(?:\(\d+\)|\d+(?![\da-z]|:\d))(?:[ \u00a0.-]?(?:\(\d+\)|\d+(?![\da-z]|:\d)))*)/i;

export function withPhoneLinks(text) {
  return text.split(NUMBER).map((part, index) => (index % 2 ? phoneLink(part) : part));
}

function phoneLink(number) {
  const plus = number.startsWith("+") ? "+" : "";
  const digits = (plus ? number.replace("(0)", "") : number).replace(/\D/g, "");
  if (/^ext/i.test(number) || digits.length < 3 || digits.length > 15) return number;
  // A number reads from left to right in every language.
  return make("a", { class: "phone", dir: "ltr", href: `tel:${plus}${digits}` }, number);
}
