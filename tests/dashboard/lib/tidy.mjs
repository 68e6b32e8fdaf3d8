/** Text as a person reads it: one space is as good as another. */
export function tidy(text) {
  return text.replace(/\s+/g, " ").trim();
}
