// The whole service in a real browser, as the people it is for use it.
//
// Every distinct page is looked at in both widths, by browsers that run no script: WCAG 2.2 AA, nothing to scroll sideways,
// nothing loaded from elsewhere. The last test here compares what was looked at with the service's own table of routes.
// `npm run tour` takes the pictures of the README's tour, of the demo's statement as it is.

import assert from "node:assert/strict";
import { chmod, readFile, writeFile } from "node:fs/promises";
import path from "node:path";
import { after, before, test } from "node:test";
import { becomes_so, check_axe, launch, overflow, vouched_for, WIDTHS } from "./browser.mjs";
import { run, sign_in, start } from "./service.mjs";

const TOUR = new URL("../../docs/tour/", import.meta.url).pathname;
const ROUTES = new URL("../../crates/console/src/routes.rs", import.meta.url).pathname;

/** The answers to GET that are not pages: files, data, and steps that lead on at once. */
const NO_PAGE = /^\/(\.avouch\/.*|statement\.(json|md)|log\/.*|pack\/\{tenant\}|reports\/\{name\}\/sheet)$/;

const DATE = new Date(Date.now() - 86_400_000);
const YESTERDAY = { day: DATE.getUTCDate(), month: DATE.getUTCMonth() + 1, year: DATE.getUTCFullYear() };

/** A test that takes longer than this, in milliseconds, hangs. Most take a few seconds. */
const PATIENCE = { timeout: 180_000 };

let service;
let browser;
/** Host and path of every page that was looked at. */
const seen = new Set();

/** What London's clocks show so many milliseconds from now, as Swedes write it: `2026-11-21 14:32:07`. */
function in_london(later) {
  return new Date(Date.now() + later).toLocaleString("sv-SE", { timeZone: "Europe/London" });
}

/** The demo, with a database that comes back as it was at any moment, and with its review of access in two minutes. */
function soon(text) {
  const edits = {
    'to = ["local", "offsite"]\n\n# Avouch': 'to = ["local", "offsite"]\nchanges = { within = "14 d", lose-at-most = "10 s" }\n\n# Avouch',
    'at = "06:00 Europe/London"': `at = "${in_london(179_000).slice(11, 16)} Europe/London"`,
  };
  for (const [before, after] of Object.entries(edits)) {
    assert.equal(text.split(before).length, 2, `the demo says once: ${before}`);
    text = text.replace(before, after);
  }
  return text;
}

before(async () => {
  service = await start(process.env.TOUR ? undefined : soon);
  const hosts = [service.statement, service.signin, service.console, ...Object.values(service.apps)];
  const names = hosts.map((address) => new URL(address).hostname);
  browser = await launch({ trust: await vouched_for(await readFile(service.ca), service.port, names) });
  // What the review is to find.
  const nosy = known("member", "hillside");
  const told = await run("sh", ["-c", 'echo "own 999 000 0026" | "$@"', "sh", ...service.command("user", "records", nosy.email)]);
  assert.equal(told.code, 0, told.stdout + told.stderr);
  const { page, leave } = await visitor();
  await page.goto(`${service.apps.hillside}/wards/2/assessments/9990000026`);
  await sign_in(page, nosy);
  await page.waitForURL(`${service.apps.hillside}/wards/2/assessments/9990000026`);
  await leave();
});

after(async () => {
  await browser?.close();
  const stopped = await service?.stop();
  assert.equal(stopped?.code, 0, `avouch ends cleanly when told to:\n${stopped?.log}`);
});

