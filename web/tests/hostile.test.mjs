// A page of an application that somebody has taken over, in a real browser whose owner is signed in elsewhere too: it reads
// nothing of anybody else's, changes nothing, and what it tried is in the trail.

import assert from "node:assert/strict";
import { chmod, copyFile, readFile, rename } from "node:fs/promises";
import path from "node:path";
import { after, before, test } from "node:test";
import { becomes_so, launch, vouched_for } from "./browser.mjs";
import { run, sign_in, start } from "./service.mjs";

const SPOILT = process.env.SPOILT ?? new URL("../../target/debug/examples/spoilt", import.meta.url).pathname;

/** A test that takes longer than this, in milliseconds, hangs. */
const PATIENCE = { timeout: 180_000 };

let service;
let browser;
/** The pages of the person who is attacked: at the taken-over application, at another tenant's, and at the console. */
let victim;
/** Whom the hostile page aims at: other origins of the same site. */
let others;

before(async () => {
  service = await start();
  const { hillside, riverside } = service.apps;
  others = [hillside, service.console, service.signin, service.statement];
  const names = [riverside, ...others].map((address) => new URL(address).hostname);
  browser = await launch({ trust: await vouched_for(await readFile(service.ca), service.port, names) });
  const context = await browser.newContext();
  victim = {
    context,
    hillside: await signed_in(context, hillside, known("member", "hillside")),
    console: await signed_in(context, service.console, known("administrator", "riverside")),
    hostile: await signed_in(context, riverside, known("member", "riverside")),
  };
  await take_over("riverside");
  await victim.hostile.goto(`${riverside}/page`);
  assert.equal(await victim.hostile.title(), "Taken over");
});

after(async () => {
  await browser?.close();
  const stopped = await service?.stop();
  assert.equal(stopped?.code, 0, `avouch ends cleanly when told to:\n${stopped?.log}`);
});

/** One of the demo's people. */
function known(role, tenant) {
  return service.users.find((user) => user.role === role && user.tenant === tenant);
}

async function signed_in(context, address, person) {
  const page = await context.newPage();
  await page.goto(`${address}/`);
  await sign_in(page, person);
  await page.waitForURL(`${address}/`);
  return page;
}

/** Puts another program in the application's place, and ends the one that runs. */
async function take_over(tenant) {
  const program = path.join(service.data, "bin/acuity");
  await copyFile(SPOILT, `${program}.new`);
  await chmod(`${program}.new`, 0o755);
  await rename(`${program}.new`, program);
  process.kill(await service.application(tenant), "SIGKILL");
  const { hostile } = victim;
  await assert.doesNotReject(async () => {
    for (;;) {
      const answer = await hostile.goto(`${service.apps[tenant]}/page`);
      if (answer.ok() && (await hostile.title()) === "Taken over") return;
    }
  });
}

/** What could have been changed: people, and another tenant's records. */
async function state() {
  const people = await service.avouch("--json", "user", "list");
  const database = path.join(service.data, "tenants/hillside/data/acuity.db");
  const records = await run("sqlite3", ["-readonly", database, "select * from assessment order by id"]);
  assert.deepEqual([people.code, records.code], [0, 0]);
  return { people: JSON.parse(people.stdout).map(({ last_seen, ...person }) => person), records: records.stdout };
}

/** How many requests from another origin the trail says were refused: by the front, which counts those that come together. */
async function refusals() {
  const found = await service.avouch("--json", "audit", "search", "--outcome", "refused", "--limit", "1000");
  const foreign = JSON.parse(found.stdout).rows.filter(({ reason }) => /^other-origin|^sent by another site/.test(reason));
  return foreign.map(({ parameters }) => Number(parameters.times ?? 1)).reduce((sum, times) => sum + times, 0);
}

/** Waits until so many more are in the trail, which the index follows. */
async function refused(before, more) {
  let now;
  for (let patience = 100; patience > 0; patience -= 1) {
    now = await refusals();
    if (now >= before + more) return;
  }
  assert.fail(`${now - before} refusals are in the trail, not ${more}`);
}

const host = (address) => new URL(address).hostname;

