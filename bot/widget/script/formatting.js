// The few marks that answers use: paragraphs, lists, **bold**, [title](address) and bare addresses.

import { make } from "./elements.js";

const MARKS = /(\*\*.+?\*\*|\[[^\]\n]+\]\([^)\s]+\)|\bhttps?:\/\/[^\s<>"]*[^\s<>".,;:!?)])/;
const ITEM = /^(?:[-*]|(\d+)[.)])\s+/;
const SCHEMES = ["https:", "http:", "mailto:", "tel:"];

// The blocks of a text; `phrases` makes nodes of what lies between the marks.
export function formatted(text, phrases = (text) => [text]) {
  const blocks = [];
  let open = null;
  for (const line of text.trim().split("\n")) {
    if (!line.trim()) {
      open = null;
      continue;
    }
    const item = ITEM.exec(line);
    const tag = !item ? "p" : item[1] ? "ol" : "ul";
    if (open?.localName !== tag) blocks.push((open = make(tag, { dir: "auto" })));
    const content = withMarks(item ? line.slice(item[0].length) : line, phrases);
    open.append(item ? make("li", item[1] ? { value: item[1] } : {}, ...content) : make("span", { class: "line" }, ...content));
  }
  return blocks;
}

function withMarks(text, phrases) {
  return text.split(MARKS).flatMap((part, index) => {
    if (index % 2 === 0) return phrases(part);
    if (part.startsWith("**")) return make("strong", {}, ...withMarks(part.slice(2, -2), phrases));
    const [, title, address] = /^\[(.+)\]\((.+)\)$/.exec(part) || [part, part, part];
    return linkTo(title, address);
  });
}

// A link, or the title alone where the address has no scheme that may be followed.
export function linkTo(title, address) {
  let scheme;
  try {
    scheme = new URL(address).protocol;
  } catch {
    return title; // no whole address
  }
  if (!SCHEMES.includes(scheme)) return title;
  const link = make("a", { href: address, rel: "noopener noreferrer" }, title);
  if (scheme.startsWith("http")) link.target = "_blank"; // the conversation stays open
  return link;
}