/** Somebody with a browser of their own, who looks at pages closely. */
async function visitor() {
  const context = await browser.newContext({ viewport: { width: 1440, height: 900 } });
  const page = await context.newPage();
  const browsing = await context.newCDPSession(page);
  const without_script = (value) => browsing.send("Emulation.setScriptExecutionDisabled", { value });
  await without_script(true);
  const complaints = [];
  const ours = (address) => new URL(address).hostname.endsWith("acuity.localhost");
  page.on("console", (message) => message.type() === "error" && complaints.push(message.text()));
  page.on("requestfailed", (request) => {
    // So a browser calls a page that it saved instead of showing it.
    if (request.failure().errorText !== "net::ERR_ABORTED") complaints.push(`${request.url()} failed`);
  });
  page.on("request", (request) => ours(request.url()) || complaints.push(`asked ${request.url()}`));
  return {
    page,
    context,
    complaints,
    /** Fails unless the page is good in both widths; keeps pictures of it for the tour in those that are named. */
    async look(name, pictures = {}) {
      assert.equal(await page.locator("script").count(), 0, `${name} has no script`);
      const { hostname, pathname } = new URL(page.url());
      seen.add(`${hostname} ${pathname}`);
      // What looks at the page is a script.
      await without_script(false);
      for (const width of WIDTHS) {
        await page.setViewportSize({ width, height: 900 });
        assert.deepEqual(await check_axe(page), [], `${name} at ${width} px`);
        assert.equal(await overflow(page), 0, `${name} at ${width} px fits`);
        if (process.env.TOUR && pictures[width]) {
          await page.setViewportSize({ width, height: pictures[width] });
          await page.evaluate(() => scrollTo(0, 0));
          await page.screenshot({ path: `${TOUR}${name}-${width}.png` });
        }
      }
      await without_script(true);
    },
    leave: () => context.close(),
  };
}

/** One of the demo's people. */
function known(role, tenant) {
  return service.users.find((user) => user.role === role && user.tenant === tenant);
}

/** Asks for a page of the console, signing in on the way. */
async function at_console(person, place = "/") {
  const somebody = await visitor();
  await somebody.page.goto(service.console + place);
  await sign_in(somebody.page, person);
  await somebody.page.waitForURL(service.console + place);
  return somebody;
}

/** Follows a link to something that is saved, or presses a button for it, and returns where it is. */
async function download(page, name, role = "link") {
  const began = page.waitForEvent("download");
  await page.getByRole(role, { name }).click();
  return (await began).path();
}

/** Enters an assessment of a period of yesterday that the demo leaves open, and returns the record's path. */
async function enter_assessment(page, period) {
  const counts = { category_1: 4, category_2: 3, category_3: 2, category_4: 1, category_5: 0, midwives: 2 };
  for (const [name, value] of Object.entries({ ...YESTERDAY, ...counts })) {
    await page.locator(`[name=${name}]`).fill(String(value));
  }
  await page.locator("[name=period]").selectOption(period);
  await page.getByRole("button", { name: "Save assessment" }).click();
  await page.waitForURL(/\/wards\/2\/assessments\/[^/]+$/);
  return new URL(page.url()).pathname;
}

test("a member signs in, enters an assessment, sees it in the trend, and signs out", PATIENCE, async () => {
  const { page, context, complaints, look, leave } = await visitor();
  const app = service.apps.riverside;
  await page.goto(`${app}/wards/2`);
  assert.equal(new URL(page.url()).host, new URL(service.signin).host, "nobody gets in without signing in");
  await look("sign-in", { 360: 800 });
  await sign_in(page, { ...known("member", "riverside"), password: "not-the-right-1" });
  await page.getByRole("alert").waitFor();
  assert.match(await page.title(), /^Error: /);
  await look("sign-in-refused");
  await sign_in(page, known("member", "riverside"));
  await page.waitForURL(`${app}/wards/2`);

  await page.getByRole("link", { name: "Enter an assessment" }).click();
  await look("assessment-form");
  const record = await enter_assessment(page, "4");
  await look("assessment");
  await page.getByRole("link", { name: "Ward 2" }).filter({ visible: true }).click();
  await page.locator("svg.acuity-trend").waitFor();
  assert.equal(await page.locator(`a[href="${record}"]`).count(), 1, "the new assessment is in the list");
  await look("ward", { 1440: 900 });

  const cookies = await context.cookies(app);
  assert.deepEqual(cookies.map(({ name, secure, httpOnly, sameSite }) => ({ name, secure, httpOnly, sameSite })), [
    { name: "__Host-avouch", secure: true, httpOnly: true, sameSite: "Lax" },
  ]);
  await page.goto(service.console);
  assert.doesNotMatch(await page.locator("main").innerText(), /Claims now/, "the console is not for members");
  await look("console-refused");

  await page.goto(app);
  await look("wards");
  await page.getByRole("button", { name: "Sign out" }).click();
  await page.waitForURL(`${service.signin}/done`);
  await look("signed-out");
  await page.goto(app);
  assert.equal(new URL(page.url()).host, new URL(service.signin).host, "signed out is signed out");
  // The refused sign-in and the refused console were the answers that a browser reports.
  assert.deepEqual(complaints.filter((text) => !/\b(401|403)\b/.test(text)), []);
  await leave();
});

