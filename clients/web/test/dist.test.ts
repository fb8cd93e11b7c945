import assert from "node:assert/strict";
import { readFileSync, readdirSync } from "node:fs";
import { test } from "node:test";
import { pathToFileURL } from "node:url";
import { gzipSync } from "node:zlib";

const root = process.cwd();
const read = (name: string) => readFileSync(`${root}/dist/${name}`);
const names = readdirSync(`${root}/dist`).sort();

test("dist is what the source makes", async () => {
  const { files } = (await import(pathToFileURL(`${root}/scripts/files.mjs`).href)) as { files(root: string): Promise<Map<string, Buffer>> };
  const made = await files(root);
  assert.deepEqual(names, [...made.keys()], "run npm run build");
  for (const [name, content] of made) assert.ok(content.equals(read(name)), `${name} is not what the source makes: run npm run build`);
});

test("all of it is 60 KB, minified and gzipped", () => {
  const bytes = names.reduce((sum, name) => sum + gzipSync(read(name), { level: 9 }).length, 0);
  assert.ok(bytes <= 60 * 1024, `${bytes} bytes`);
});

test("nothing in it makes markup or code of text", () => {
  const page = read("index.html").toString();
  assert.doesNotMatch(page, /<script(?![^>]* src=)|<style| style=| on\w+=/);
  for (const name of names.filter((each) => each.endsWith(".js"))) {
    assert.doesNotMatch(read(name).toString(), /\beval\(|new Function\(|document\.write|insertAdjacentHTML|outerHTML/, name);
  }
  const source = readdirSync(`${root}/src`).map((name) => readFileSync(`${root}/src/${name}`, "utf8")).join("\n");
  assert.doesNotMatch(source, /innerHTML/i, "dangerouslySetInnerHTML too");
  for (const [link] of source.matchAll(/target="_blank"[^>]*/g)) assert.match(link, /rel="noopener noreferrer"/);
});
