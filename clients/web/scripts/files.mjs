// What is in dist, made from the source.
import { createHash } from "node:crypto";
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
  const app = { ...common, entryNames: "[name]-[hash]" };
  const built = await Promise.all([
    build({ ...app, entryPoints: { app: "src/main.tsx" }, format: "esm", jsx: "automatic", jsxImportSource: "preact" }),
    build({ ...app, entryPoints: { app: "src/app.css" } }),
  ]);
  const made = new Map();
  for (const { path, contents } of built.flatMap(({ outputFiles }) => outputFiles)) made.set(basename(path), Buffer.from(contents));
  let page = readFileSync(join(root, "src/index.html"), "utf8");
  for (const name of made.keys()) page = page.replace(name.replace(/-\w+/, ""), name);
  made.set("index.html", Buffer.from(page));
  for (const name of ["manifest.webmanifest", "icon.svg"]) made.set(name, readFileSync(join(root, "src", name)));
  // The service worker keeps the rest: it changes whenever anything does.
  const kept = Object.fromEntries([...made].sort(byName).map(([name, content]) => [name, `sha256-${digest(content).toString("base64")}`]));
  const version = digest(JSON.stringify(kept)).toString("hex").slice(0, 12);
  const worker = await build({ ...common, entryPoints: { sw: "src/sw.ts" }, format: "iife", define: { BUILD: JSON.stringify({ version, files: kept }) } });
  made.set("sw.js", Buffer.from(worker.outputFiles[0].contents));
  return new Map([...made].sort(byName));
}

const byName = ([a], [b]) => (a < b ? -1 : 1);
const digest = (content) => createHash("sha256").update(content).digest();
