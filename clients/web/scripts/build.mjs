// Writes dist: what is served. The same source gives the same bytes.
import { mkdirSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { files } from "./files.mjs";

const root = fileURLToPath(new URL("..", import.meta.url));
const dist = join(root, "dist");
const made = await files(root);
mkdirSync(dist, { recursive: true });
for (const name of readdirSync(dist)) if (!made.has(name)) rmSync(join(dist, name));
for (const [name, content] of made) writeFileSync(join(dist, name), content);