test("an administrator finds who entered an assessment in the audit trail", PATIENCE, async () => {
  const member = await visitor();
  await member.page.goto(`${service.apps.riverside}/wards/2`);
  await sign_in(member.page, known("member", "riverside"));
  await member.page.getByRole("link", { name: "Enter an assessment" }).click();
  const record = await enter_assessment(member.page, "5");
  await member.leave();

  const { page, complaints, look, leave } = await at_console(known("administrator", "riverside"), "/trail");
  await page.getByLabel("Subject").fill(path.basename(record));
  await page.getByRole("button", { name: "Search" }).click();
  const row = page.getByRole("row").filter({ hasText: "POST /wards/2/assessments" }).first();
  const told = await row.innerText();
  assert.match(told.replaceAll("\u200b", ""), /member@riverside\.example/);
  assert.match(told, /done/);
  await look("trail", { 1440: 1480 });
  await page.getByLabel("Kind").selectOption({ label: "Record opened" });
  await page.getByLabel("Where from").fill("127.0.0.1");
  await page.getByRole("button", { name: "Search" }).click();
  const kinds = await page.getByRole("row").filter({ hasText: "127.0.0.1" }).allInnerTexts();
  assert.ok(kinds.length > 0 && kinds.every((kind) => kind.includes("record-opened")), "records that were opened, and nothing else");
  await page.getByLabel("Where from").fill("192.0.2.7");
  await page.getByRole("button", { name: "Search" }).click();
  await page.getByText("No event fits").waitFor();
  await page.getByLabel("First day").fill("yesterday");
  await page.getByRole("button", { name: "Search" }).click();
  await page.getByRole("alert").waitFor();
  assert.match(await page.title(), /^Error: /);
  await look("trail-refused");
  await page.goto(`${service.console}/tenants`);
  assert.match(await page.locator("main").innerText(), /not|cannot/i);
  assert.deepEqual(complaints.filter((text) => !/\b(400|403|404)\b/.test(text)), []);
  await leave();
});

