// Writes dist: what is published. JavaScript, a file an entry point and what they share; types by tsc.
import { execFileSync } from "node:child_process";
import { mkdirSync, rmSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { bundle } from "./bundle.mjs";

process.chdir(fileURLToPath(new URL("..", import.meta.url)));
rmSync("dist", { recursive: true, force: true });
mkdirSync("dist");
for (const { path, text, map } of await bundle({ entryPoints: ["src/index.ts", "src/offline.ts", "src/shared.ts"], outdir: "dist", splitting: true, external: ["idb"], sourcemap: true })) {
  writeFileSync(path, text);
  writeFileSync(`${path}.map`, map);
}
execFileSync(process.execPath, ["node_modules/typescript/bin/tsc", "-p", "tsconfig.build.json"], { stdio: "inherit" });
