// Writes src/generated: TypeScript types of the services' OpenAPI documents. `--check` compares instead of writing, and prints what differs.
import { mkdir, readFile, writeFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import openapi, { astToString } from "openapi-typescript";

const root = new URL("../../../", import.meta.url);
const out = new URL("../src/generated/", import.meta.url);
const check = process.argv.includes("--check");
const services = ["rooms", "messages", "realtime", "notifications", "media"];

/** What is generated of one service's document, as text. */
async function generated(service) {
  const nodes = await openapi(new URL(`services/${service}/api/openapi.yaml`, root), { alphabetize: false, silent: true });
  return `// Generated from services/${service}/api/openapi.yaml by \`npm run generate\`. Do not edit.\n${astToString(nodes)}`;
}

await mkdir(out, { recursive: true });
const differ = [];
for (const service of services) {
  const text = await generated(service);
  const file = new URL(`${service}.ts`, out);
  if (!check) await writeFile(file, text);
  else if ((await readFile(file, "utf8").catch(() => "")) !== text) differ.push(fileURLToPath(file));
}
if (differ.length > 0) {
  console.error(`not what the documents say, run npm run generate: ${differ.join(", ")}`);
  process.exit(1);
}
