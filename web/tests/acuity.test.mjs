// The pages of acuity in a real browser, without JavaScript, at both widths.

import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { start } from "./acuity.mjs";
import { check_axe, launch, overflow, shot, WIDTHS } from "./browser.mjs";

let acuity;
let browser;

before(async () => {
  acuity = await start();
  browser = await launch();
});

after(async () => {
  await browser?.close();
  assert.equal(await acuity?.stop(), 0, "acuity ends cleanly when told to");
});

/** Opens a page, and fails on anything that the browser complains of. */
async function open(width, javaScriptEnabled) {
  const context = await browser.newContext({ javaScriptEnabled, viewport: { width, height: 900 } });
  const page = await context.newPage();
  const complaints = [];
  page.on("console", (message) => message.type() === "error" && complaints.push(message.text()));
  page.on("requestfailed", (request) => complaints.push(`${request.url()} failed`));
  page.on("request", (request) => request.url().startsWith(acuity.url) || complaints.push(`asked ${request.url()}`));
  return { page, complaints, close: () => context.close() };
}

/** A date some days ago, as the form wants it. */
function day(ago) {
  const date = new Date(Date.now() - ago * 86_400_000);
  return { day: date.getUTCDate(), month: date.getUTCMonth() + 1, year: date.getUTCFullYear() };
}

const COUNTS = { category_1: 4, category_2: 3, category_3: 2, category_4: 1, category_5: 0 };

test("an assessment is entered, corrected and seen in the trend without JavaScript", async () => {
  const { page, complaints, close } = await open(360, false);
  await page.goto(acuity.url);
  await page.getByRole("link", { name: "Ward 2" }).click();
  await page.getByRole("link", { name: "Enter an assessment" }).click();
  for (const [name, value] of Object.entries({ ...day(1), ...COUNTS, midwives: "four" })) {
    await page.locator(`[name=${name}]`).fill(String(value));
  }
  await page.locator("[name=period]").selectOption("2");
  await page.getByRole("button", { name: "Save assessment" }).click();
  assert.match(await page.title(), /^Error: /);
  await page.getByRole("link", { name: "Midwives on duty must be a whole number from 0 to 99" }).click();
  assert.equal(await page.locator("[name=category_1]").inputValue(), "4", "what was right is still there");
  await page.locator("[name=midwives]").fill("2");
  await page.getByRole("button", { name: "Save assessment" }).click();
  assert.equal(await page.locator("main .nhsuk-tag").innerText(), "Red");
  await page.locator("[name=midwives]").fill("4");
  await page.getByRole("button", { name: "Save correction" }).click();
  assert.equal(await page.locator("main .nhsuk-tag").innerText(), "Green");
  await page.locator(".nhsuk-back-link").click();
  assert.equal(await page.locator("svg.acuity-trend").count(), 1);
  // The refused form was the one answer that a browser reports.
  assert.deepEqual(complaints.filter((text) => !text.includes("422")), []);
  await close();
});

test("every page meets WCAG 2.2 AA, fits its window, and loads nothing from elsewhere", async () => {
  for (let ago = 1; ago <= 2; ago += 1) {
    for (let period = 0; period < 6; period += 1) {
      if (ago === 2 && period === 3) continue;
      const midwives = [6, 4, 3, 2, 5, 4][period];
      await acuity.post("/wards/1/assessments", { ...day(ago), period, ...COUNTS, midwives });
    }
  }
  const again = await acuity.post("/wards/3/assessments", { ...day(1), period: 0, ...COUNTS, midwives: 3 });
  const record = again.headers.get("location");
  for (const width of WIDTHS) {
    const { page, complaints, close } = await open(width, true);
    const look = async (name) => {
      assert.deepEqual(await check_axe(page), [], `${name} at ${width} px`);
      assert.equal(await overflow(page), 0, `${name} at ${width} px fits`);
      await shot(page, `acuity-${name}`, width);
    };
    for (const [name, path] of Object.entries({
      overview: "/",
      ward: "/wards/1",
      "ward-empty": "/wards/2",
      new: "/wards/1/enter",
      record,
      missing: "/nowhere",
    })) {
      await page.goto(acuity.url + path);
      await look(name);
    }
    await page.goto(`${acuity.url}/wards/3/enter`);
    await page.locator("details summary").click();
    await page.locator("[name=day]").fill("first");
    await page.getByRole("button", { name: "Save assessment" }).click();
    await look("refused");
    await page.goto(`${acuity.url}/wards/3/enter`);
    for (const [name, value] of Object.entries({ ...day(1), ...COUNTS, midwives: 1 })) {
      await page.locator(`[name=${name}]`).fill(String(value));
    }
    await page.locator("[name=period]").selectOption("0");
    await page.getByRole("button", { name: "Save assessment" }).click();
    await look("taken");
    assert.deepEqual(complaints.filter((text) => !/\b(404|409|422)\b/.test(text)), []);
    await close();
  }
});
