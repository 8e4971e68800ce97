// Starts the real acuity program on a database of its own, and a door for the browser that vouches for one person.

import { generateKeyPairSync, sign } from "node:crypto";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import http from "node:http";
import os from "node:os";
import path from "node:path";
import { spawn } from "node:child_process";
import { once } from "node:events";

const PROGRAM = process.env.ACUITY ?? new URL("../../target/debug/acuity", import.meta.url).pathname;

/** Returns `{ url, post, stop }` of a running instance for the tenant `riverside`. */
export async function start() {
  const folder = await mkdtemp(path.join(os.tmpdir(), "acuity-"));
  const socket = path.join(folder, "app.sock");
  const { publicKey, privateKey } = generateKeyPairSync("ed25519");
  const jwks = path.join(folder, "jwks.json");
  await writeFile(jwks, JSON.stringify({ keys: [{ ...publicKey.export({ format: "jwk" }), kid: "k1" }] }));
  const program = spawn(PROGRAM, ["--socket", socket, "--data", folder, "--jwks", jwks, "--tenant", "riverside"], {
    stdio: "inherit",
  });
  const ended = once(program, "exit");
  await healthy(socket, ended);

  const door = http.createServer((request, response) => {
    const headers = { ...request.headers, "avouch-assertion": assertion(privateKey) };
    const inner = http.request({ socketPath: socket, path: request.url, method: request.method, headers }, (answer) => {
      response.writeHead(answer.statusCode, answer.headers);
      answer.pipe(response);
    });
    inner.on("error", () => response.destroy());
    request.pipe(inner);
  });
  door.listen(0, "127.0.0.1");
  await once(door, "listening");
  const url = `http://127.0.0.1:${door.address().port}`;

  return {
    url,
    /** Sends a form without following where it leads. */
    post: (to, fields) => fetch(url + to, { method: "POST", body: new URLSearchParams(fields), redirect: "manual" }),
    async stop() {
      door.closeAllConnections();
      door.close();
      program.kill("SIGTERM");
      const [code] = await ended;
      await rm(folder, { recursive: true });
      return code;
    },
  };
}

function assertion(key) {
  const now = Math.floor(Date.now() / 1000);
  const part = (value) => Buffer.from(JSON.stringify(value)).toString("base64url");
  const header = { alg: "EdDSA", typ: "JWT", kid: "k1" };
  const claims = { iss: "https://acuity.localhost", aud: "riverside", tenant: "riverside", sub: "p1", iat: now,
    exp: now + 60, email: "amina@riverside.test", name: "Amina Diallo", role: "member", synthetic: true };
  const signed = `${part(header)}.${part(claims)}`;
  return `${signed}.${sign(null, Buffer.from(signed), key).toString("base64url")}`;
}

/** Asks until the program answers; gives up when it has ended. */
async function healthy(socket, ended) {
  let over = false;
  ended.then(() => (over = true));
  while (!over) {
    const status = await new Promise((resolve) => {
      const request = http.get({ socketPath: socket, path: "/health" }, (answer) => resolve(answer.resume().statusCode));
      request.on("error", () => setTimeout(resolve, 20, 0));
    });
    if (status === 200) return;
  }
  throw new Error("acuity ended instead of serving: its last words are above");
}