test("an administrator says who opened a record, and takes the answer away with proofs", PATIENCE, async () => {
  const member = await visitor();
  await member.page.goto(`${service.apps.riverside}/wards/2`);
  await sign_in(member.page, known("member", "riverside"));
  await member.page.goto(`${service.apps.riverside}/wards/2/assessments/9990000026`);
  await member.leave();

  const { page, complaints, look, leave } = await at_console(known("administrator", "riverside"), "/subject");
  await look("subject");
  const ask = () => page.getByRole("button", { name: "Show who opened it" }).click();
  await page.getByLabel("NHS number or record").fill("999 000 0027");
  await page.getByLabel("Why you ask").fill("She asked who looked");
  await ask();
  await page.getByRole("alert").waitFor();
  assert.match(await page.locator("main").innerText(), /its last digit does not fit/);
  await look("subject-refused");
  await page.getByLabel("NHS number or record").fill("999 000 0026");
  await ask();
  const row = page.getByRole("row").filter({ hasText: "127.0.0.1" }).first();
  assert.match((await row.innerText()).replaceAll("\u200b", ""), /record-opened: GET \/wards\/2\/assessments\/9990000026/);
  assert.doesNotMatch(await page.locator("main").innerText(), /member@/, "staff are not named");
  await look("subject-report", { 1440: 1640 });
  const document = await readFile(await download(page, "Document (PDF)", "button"));
  assert.equal(document.subarray(0, 5).toString(), "%PDF-");
  assert.match(await readFile(await download(page, "FHIR AuditEvents", "button"), "utf8"), /"AuditEvent"/);

  await page.goto(`${service.console}/trail?subject=9990000026`);
  await page.getByRole("button", { name: "Download with proofs" }).click();
  await page.getByRole("alert").waitFor();
  assert.match(await page.locator("main").innerText(), /Say why you take these events away/);
  await look("proofs-refused");
  await page.getByLabel("Why", { exact: true }).fill("She asked who looked");
  const taken = await download(page, "Download with proofs", "button");
  const policy = path.join(service.folder, "trail-policy");
  await writeFile(policy, `log ${await readFile(path.join(service.data, "run/log.vkey"), "utf8")}`);
  const verified = await service.avouch("verify", taken, "--policy", policy);
  assert.equal(verified.code, 0, verified.stdout + verified.stderr);
  assert.match(verified.stdout, /member@riverside\.example/);
  assert.deepEqual(complaints.filter((text) => !/\b(400)\b/.test(text)), []);
  await leave();
});

test("an administrator adds a person, who signs in, and is shut out once disabled", PATIENCE, async () => {
  const { page, complaints, look, leave } = await at_console(known("administrator", "riverside"), "/people");
  await look("people");
  await page.getByRole("link", { name: "Add a person" }).click();
  await look("person-none");
  await page.getByRole("button", { name: "Add this person" }).click();
  await look("person-refused");
  await page.getByLabel("Full name").fill("Robin Newcomer");
  await page.getByLabel("Email address").fill("robin@riverside.example");
  await page.getByLabel("Member").check();
  await look("person-new");
  await page.getByRole("button", { name: "Add this person" }).click();
  await look("password");
  const password = await page.locator("dd.nhsuk-u-font-code").innerText();
  assert.match(password, /^[A-Za-z0-9]{12}$/);

  const robin = await visitor();
  await robin.page.goto(service.apps.riverside);
  await sign_in(robin.page, { email: "robin@riverside.example", password });
  await robin.page.waitForURL(`${service.apps.riverside}/`);
  await robin.page.goto(service.apps.hillside);
  assert.doesNotMatch(await robin.page.locator("main").innerText(), /Midwives on duty/, "another tenant is not theirs");
  await robin.look("not-theirs");

  await page.getByRole("link", { name: "go to people" }).click();
  await page.getByRole("link", { name: "Robin Newcomer" }).click();
  await look("person");
  const person = page.url();
  await page.goto(`${person}/locality`);
  await look("locality");
  await page.goto(person);
  await page.getByRole("button", { name: "Disable this person" }).click();
  assert.match(await page.locator("[role=alert]").innerText(), /can no longer sign in/);
  await robin.page.goto(service.apps.riverside);
  assert.equal(new URL(robin.page.url()).host, new URL(service.signin).host, "their session ended at once");
  await robin.leave();
  assert.deepEqual(complaints.filter((text) => !/\b400\b/.test(text)), []);
  await leave();
});

