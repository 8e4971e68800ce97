import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { test } from "node:test";
import { own } from "../stylesheet.mjs";

const PLAIN = ".nhsuk-button{color:#fff}html{font-family:Frutiger W01,arial,sans-serif}";

test("the NHS font, icon files and the source map are left out", () => {
  const font = "@font-face{font-family:Frutiger W01;src:url(https://assets.nhs.uk/a.woff2)}";
  const icon = "@supports (mask-position:initial){.a{mask-image:url(/assets/images/a.svg)}}";
  assert.equal(
    own(`${font}${PLAIN}${icon}/*# sourceMappingURL=a.css.map */`),
    ".nhsuk-button{color:#fff}html{font-family:arial,sans-serif}@supports (mask-position:initial){}\n",
  );
});

test("a stylesheet that would load something is refused", () => {
  assert.throws(() => own(`${PLAIN}@import "https://elsewhere.test/a.css";`), /still holds `@import`/);
  assert.throws(() => own(`${PLAIN}.a{font-family:"Frutiger"}`), /still holds `Frutiger`/);
});

test("a stylesheet without components or font is refused", () => {
  assert.throws(() => own(".other{}"), /lost its components or its font/);
});

test("the lock file names no registry", async () => {
  const lock = await readFile(new URL("../package-lock.json", import.meta.url), "utf8");
  assert.doesNotMatch(lock, /"resolved"|https?:\/\//);
});
