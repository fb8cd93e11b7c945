// Builds the tests, which are TypeScript, and runs them by node --test. Arguments: names of tests without .test.ts; all without.
import { spawnSync } from "node:child_process";
import { readdirSync, rmSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";

process.chdir(fileURLToPath(new URL("..", import.meta.url)));
const wanted = process.argv.slice(2);
const files = readdirSync("test").filter((file) => file.endsWith(".test.ts") && (wanted.length === 0 || wanted.includes(file.replace(".test.ts", ""))));
rmSync(".build", { recursive: true, force: true });
await build({
  entryPoints: files.map((file) => `test/${file}`),
  outdir: ".build", bundle: true, platform: "node", format: "esm", target: "node20", packages: "external", external: ["*.mjs"], sourcemap: "inline", outExtension: { ".js": ".mjs" },
  jsx: "automatic", jsxImportSource: "preact",
});
const { status } = spawnSync(process.execPath, ["--enable-source-maps", "--test", "--test-reporter=spec", ...files.map((file) => `.build/${file.replace(".ts", ".mjs")}`)], { stdio: "inherit" });
process.exit(status ?? 1);