test("it reads no answer of another origin", PATIENCE, async () => {
  const before = await refusals();
  const read = await victim.hostile.evaluate(async (others) => {
    const read = [];
    for (const other of others) {
      for (const credentials of ["include", "omit"]) {
        const answer = await fetch(`${other}/`, { credentials }).catch(() => undefined);
        if (answer) read.push(`${other}: ${await answer.text()}`);
      }
      const opaque = await fetch(`${other}/`, { credentials: "include", mode: "no-cors" }).catch(() => undefined);
      const text = await opaque?.text();
      if (text) read.push(`${other}: ${text}`);
    }
    return read;
  }, others);
  assert.deepEqual(read, []);
  // The other tenant's application was not even asked.
  await refused(before, 3);
});

test("it changes nothing with the forms that it sends in the victim's name", PATIENCE, async () => {
  const entry = { day: 1, month: 2, year: 2001, period: 0, category_1: 1, category_2: 1, category_3: 1, category_4: 1,
    category_5: 1, midwives: 9 };
  const member = known("member", "hillside");
  const forms = [
    [service.apps.hillside, "/wards/1/assessments", entry],
    [service.console, "/people", { email: "mallory@riverside.example", name: "Mallory", role: "administrator" }],
    [service.console, "/.avouch/leave", {}],
    [service.signin, "/", { to: "riverside", path: "/", email: member.email, password: member.password }],
  ];
  const [earlier, before] = [await state(), await refusals()];
  await victim.hostile.evaluate(async (forms) => {
    for (const [other, place, fields] of forms) {
      const body = new URLSearchParams(fields);
      await fetch(other + place, { method: "POST", body, credentials: "include", mode: "no-cors" }).catch(() => {});
      await fetch(other + place, { method: "POST", body, credentials: "include" }).catch(() => {});
      // The same by a form, as a person would send it.
      const frame = document.createElement("iframe");
      frame.name = `frame-${other}${place}`;
      const form = Object.assign(document.createElement("form"), { method: "POST", action: other + place, target: frame.name });
      for (const [name, value] of Object.entries(fields)) {
        form.append(Object.assign(document.createElement("input"), { name, value }));
      }
      document.body.append(frame, form);
      const loaded = new Promise((resolve) => frame.addEventListener("load", resolve, { once: true }));
      form.submit();
      await loaded;
    }
  }, forms);
  await refused(before, 3 * forms.length);
  assert.deepEqual(await state(), earlier);
});

test("it neither frames another origin nor reaches into a window that it opened", PATIENCE, async () => {
  for (const other of others) {
    const reached = await victim.hostile.evaluate(async (other) => {
      const frame = Object.assign(document.createElement("iframe"), { src: `${other}/` });
      const loaded = new Promise((resolve) => frame.addEventListener("load", resolve, { once: true }));
      document.body.append(frame);
      await loaded;
      return frame.contentDocument !== null;
    }, other);
    assert.equal(reached, false, `${other} in a frame`);
    const shown = victim.hostile.frames().filter((frame) => frame.url().startsWith(other));
    for (const frame of shown) {
      assert.doesNotMatch(await frame.locator("body").innerText(), /Ward|Claims|Password/, `${other} is shown in a frame`);
    }

    const opened = victim.hostile.waitForEvent("popup");
    await victim.hostile.evaluate((other) => void (globalThis.opened = open(`${other}/`)), other);
    const popup = await opened;
    await popup.waitForLoadState();
    const read = await victim.hostile.evaluate(() => {
      const tried = (read) => {
        try {
          return read();
        } catch {
          return undefined;
        }
      };
      const { opened } = globalThis;
      return [tried(() => opened.document?.body.innerText), tried(() => opened.location.href), tried(() => opened.origin)];
    });
    assert.deepEqual(read.filter((one) => one !== undefined && one !== "about:blank"), [], `${other} in a window`);
    await popup.close();
  }
});

test("it opens no WebSocket to another origin", PATIENCE, async () => {
  const opened = await victim.hostile.evaluate(
    (others) =>
      Promise.all(
        others.map(
          (other) =>
            new Promise((resolve) => {
              const socket = new WebSocket(`${other.replace("https:", "wss:")}/`);
              socket.onopen = () => resolve(`${other}: open`);
              socket.onerror = () => resolve(undefined);
            }),
        ),
      ),
    others,
  );
  assert.deepEqual(opened.filter((one) => one !== undefined), []);
});

