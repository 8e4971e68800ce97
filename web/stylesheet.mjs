// Turns nhsuk-frontend's published stylesheet into the one our pages may serve.
//
// The NHS font may be used by NHS services on nhs.uk only, and our pages load nothing from another host, so the font
// and the icon files go. What remains must not name any address at all; `own` fails rather than let one through.

/** Returns `published` without the NHS font, without anything fetched by address, set in Arial. */
export function own(published) {
  const text = published
    .replace(/@font-face\s*\{[^{}]*\}/g, "")
    .replace(/(["']?)Frutiger W01\1\s*,\s*/g, "")
    // Rules with icon files: sortable tables and the clear button in search fields. We use neither.
    .replace(/[^{}]*\{[^{}]*url\([^{}]*\}/g, "")
    .replace(/\/\*# sourceMappingURL=[^*]*\*\//g, "");
  for (const forbidden of ["@font-face", "Frutiger", "url(", "@import", "assets.nhs.uk"]) {
    if (text.includes(forbidden)) {
      throw new Error(`the stylesheet still holds \`${forbidden}\`: nhsuk-frontend changed, so look at stylesheet.mjs`);
    }
  }
  if (!text.includes(".nhsuk-button") || !text.includes("font-family:arial,sans-serif")) {
    throw new Error("the stylesheet lost its components or its font: nhsuk-frontend changed, so look at stylesheet.mjs");
  }
  return text.trim() + "\n";
}
