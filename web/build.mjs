// Writes dist/: the stylesheet that acuity and the console embed, and the licence it comes under.
//
// Run by `npm run build` after `npm ci`. Needs no network.

import { copyFile, mkdir, readFile, writeFile } from "node:fs/promises";
import { own } from "./stylesheet.mjs";

const here = new URL("./", import.meta.url);
const published = new URL("node_modules/nhsuk-frontend/dist/nhsuk/nhsuk-frontend.min.css", here);
const dist = new URL("dist/", here);

await mkdir(dist, { recursive: true });
const ours = await readFile(new URL("ours.css", here), "utf8");
await writeFile(new URL("avouch.css", dist), own(await readFile(published, "utf8")) + ours);
await copyFile(new URL("nhsuk-LICENSE.txt", here), new URL("nhsuk-LICENSE.txt", dist));