test("the cookies that it tosses take nobody's session away and give nobody another", PATIENCE, async () => {
  const ours = async () => (await victim.context.cookies()).filter(({ httpOnly }) => httpOnly);
  const earlier = await ours();
  await victim.hostile.evaluate(() => {
    const wide = "Domain=acuity.localhost; Path=/; Secure";
    for (const name of ["__Host-avouch", "__host-avouch", "__HOST-AVOUCH", "__Secure-avouch", "avouch"]) {
      document.cookie = `${name}=tossed; ${wide}`;
      document.cookie = `${name}=tossed; Path=/; Secure`;
      document.cookie = `${name}=tossed; ${wide}; Path=/.avouch`;
    }
    // A cookie without a name, which a careless server reads as one with.
    document.cookie = `=__Host-avouch=tossed; ${wide}`;
  });
  const tossed_wide = ({ name, domain }) => name === "avouch" && domain === ".acuity.localhost";
  await becomes_so("something is tossed", async () => (await victim.context.cookies()).some(tossed_wide));
  const all = await victim.context.cookies();
  assert.deepEqual(await ours(), earlier, "what the service set is as it was");
  const tossed = all.filter(({ name, httpOnly }) => /^__host-/i.test(name) && !httpOnly);
  assert.deepEqual(tossed.filter(({ domain }) => domain !== host(service.apps.riverside)), [], "only to itself");
  for (const page of [victim.hillside, victim.console]) {
    const answer = await page.reload();
    assert.deepEqual([answer.status(), new URL(page.url()).pathname], [200, "/"], `still signed in at ${page.url()}`);
  }
});

test("what the application keeps in the browser stands under a prefix there and comes back under its own name", PATIENCE, async () => {
  const page = victim.hostile;
  const app = service.apps.riverside;
  await page.evaluate(() => fetch("/lies"));
  const own = (await victim.context.cookies(app)).filter(({ name }) => name.startsWith("__Host-app-"));
  const kept = own.map(({ name, value, domain, path, secure }) => ({ name, value, domain, path, secure }));
  const expected = { name: "__Host-app-own", value: "1", domain: host(app), path: "/", secure: true };
  assert.deepEqual(kept.filter(({ name }) => name === expected.name), [expected]);
  // A script may set one too, if it has the prefix.
  await page.evaluate(() => void (document.cookie = "__Host-app-choice=2; Secure; Path=/"));
  const sent = (await page.evaluate(async () => (await fetch("/seen")).json())).cookie.join("; ").split("; ");
  assert.ok(sent.includes("own=1") && sent.includes("choice=2"), `${sent}`);
  assert.deepEqual(sent.filter((cookie) => /^__host/i.test(cookie)), []);
});

test("a code that its worker withholds signs nobody in elsewhere", PATIENCE, async () => {
  const page = victim.hostile;
  const app = service.apps.riverside;
  await page.evaluate(async () => {
    await navigator.serviceWorker.register("/worker.js", { scope: "/" });
    await navigator.serviceWorker.ready;
  });
  // Signs in anew, with the worker in place.
  await victim.context.clearCookies({ domain: host(app) });
  await page.goto(`${app}/page`);
  if (host(page.url()) === host(service.signin)) await sign_in(page, known("member", "riverside"));
  await page.getByText("Withheld").waitFor();
  const [withheld] = await page.evaluate(async () => (await fetch("/noted")).json());
  assert.match(withheld, /[/][.]avouch[/]enter[?]code=/);

  const thief = await (await browser.newContext()).newPage();
  await thief.goto(withheld);
  assert.deepEqual((await thief.context().cookies(app)).filter(({ name }) => name === "__Host-avouch"), []);
  await thief.goto(`${app}/page`);
  assert.equal(host(thief.url()), host(service.signin), "a thief is asked who they are");
  await thief.context().close();
});

test("cookies too large for a request, set for the whole domain, are forgotten and the person signs in again", PATIENCE, async () => {
  const bombs = async () => (await victim.context.cookies()).filter(({ name }) => name.startsWith("bomb")).length;
  await victim.hostile.evaluate(() => {
    for (let number = 0; number < 100; number += 1) {
      document.cookie = `bomb${number}=${"x".repeat(4000)}; Domain=acuity.localhost; Path=/; Secure`;
    }
  });
  await becomes_so("the cookies are set", async () => (await bombs()) > 50);
  const page = victim.hillside;
  const refused = await page.reload();
  assert.equal(refused.status(), 431);
  assert.match(await page.locator("main").innerText(), /more cookies than fit .* Open the page again and sign in/s);
  await becomes_so("the browser forgets them", async () => (await bombs()) === 0);
  await page.goto(`${service.apps.hillside}/`);
  await sign_in(page, known("member", "hillside"));
  await page.waitForURL(`${service.apps.hillside}/`);
  assert.match(await page.locator("main").innerText(), /Ward/);
});