test("somebody sets a second factor up with a telephone, is asked for it, and takes it away again", PATIENCE, async () => {
  const words = ["--json", "user", "add", "tess@riverside.example", "--name", "Tess Telephone", "--tenant", "riverside"];
  const person = JSON.parse((await service.avouch(...words)).stdout);
  const telephone = async (key, later) => {
    const now = `--now=@${Math.floor(Date.now() / 1000) + later}`;
    return (await run("oathtool", ["--totp", "--base32", now, key])).stdout.trim();
  };

  const tess = await at_console(person, "/account/second-factor");
  await tess.look("second-factor-none");
  await tess.page.getByRole("button", { name: "Set it up" }).click();
  const key = (await tess.page.locator("p.nhsuk-u-font-code").innerText()).replaceAll(" ", "");
  await tess.look("second-factor-offer");
  const digits = tess.page.getByLabel("The six digits that the application shows");
  await digits.fill("000000");
  await tess.page.getByRole("button", { name: "Set it up" }).click();
  assert.match(await tess.page.title(), /^Error: /);
  await tess.look("second-factor-refused");
  await digits.fill(await telephone(key, 0));
  await tess.page.getByRole("button", { name: "Set it up" }).click();
  assert.equal(await tess.page.locator("main li").count(), 10);
  await tess.look("recovery-codes");
  await tess.page.getByRole("link", { name: "I have kept them" }).click();
  await tess.look("second-factor");
  assert.deepEqual(tess.complaints.filter((text) => !/\b401\b/.test(text)), []);
  await tess.leave();

  const again = await visitor();
  await again.page.goto(`${service.console}/account/second-factor`);
  await sign_in(again.page, person);
  await again.look("code");
  await again.page.getByLabel("Code").fill(await telephone(key, 30));
  await again.page.getByRole("button", { name: "Sign in" }).click();
  await again.page.waitForURL(`${service.console}/account/second-factor`);
  await again.page.goto(`${service.console}/account/confirm?path=/account`);
  await again.look("confirm");
  await again.page.goto(`${service.console}/account/second-factor`);
  await again.page.getByRole("button", { name: "Take it away" }).click();
  await again.page.waitForURL(/^https:\/\/signin\./);
  await sign_in(again.page, person);
  await again.page.waitForURL(`${service.console}/account`);
  assert.deepEqual(again.complaints, []);
  await again.leave();
});

test("the supplier starts a drill and follows it until it has passed", PATIENCE, async () => {
  // The first drill of a moment comes by itself, once a moment can be had: a second one of the tenant is refused until it is over.
  const first = async () => {
    const listed = await service.avouch("drill", "list", "--json");
    return JSON.parse(listed.stdout).some((drill) => drill.owner === "riverside" && drill.moment);
  };
  if (!process.env.TOUR) await becomes_so("a drill of a moment", first, 120);
  const { page, complaints, look, leave } = await at_console(known("supplier", ""), "/drills");
  await look("drills");
  await page.getByLabel("Tenant").selectOption("riverside");
  await page.getByRole("button", { name: "Start a drill" }).click();
  await page.waitForURL(/\/drills\/.+/);
  assert.match(await page.locator("main").innerText(), /The drill is running/, "it is followed while it goes on");
  await page.locator(".nhsuk-summary-list .nhsuk-tag").filter({ hasText: "Passed" }).waitFor();
  assert.equal(await page.locator("table .nhsuk-tag").filter({ hasText: "Passed" }).count(), 4, "every step passed");
  await look("drill", { 1440: 1000 });
  assert.deepEqual(complaints, []);
  await leave();
});

