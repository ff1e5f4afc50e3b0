// Every text that the widget shows by itself. A translation is a table with these keys; what it lacks stays English.

const english = {
  title: "CRS family chat",
  permanent: "Automated, not watched by staff. In an emergency call your hospital or emergency services.",
  // What stands here until the service has sent its own, with the hospital's numbers.
  contact:
    "Call the treating hospital, the ward team or emergency services now, at any hour.\n\n" +
    "Anywhere else: your local emergency number.\n" +
    "Also call the number on your treatment card or discharge letter.\n\n" +
    "Say that the patient had CAR-T or bispecific therapy, and when.",
  hint: "Ask about cytokine release syndrome (CRS), for example: “How long does CRS last?”",
  privacyLink: "More on privacy",
  question: "Your question",
  send: "Send",
  close: "Close the chat",
  conversation: "Conversation",
  you: "You",
  assistant: "Automated reply",
  source: "Source",
  suggestions: "Suggestions",
  finding: "Finding an answer…",
  loading: "Loading…",
  offline: "You are offline.",
  unsent: "Not sent, will retry.",
  refused: "Not sent.",
  ifIll: "If someone is ill now",
  tryNow: "Try now",
  notLoaded: "The service does not answer yet.",
  lost: "Your earlier conversation has ended. This is a new one.",
  emergency: "Emergency",
  crisis: "Please call someone",
  showAgain: "Read again",
  dismiss: "Dismiss",
  menu: "Menu",
  copy: "Copy the conversation",
  copied: "Copied.",
  notCopied: "Not copied.",
  print: "Print the conversation",
  code: "Conversation code",
  clear: "Clear this chat…",
  clearQuestion: "Erase it on the server too?",
  clearHere: "Clear on this screen",
  clearEverywhere: "Erase on the server too",
  cancel: "Cancel",
  cleared: "Cleared.",
  notErased: "Not erased. Please try again.",
  helpful: "Was this helpful?",
  yes: "Yes",
  no: "No",
  comment: "Comment (optional)",
  sendComment: "Send comment",
  thanks: "Thank you.",
  notSaved: "Not saved.",
};

const tables = new Map([["en", english]]);
const RIGHT_TO_LEFT = ["ar", "ckb", "dv", "fa", "he", "ps", "sd", "ug", "ur", "yi"];

export function addTable(language, table) {
  tables.set(language.toLowerCase(), table);
}

export function stringsFor(language) {
  const wanted = language.toLowerCase();
  const primary = wanted.split("-")[0];
  const found = [wanted, primary].find((code) => tables.has(code)) || "en";
  // The layout follows the page's language even where the table is missing and the words stay English.
  const direction = RIGHT_TO_LEFT.includes(primary) ? "rtl" : "ltr";
  return { ...english, ...tables.get(found), language: found, direction };
}
