// How long people wait, as a real browser says it: where a report asks for it and the application includes the script.

import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { after, before, test } from "node:test";
import { launch, vouched_for } from "./browser.mjs";
import { sign_in, start } from "./service.mjs";

const DATE = new Date(Date.now() - 86_400_000);
const YESTERDAY = { day: DATE.getUTCDate(), month: DATE.getUTCMonth() + 1, year: DATE.getUTCFullYear() };
const COLUMNS = ["times", "half within", "95% within", "99% within"].map((what) => `In browsers: ${what}`);

/** A test that takes longer than this, in milliseconds, hangs. */
const PATIENCE = { timeout: 120_000 };

let service;
let browser;

before(async () => {
  service = await start((text) => {
    const told = text
      .replace('"--data", "$DATA"]', '"--data", "$DATA", "--timing"]')
      .replace('within = "2 s"', 'within = "2 s"\nin-browser = true');
    return `${told}
[[report]]
name = "ward"
title = "Waiting for a ward"
measure = "interaction"
on = "GET /wards/{ward}"
in-browser = true
every = "month"
for = "supplier"
`;
  });
  const names = [service.signin, ...Object.values(service.apps)].map((address) => new URL(address).hostname);
  browser = await launch({ trust: await vouched_for(await readFile(service.ca), service.port, names) });
});

after(async () => {
  await browser?.close();
  const stopped = await service?.stop();
  assert.equal(stopped?.code, 0, `avouch ends cleanly when told to:\n${stopped?.log}`);
});

/** The figures of a report by their headings, on its first line. */
async function figures(name) {
  const { stdout } = await service.avouch("--json", "report", "show", name);
  const report = JSON.parse(stdout);
  const values = report.lines[0]?.values ?? [];
  return Object.fromEntries(report.columns.map((column, place) => [column.heading, values[place]]));
}

/** The next time that a page says something took, as it was sent, once it was taken. */
function next_said(page) {
  return page
    .waitForResponse((response) => response.url().endsWith("/.avouch/timing"))
    .then(async (response) => ({ status: response.status(), sent: response.request().postData() }));
}

test("a page and a form are timed until the page is there, and nothing else is sent", PATIENCE, async () => {
  const context = await browser.newContext();
  const page = await context.newPage();
  const complaints = [];
  page.on("console", (message) => message.type() === "error" && complaints.push(message.text()));
  const member = service.users.find((user) => user.role === "member" && user.tenant === "riverside");
  await page.goto(`${service.apps.riverside}/`);
  await sign_in(page, member);
  await page.getByRole("link", { name: "Ward 1" }).waitFor();

  const opened = next_said(page);
  await page.goto(`${service.apps.riverside}/wards/2`);
  const ward = await opened;
  assert.equal(ward.status, 204);
  assert.match(ward.sent, /^on=GET\+%2Fwards%2F%7Bward%7D&ms=\d+$/);

  await page.goto(`${service.apps.riverside}/wards/2/enter`);
  for (const [name, value] of Object.entries({ ...YESTERDAY, category_1: 2, category_2: 1, category_3: 0, category_4: 0, category_5: 0, midwives: 4 })) {
    await page.locator(`[name=${name}]`).fill(String(value));
  }
  await page.locator("[name=period]").selectOption("4");
  const saved = next_said(page);
  await page.getByRole("button", { name: "Save assessment" }).click();
  const form = await saved;
  assert.equal(form.status, 204);
  assert.match(form.sent, /^on=POST\+%2Fwards%2F%7Bward%7D%2Fassessments&ms=\d+$/);
  assert.deepEqual(complaints, [], "the policies let the script through");
  await context.close();

  for (const name of ["ward", "saving"]) {
    const found = await figures(name);
    const [times, ...within] = COLUMNS.map((column) => found[column]);
    assert.equal(times, 1, `${name}: ${JSON.stringify(found)}`);
    for (const took of within) assert.ok(took > 0 && took < 60_000, `${name}: ${JSON.stringify(found)}`);
    assert.ok(found["Half within"] !== undefined, "the gateway's figures stand beside them");
  }
});