test("the supplier restores a tenant as it was at a moment, from the plan to its end", PATIENCE, async () => {
  const { page, complaints, look, leave } = await at_console(known("supplier", ""), "/restore");
  await look("restore");
  await page.getByLabel("Tenant").selectOption({ label: "hillside, tenant-data" });
  await page.getByRole("button", { name: "Show what would be done" }).click();
  assert.match(await page.title(), /^Error: /);
  await look("restore-refused");
  const ask = async () => {
    const [date, time] = in_london(-2_000).split(" ");
    await page.getByLabel("Tenant").selectOption({ label: "hillside, tenant-data" });
    await page.getByLabel("Date").fill(date);
    await page.getByLabel("Time").fill(time);
    await page.getByLabel("Why").fill("To show how it is done");
    await page.getByRole("button", { name: "Show what would be done" }).click();
    return (await page.getByRole("button", { name: "Restore it now" }).count()) > 0;
  };
  await becomes_so("a moment that is stored", ask, 60);
  await look("restore-plan");
  await page.getByRole("button", { name: "Restore it now" }).click();
  await page.waitForURL(/\/restore\/\d+$/);
  await page.getByText("The database is in place, and the application answers.").waitFor({ timeout: 120_000 });
  await look("restored");
  assert.deepEqual(complaints.filter((text) => !/\b400\b/.test(text)), []);
  await leave();
});

test("an administrator reads a report of their own organisation, and of no other", PATIENCE, async () => {
  const { page, complaints, look, leave } = await at_console(known("administrator", "riverside"), "/reports");
  await look("reports");
  await page.getByRole("link", { name: "Use by organisation" }).click();
  await page.getByRole("table", { name: "Figures" }).waitFor();
  await look("report", { 1440: 900 });
  const text = await page.locator("main").innerText();
  assert.ok(text.includes("riverside") && !text.includes("hillside"), "their own line alone");
  const sheet = await readFile(await download(page, "Download as a sheet"), "utf8");
  assert.match(sheet, /^organisation,Requests,People,Records opened,Records changed,Refused,Failed\r\nriverside,\d+,/);
  await page.getByRole("link", { name: /^The period before/ }).click();
  await page.getByText("Nothing was counted in this period.").waitFor();
  await look("report-empty");
  assert.deepEqual(complaints, []);
  await leave();
});

test("a promise that is broken by hand is shown broken, and held once it is mended", PATIENCE, async () => {
  const { page, complaints, look, leave } = await at_console(known("supplier", ""), "/checks");
  const key = path.join(service.data, "keys/master.key");
  const verdict = () =>
    page.getByRole("row").filter({ hasText: /keys\W*master/ }).locator(".nhsuk-tag").first().innerText();
  await chmod(key, 0o644);
  assert.equal((await service.avouch("check", "keys.master")).code, 1);
  await page.reload();
  assert.equal(await verdict(), "Broken");
  await look("checks", { 1440: 900 });
  await page.goto(`${service.console}/`);
  await look("overview");
  await chmod(key, 0o600);
  const mended = await service.avouch("check", "keys.master");
  assert.equal(mended.code, 0, mended.stdout + mended.stderr);
  await page.goto(`${service.console}/checks`);
  assert.equal(await verdict(), "Held");
  assert.deepEqual(complaints, []);
  await leave();
});

