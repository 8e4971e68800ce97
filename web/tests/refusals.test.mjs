// What the gateway says by itself, in a real browser: in the design system's dress, on one page that asks for nothing
// elsewhere, because it must show while everything else is down.

import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { after, before, test } from "node:test";
import { becomes_so, check_axe, launch, overflow, vouched_for, WIDTHS } from "./browser.mjs";
import { sign_in, start } from "./service.mjs";

/** A test that takes longer than this, in milliseconds, hangs. */
const PATIENCE = { timeout: 180_000 };

const TLS = "\ntls = {";

let service;
let browser;
let app;

/** The demo, with bounds that a test soon reaches. */
function bounded(text) {
  assert.equal(text.split(TLS).length, 2, "the demo says once how TLS is spoken");
  return text.replace(TLS, `\nlimits = { answer = "3 s", body = "16 KiB", header = "8 KiB" }${TLS}`);
}

before(async () => {
  service = await start(bounded);
  app = service.apps.riverside;
  const names = [app, service.signin].map((address) => new URL(address).hostname);
  browser = await launch({ trust: await vouched_for(await readFile(service.ca), service.port, names) });
});

after(async () => {
  await browser?.close();
  const stopped = await service?.stop();
  assert.equal(stopped?.code, 0, `avouch ends cleanly when told to:\n${stopped?.log}`);
});

/** A page that is asked for by `ask`, which must be a refusal with this status and these words, good in both widths. */
async function refused(page, ask, status, title, words) {
  const refusal = (answer) => answer.request().isNavigationRequest() && answer.status() >= 400;
  const [answer] = await Promise.all([page.waitForResponse(refusal), ask()]);
  assert.equal(answer.status(), status, title);
  await page.getByRole("heading", { level: 1, name: title }).waitFor();
  assert.ok((await page.locator("main").innerText()).includes(words), await page.locator("main").innerText());
  const dress = await page.evaluate(() => {
    const look = (selector) => getComputedStyle(document.querySelector(selector));
    return [look("h1").fontWeight, look("body").backgroundColor, look(".nhsuk-header").backgroundColor];
  });
  assert.deepEqual(dress, ["600", "rgb(240, 244, 245)", "rgb(0, 94, 184)"], title);
  for (const width of WIDTHS) {
    await page.setViewportSize({ width, height: 900 });
    assert.deepEqual(await check_axe(page), [], `${title} at ${width} px`);
    assert.equal(await overflow(page), 0, `${title} at ${width} px fits`);
    assert.equal(await page.locator("h1").evaluate((h1) => getComputedStyle(h1).fontSize), width < 640 ? "27px" : "36px");
  }
  const asked = await page.evaluate(() => performance.getEntriesByType("resource").map(({ name }) => name));
  assert.deepEqual(asked, [], `${title} stands alone`);
}

/** Sends a form from a page that is nobody's. */
async function send_from_nowhere(page, text) {
  await page.goto("about:blank");
  await page.setContent(`<form method="post" action="${app}/wards/2/assessments"><textarea name="day"></textarea><button>Go</button></form>`);
  await page.locator("textarea").fill(text);
  await page.getByRole("button").click();
}

/** Somebody who is signed in at the application. */
async function signed_in() {
  const page = await (await browser.newContext()).newPage();
  await page.goto(`${app}/wards/2`);
  await sign_in(page, service.users.find((user) => user.role === "member" && user.tenant === "riverside"));
  await page.waitForURL(`${app}/wards/2`);
  return page;
}

/** Lets a process stand still while something is done. */
async function while_stopped(pid, act) {
  process.kill(pid, "SIGSTOP");
  try {
    await act();
  } finally {
    process.kill(pid, "SIGCONT");
  }
}

test("what a browser sends wrongly is refused by a page that says what to do", PATIENCE, async () => {
  const page = await (await browser.newContext()).newPage();
  const open = (path) => () => page.goto(app + path);
  await refused(page, open("/wards%2f2"), 400, "Request not understood", "could not be understood");
  await refused(page, open(`/?${"long".repeat(3_000)}`), 431, "Request too large", "longer than this service takes");
  await refused(page, open(`/wards/2/assessments/${"9".repeat(200)}`), 414, "Address too long", "more characters than any record has");
  await refused(page, () => send_from_nowhere(page, "1"), 403, "Not from this page", "did not come from a page of this service");
  await refused(page, () => send_from_nowhere(page, "1".repeat(20_000)), 413, "Too much at once", "larger than this service takes");
});

test("what is no number is refused by a page that says what is", PATIENCE, async () => {
  const page = await signed_in();
  await page.goto(`${app}/wards/2/enter`);
  const send = () =>
    page.evaluate(() => {
      const field = document.querySelector("form [name=midwives]");
      field.type = "text";
      field.value = "several";
      field.form.submit();
    });
  await refused(page, send, 422, "Only numbers can be entered", "takes a whole number of at most");
});

test("an application that does not answer, and a core that is gone, are told of by a page that stands alone", PATIENCE, async () => {
  const page = await signed_in();
  const open = () => page.goto(`${app}/wards/2`);
  await while_stopped(await service.application("riverside"), () =>
    refused(page, open, 504, "Taking too long", "did not answer in time"),
  );
  // Who would start it again stands still, so that it stays away for as long as the page is looked at.
  const core = await service.role("core");
  await while_stopped(service.pid, async () => {
    process.kill(core, "SIGKILL");
    await refused(page, open, 503, "Back in a moment", "Nothing of yours was lost");
  });
  await becomes_so("the service to be back", async () => (await service.avouch("user", "list")).code === 0, 60);
});
