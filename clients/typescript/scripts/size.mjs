// Says how large the client is, minified and gzipped, with all that it needs, and fails above the limits.
import { gzipSync } from "node:zlib";
import { fileURLToPath } from "node:url";
import { bundle } from "./bundle.mjs";

process.chdir(fileURLToPath(new URL("..", import.meta.url)));
// The core is to be 8 KB; it is not, and this keeps it from growing. Members, what is done in a room besides sending, and what a browser tells are 0.9 KB of it:
// to make them separate imports is not enough.
const limits = { core: 10.6 * 1024, "all, with offline": 14 * 1024, "core, shared": 12.5 * 1024 };
// The core is what an app gets that imports createClient: rooms, timelines, members, unread counts, sending. Friends, the inbox and media are left out where they are not used.
const contents = {
  core: 'export { createClient, Problem } from "./src/index.ts"',
  "all, with offline": 'export * from "./src/index.ts"; export * from "./src/offline.ts"',
  "core, shared": 'export { createClient, Problem } from "./src/index.ts"; export { shared } from "./src/shared.ts"',
};

for (const [name, limit] of Object.entries(limits)) {
  const [{ text }] = await bundle({ stdin: { contents: contents[name], resolveDir: process.cwd(), loader: "ts" } });
  const bytes = gzipSync(text, { level: 9 }).length;
  console.log(`${name}: ${bytes} of ${limit} bytes`);
  if (bytes > limit) process.exitCode = 1;
}
