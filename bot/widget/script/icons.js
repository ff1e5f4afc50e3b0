// Line drawings on a field of 24 by 24, which need no font and no request.

export const CROSS = "M5 5l14 14M19 5 5 19";
export const DOTS = "M5 12h.01M12 12h.01M19 12h.01";
export const SPEECH = "M4 5h16v11H11l-5 4v-4H4z";
export const WARNING = "M12 3 2 21h20L12 3zm0 6v6m0 3v.5";

const SVG = "http://www.w3.org/2000/svg";

export function makeIcon(path) {
  const icon = document.createElementNS(SVG, "svg");
  const line = document.createElementNS(SVG, "path");
  icon.setAttribute("viewBox", "0 0 24 24");
  icon.setAttribute("class", "icon");
  icon.setAttribute("aria-hidden", "true");
  line.setAttribute("d", path);
  icon.append(line);
  return icon;
}
