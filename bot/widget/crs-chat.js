// A stand-in until the widget is there: it defines the element, so that a page with the tag works.
customElements.define("crs-chat", class extends HTMLElement {});
