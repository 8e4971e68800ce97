// A real browser for tests: Debian's Chromium, driven by playwright-core.
//
//   const trust = await vouched_for(await readFile("ca.pem"), 8443, ["signin.acuity.localhost"]);
//   const browser = await launch({ trust });
//   const page = await (await browser.newContext()).newPage();
//   await page.goto("https://signin.acuity.localhost:8443/");
//   assert.deepEqual(await check_axe(page), []);
//   await shot(page, "sign-in", 360);

import assert from "node:assert/strict";
import { createHash, X509Certificate } from "node:crypto";
import { mkdir, readFile } from "node:fs/promises";
import { createRequire } from "node:module";
import path from "node:path";
import { setTimeout } from "node:timers/promises";
import tls from "node:tls";
import { chromium } from "playwright-core";

const AXE = createRequire(import.meta.url).resolve("axe-core/axe.min.js");

/** The two widths that every page is made for: a phone and a desk. */
export const WIDTHS = [360, 1440];

/**
 * Starts Chromium without a window.
 *
 * Certificates are checked. One that Chromium's own authorities do not vouch for counts as right only when its public key
 * is that of a certificate in `trust` (PEM), so a test does not have to change the machine's store: see `vouched_for`.
 * Every name under `.localhost` leads to this machine.
 */
export async function launch({ trust = [] } = {}) {
  const keys = trust.map((pem) => {
    const key = new X509Certificate(pem).publicKey.export({ type: "spki", format: "der" });
    return createHash("sha256").update(key).digest("base64");
  });
  return chromium.launch({
    executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium",
    headless: true,
    args: [
      "--no-sandbox",
      "--disable-gpu",
      "--disable-quic",
      "--no-first-run",
      "--disable-background-networking",
      "--disable-component-update",
      "--disable-sync",
      "--host-resolver-rules=MAP *.localhost 127.0.0.1",
      ...(keys.length > 0 ? [`--ignore-certificate-errors-spki-list=${keys.join(",")}`] : []),
    ],
  });
}

/**
 * The certificates (PEM) that this machine shows on `port` for each of `hosts`, once the authority `ca` (PEM) is seen to
 * vouch for them by name. Fails when it does not.
 */
export async function vouched_for(ca, port, hosts) {
  return Promise.all(
    hosts.map(
      (servername) =>
        new Promise((resolve, reject) => {
          const socket = tls.connect({ host: "127.0.0.1", port, servername, ca }, () => {
            resolve(socket.getPeerX509Certificate().toString());
            socket.end();
          });
          socket.on("error", (cause) => reject(new Error(`${servername} shows no certificate of that authority`, { cause })));
        }),
    ),
  );
}

/**
 * Violations of WCAG 2.0, 2.1 and 2.2, levels A and AA, on the page as it is now: each with its rule, what it asks for,
 * and where. Works under a content security policy that forbids script.
 */
export async function check_axe(page) {
  await page.evaluate(await axe_source());
  const found = await page.evaluate(() =>
    globalThis.axe.run(document, {
      runOnly: { type: "tag", values: ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"] },
      resultTypes: ["violations"],
    }),
  );
  return found.violations.map((violation) => ({
    rule: violation.id,
    help: violation.help,
    where: violation.nodes.map((node) => node.target.join(" ")),
  }));
}

/** How far the page is wider than its window, in pixels: 0 when nobody has to scroll sideways. */
export async function overflow(page) {
  return page.evaluate(() => Math.max(0, document.documentElement.scrollWidth - document.documentElement.clientWidth));
}

/** Looks again and again until it is so. A page's script is not told when the browser has taken its cookies. */
export async function becomes_so(what, look, seconds = 10) {
  const until = Date.now() + seconds * 1_000;
  while (!(await look())) {
    assert.ok(Date.now() < until, `${what}: not within ${seconds} s`);
    await setTimeout(50);
  }
}

/** Sets the window's width and writes a picture of the whole page to `SHOTS` (default: tests/shots). Returns its path. */
export async function shot(page, name, width) {
  const folder = process.env.SHOTS ?? new URL("./shots", import.meta.url).pathname;
  await mkdir(folder, { recursive: true });
  await page.setViewportSize({ width, height: 900 });
  const file = path.join(folder, `${name}-${width}.png`);
  await page.screenshot({ path: file, fullPage: true });
  return file;
}

let source;

async function axe_source() {
  source ??= readFile(AXE, "utf8");
  return source;
}
