// Phone numbers in a text become links to dial.

import { make } from "./elements.js";

// Brackets, dots and hyphens count as spaces do: half of "+1 (800) 555-0199" would dial a stranger. Extensions, times
// of day and hours such as "24h" are found too, or passed over, so that none of them becomes a number to dial. The
// names before a number, as in "UK 999", belong to its link: nobody calls another country's.
const NUMBER = /(\b[Ee]xt\w*\.?\s*\d+|(?:\p{Lu}[^\s\d:]* )*\+?(?:\(\d+\)|\d+(?!\w|:\d))(?:[ \u00a0.-]?(?:\(\d+\)|\d+(?!\w|:\d)))*)/u;

export function withPhoneLinks(text) {
  return text.split(NUMBER).map((part, index) => (index % 2 ? phoneLink(part) : part));
}

function phoneLink(number) {
  const plus = number.includes("+") ? "+" : "";
  const digits = (plus ? number.replace("(0)", "") : number).replace(/\D/g, "");
  if (/\bext/i.test(number) || digits.length < 3 || digits.length > 15) return number;
  // A number reads from left to right in every language.
  return make("a", { class: "phone", dir: "ltr", href: `tel:${plus}${digits}` }, number);
}