test("the supplier tells that something is wrong, its people read it, and a fault that one reports is answered", PATIENCE, async () => {
  const supplier = await at_console(known("supplier", ""), "/status");
  await supplier.look("status-console");
  const tell = { name: "Tell that something is wrong" };
  await supplier.page.getByRole("button", tell).or(supplier.page.getByRole("link", tell)).click();
  await supplier.look("status-new");
  await supplier.page.getByRole("button", { name: "Tell it" }).click();
  await supplier.page.getByRole("alert").waitFor();
  await supplier.look("status-form-error");
  await supplier.page.getByLabel("For whom").selectOption("riverside");
  await supplier.page.getByLabel("What is wrong").fill("Trends are drawn late");
  await supplier.page.getByRole("button", { name: "Tell it" }).click();
  await supplier.page.getByText("It is told. Say from time to time").waitFor();

  const member = await visitor();
  await member.page.goto(`${service.apps.riverside}/.avouch/support`);
  await sign_in(member.page, known("member", "riverside"));
  await member.page.getByLabel("What is wrong").fill("The trend of ward 2 is empty");
  await member.page.getByRole("button", { name: "Report this fault" }).click();
  await member.page.getByText("is reported. The supplier sees it").waitFor();
  await member.look("support");
  await member.page.getByRole("link", { name: "What is wrong now, and what was" }).click();
  await member.page.getByRole("heading", { name: "Trends are drawn late" }).waitFor();
  await member.look("status");

  const stranger = await visitor();
  await stranger.page.goto(`${service.statement}/.avouch/status`);
  await stranger.page.getByRole("heading", { name: "One organisation is affected" }).waitFor();
  assert.equal(await stranger.page.getByText("Trends are drawn late").count(), 0, "a stranger is not told what");
  await stranger.look("status-public");

  await supplier.page.getByRole("row").filter({ hasText: "Trends are drawn late" }).getByRole("link").click();
  await supplier.look("status-one");
  await supplier.page.getByRole("button", { name: "Tell that it is over" }).click();
  await supplier.page.goto(`${service.console}/support`);
  await supplier.look("faults");
  await supplier.page.getByRole("link", { name: /^Answer / }).first().click();
  await supplier.look("fault");
  await supplier.page.getByLabel("Your answer").fill("It is drawn again");
  await supplier.page.getByLabel("State").selectOption("yes");
  await supplier.page.getByRole("button", { name: "Answer" }).click();
  await member.page.goto(`${service.apps.riverside}/.avouch/support`);
  await member.page.getByText("It is drawn again").waitFor();
  await member.page.goto(`${service.apps.riverside}/.avouch/status`);
  assert.match(await member.page.getByRole("status").innerText(), /your organisation’s application answers/);
  for (const somebody of [supplier, member, stranger]) {
    assert.deepEqual(somebody.complaints.filter((said) => !/\b400\b/.test(said)), []);
    await somebody.leave();
  }
});

test("the supplier sees rounds, backups and tenants", PATIENCE, async () => {
  const { page, complaints, look, leave } = await at_console(known("supplier", ""), "/rounds");
  await look("rounds");
  await page.getByRole("link", { name: /^Round / }).first().click();
  await look("round");
  for (const [place, name] of Object.entries({ "/backups": "backups", "/tenants": "tenants", "/account": "account", "/approvals": "approvals" })) {
    await page.goto(service.console + place);
    await look(name);
  }
  assert.deepEqual(complaints, []);
  await leave();
});

test("an administrator shares the trail with somebody of the supplier's, takes it back, and looks for unusual access", PATIENCE, async () => {
  const { page, complaints, look, leave } = await at_console(known("administrator", "riverside"), "/sharing");
  await page.getByRole("button", { name: "Share", exact: true }).click();
  await page.getByRole("alert").waitFor();
  await look("sharing-refused");
  await page.getByLabel("Email address").fill(known("supplier", "").email);
  const tomorrow = new Date(Date.now() + 24 * 3600 * 1000).toISOString().slice(0, 10);
  await page.getByLabel("Last day").fill(tomorrow);
  await page.getByLabel("Why").fill("a fault");
  await page.getByRole("button", { name: "Share", exact: true }).click();
  await page.waitForURL(/\/sharing\?done=yes$/);
  await look("sharing");
  await page.getByRole("button", { name: /^Take back from / }).click();
  await page.getByText("The trail is shared with nobody.").waitFor();
  await page.getByRole("link", { name: "Unusual access" }).filter({ visible: true }).first().click();
  await page.getByText("Nothing waits.").waitFor();
  await look("unusual");
  // The refused form was the answer that a browser reports.
  assert.deepEqual(complaints.filter((text) => !/\b400\b/.test(text)), []);
  await leave();
});

