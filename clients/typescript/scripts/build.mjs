// Writes dist: what is published. JavaScript by esbuild, a file an entry point and what they share; types by tsc.
import { execFileSync } from "node:child_process";
import { rmSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";
import { privateNames } from "./private.mjs";

process.chdir(fileURLToPath(new URL("..", import.meta.url)));
rmSync("dist", { recursive: true, force: true });
await build({ entryPoints: ["src/index.ts", "src/offline.ts", "src/shared.ts"], outdir: "dist", bundle: true, splitting: true, format: "esm", target: "es2022", external: ["idb"], sourcemap: true, minify: true, mangleProps: privateNames("src") });
execFileSync(process.execPath, ["node_modules/typescript/bin/tsc", "-p", "tsconfig.build.json"], { stdio: "inherit" });
