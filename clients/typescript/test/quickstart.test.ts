import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { promisify } from "node:util";
import { build } from "esbuild";
import { isBuilt, program, startISM } from "./ism.js";

const required = process.env["ISM_TEST_REQUIRE_ENGINES"] === "1";

test("the quick start of the README runs", { skip: isBuilt || required ? false : `${program} is not built` }, async () => {
  const [, quickStart] = /```ts\n([\s\S]*?)```/.exec(readFileSync("README.md", "utf8")) ?? [];
  assert.ok(quickStart);
  const ism = await startISM();
  try {
    await build({
      stdin: { contents: quickStart.replace("http://localhost:5403", ism.url), resolveDir: process.cwd(), loader: "ts" },
      alias: { "@ism-chat/client": "./src/index.ts" },
      bundle: true, platform: "node", format: "esm", target: "node20", outfile: ".build/quickstart.mjs",
    });
    const { stdout } = await promisify(execFile)(process.execPath, [".build/quickstart.mjs"], { timeout: 20_000 });
    assert.equal(stdout.trim(), "bob reads: { text: 'Soup?' }");
  } finally {
    await ism.stop();
  }
});