test("an administrator downloads a pack that verifies without the service", PATIENCE, async () => {
  const { page, complaints, look, leave } = await at_console(known("administrator", "riverside"), "/pack");
  await look("packs");
  const pack = await download(page, "Download the pack for Riverside");
  const policy = path.join(service.folder, "policy");
  await writeFile(policy, `log ${await readFile(path.join(service.data, "run/log.vkey"), "utf8")}`);
  const verified = await service.avouch("verify", pack, "--policy", policy);
  assert.equal(verified.code, 0, verified.stdout + verified.stderr);
  assert.deepEqual(complaints, []);
  await leave();
});

test("a stranger reads the promises, whether each is true now, and what they answer", PATIENCE, async () => {
  const { page, complaints, look, leave } = await visitor();
  await page.goto(service.statement);
  const claims = await page.locator(".nhsuk-card").count();
  await look("statement", { 1440: 900, 360: 800 });
  const promised = JSON.parse(await readFile(await download(page, "statement for programs"), "utf8"));
  assert.equal(promised.claims.length, claims, "the page and the document hold the same claims");
  const text = await readFile(await download(page, "statement to read"), "utf8");
  for (const claim of promised.claims) assert.ok(text.includes(claim.text), `the text holds ${claim.id}`);
  await page.getByRole("link", { name: /^How it answers/ }).first().click();
  await page.getByRole("table", { name: "Requirements" }).waitFor();
  await look("coverage");
  await page.goto(`${service.statement}/nowhere`);
  await look("missing");
  assert.deepEqual(complaints.filter((said) => !/\b404\b/.test(said)), []);
  await leave();
});

test("an administrator looks at what a review found, and says what it was", { timeout: 300_000 }, async () => {
  const { page, complaints, look, leave } = await at_console(known("administrator", "hillside"), "/unusual");
  await becomes_so("a finding", async () => {
    await page.reload();
    return (await page.locator("a[href^='/unusual/']").count()) > 0;
  }, 200);
  await look("unusual");
  await page.locator("a[href^='/unusual/']").first().click();
  await look("unusual-one");
  await page.getByLabel("There was a good reason").check();
  await page.getByRole("textbox").fill("She looked at what we hold about her, as she may");
  await page.locator("main form button").click();
  await page.getByText("It is kept, with your name and your reason").waitFor();
  assert.deepEqual(complaints, []);
  await leave();
});

test("the pictures of the tour show the promises and the menus that there are", PATIENCE, async () => {
  const shown = {};
  const promised = JSON.parse((await service.avouch("--json", "statement", "--format", "json")).stdout).claims;
  // What the tests add to the demo's statement is in no picture.
  shown.promises = promised.filter((claim) => !claim.id.includes(".changes.")).length;
  for (const [role, tenant] of [["administrator", "riverside"], ["supplier", ""]]) {
    const { page, leave } = await at_console(known(role, tenant));
    shown[role] = await page.getByRole("navigation", { name: "Menu" }).getByRole("link").allInnerTexts();
    await leave();
  }
  const beside = `${TOUR}shown.json`;
  if (process.env.TOUR) await writeFile(beside, `${JSON.stringify(shown, null, 2)}\n`);
  const pictured = JSON.parse(await readFile(beside, "utf8"));
  assert.deepEqual(shown, pictured, "take the pictures again with `npm --prefix web run tour`");
});

test("every page that the service has was looked at", async () => {
  const hosts = { Statement: service.statement, SignIn: service.signin, Console: service.console };
  const routes = [...(await readFile(ROUTES, "utf8")).matchAll(/^ {4}(Statement|SignIn|Console) +GET +"([^"]+)"/gm)];
  assert.ok(routes.length > 30, "the table of routes was read");
  const missed = routes.filter(([, site, route]) => {
    const form = new RegExp(`^${new URL(hosts[site]).hostname} ${route.replace(/\{[^}]+\}/g, "[^/]+")}$`.replaceAll(".", "\\."));
    return !NO_PAGE.test(route) && ![...seen].some((place) => form.test(place));
  });
  assert.deepEqual(missed.map(([line]) => line.trim()), []);
});
