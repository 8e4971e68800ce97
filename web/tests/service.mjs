// Starts the whole service, with the example tenants, in a folder and on a port of its own.

import { chmod, cp, mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { execFile, spawn } from "node:child_process";
import { once } from "node:events";
import net from "node:net";
import path from "node:path";
import { createInterface } from "node:readline";
import { promisify } from "node:util";

const PROGRAM = process.env.AVOUCH ?? new URL("../../target/debug/avouch", import.meta.url).pathname;
const STATEMENTS = new URL("../../statements", import.meta.url).pathname;
const DOMAIN = 'domain = "acuity.localhost"';

/**
 * Takes what is done to the text of the demo's statement before it is served.
 *
 * Returns what the service said of itself when it was ready (`statement`, `console`, `signin`, `apps`, `users`, `ca`), with
 * its data folder, its port, `avouch(...)` to run a command on it, and `stop()`.
 */
export async function start(edit = (text) => text) {
  // Tenants' processes run as other users, who must be able to pass through to their own folders.
  const folder = await mkdtemp("/var/tmp/avouch-web-");
  await chmod(folder, 0o711);
  const port = await free_port();
  await cp(STATEMENTS, path.join(folder, "statements"), { recursive: true });
  const statement = path.join(folder, "statements/demo.toml");
  const text = await readFile(statement, "utf8");
  if (!text.includes(DOMAIN)) throw new Error(`the demo statement has no line ${DOMAIN} to put a port after`);
  await writeFile(statement, edit(text.replace(DOMAIN, `${DOMAIN}\nlisten = ["127.0.0.1:${port}"]`)));

  const data = path.join(folder, "data");
  const common = ["-c", statement, "--data", data];
  const program = spawn(PROGRAM, [...common, "up", "--demo", "--json"], { stdio: ["ignore", "pipe", "pipe"] });
  const ended = once(program, "exit");
  let log = "";
  program.stderr.on("data", (bytes) => (log += bytes));
  const first = once(createInterface(program.stdout), "line");
  const ready = await Promise.race([first.then(([line]) => line), ended.then(() => undefined)]);
  if (ready === undefined) {
    await rm(folder, { recursive: true });
    throw new Error(`avouch ended instead of serving:\n${log}`);
  }

  return {
    ...JSON.parse(ready),
    data,
    folder,
    port,
    pid: program.pid,
    /** The words of a command on the service. */
    command: (...words) => [PROGRAM, ...common, ...words],
    /** Runs a command on the service, and returns its exit code and what it wrote. */
    avouch: (...words) => run(PROGRAM, [...common, ...words]),
    /** The process of a role. */
    role: (name) => process_of((words) => words[1] === "role" && words[2] === name && words.some((word) => word.includes(data))),
    /** The process of a tenant's application. */
    application(tenant) {
      const socket = path.join(data, `tenants/${tenant}/run/app.sock`);
      return process_of((words) => words.includes(socket) && !words.includes("confine"));
    },
    /** Tells it to stop, waits until it has, and returns its exit code and its log. */
    async stop() {
      program.kill("SIGTERM");
      const [code] = await ended;
      await rm(folder, { recursive: true });
      return { code, log };
    },
  };
}

/** Fills in the sign-in form that is shown. */
export async function sign_in(page, { email, password }) {
  await page.getByLabel("Email address").fill(email);
  await page.getByLabel("Password").fill(password);
  await page.getByRole("button", { name: "Sign in" }).click();
}

/** Runs a program to its end: its exit code and what it wrote. */
export async function run(program, words) {
  try {
    return { code: 0, ...(await promisify(execFile)(program, words)) };
  } catch (failed) {
    if (typeof failed.code !== "number") throw failed;
    return { code: failed.code, stdout: failed.stdout, stderr: failed.stderr };
  }
}

/** The process whose words fit. */
async function process_of(fits) {
  for (const pid of (await readdir("/proc")).filter((name) => /^\d+$/.test(name))) {
    const words = await readFile(`/proc/${pid}/cmdline`, "utf8").catch(() => "");
    if (fits(words.split("\0"))) return Number(pid);
  }
  throw new Error("no such process runs");
}

/** A port that nobody listens on now. */
async function free_port() {
  const server = net.createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address();
  server.close();
  await once(server, "close");
  return port;
}
