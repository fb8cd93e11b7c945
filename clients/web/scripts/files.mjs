// What is in dist, made from the source.
import { readFileSync } from "node:fs";
import { basename, join } from "node:path";
import { build } from "esbuild";

/** Gives each file of dist by its name. */
export async function files(root) {
  const common = {
    absWorkingDir: root, bundle: true, minify: true, write: false, outdir: "dist", target: "es2022", charset: "utf8", legalComments: "none",
    // The SDK is taken as its source is: idb, which it wants, is this package's.
    alias: { idb: join(root, "node_modules/idb") },
  };
  const [app, rest] = await Promise.all([
    build({ ...common, entryPoints: { app: "src/main.tsx" }, entryNames: "[name]-[hash]", format: "esm", jsx: "automatic", jsxImportSource: "preact" }),
    build({ ...common, entryPoints: { app: "src/app.css", sw: "src/sw.ts" }, format: "iife" }),
  ]);
  const made = new Map();
  for (const { path, contents } of [...app.outputFiles, ...rest.outputFiles]) made.set(basename(path), Buffer.from(contents));
  const script = [...made.keys()].find((name) => /^app-\w+\.js$/.test(name));
  made.set("index.html", Buffer.from(readFileSync(join(root, "src/index.html"), "utf8").replace("app.js", script)));
  for (const name of ["manifest.webmanifest", "icon.svg"]) made.set(name, readFileSync(join(root, "src", name)));
  return new Map([...made].sort(([a], [b]) => (a < b ? -1 : 1)));
}
