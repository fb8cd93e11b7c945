import assert from "node:assert/strict";
import { test } from "node:test";
import { createParser } from "eventsource-parser";
import fc from "fast-check";
import { sseParser } from "../src/sse.js";

function parse(...chunks: string[]) {
  const blocks: [string | undefined, string | undefined][] = [];
  const retries: number[] = [];
  const feed = sseParser({ block: (id, data) => blocks.push([id, data]), retry: (ms) => retries.push(ms) });
  chunks.forEach(feed);
  return { blocks, retries };
}

test("blocks have ids and data, ids also without data", () => {
  const { blocks, retries } = parse("retry: 2000\nid: a\n\n", "id: b\ndata: {}\n\n", ":\nid: c\n\n:\n\ndata: x\ndata: y\n\n");
  assert.deepEqual(blocks, [["a", undefined], ["b", "{}"], ["c", undefined], [undefined, "x\ny"]]);
  assert.deepEqual(retries, [2000]);
});

test("what is not ended by a blank line does not count", () => {
  assert.deepEqual(parse("id: a\ndata: 1\n\nid: b\ndata: 2\n").blocks, [["a", "1"]]);
});

test("an id with NUL, a retry that is no number, unknown fields and a byte order mark are passed over", () => {
  const { blocks, retries } = parse("\uFEFFid: a\0\nretry: soon\nevent: x\nwhat: ever\ndata\n\n");
  assert.deepEqual(blocks, [[undefined, ""]]);
  assert.deepEqual(retries, []);
});

test("an end of a line that is cut in two is one", () => {
  assert.deepEqual(parse("data\r", "\n", "\n").blocks, [[undefined, ""]]);
  assert.deepEqual(parse("id: a\r\n\r", "\nid: b\r\n\r\n").blocks, [["a", undefined], ["b", undefined]]);
});

test("an event that does not end is given up", () => {
  const feed = sseParser({ block: () => {}, retry: () => {} });
  assert.throws(() => {
    for (let i = 0; i < 10; i++) feed("data: " + "x".repeat(1 << 20));
  }, RangeError);
  const lines = sseParser({ block: () => {}, retry: () => {} });
  assert.throws(() => {
    for (let i = 0; i < 10_000; i++) lines("data: " + "x".repeat(1 << 10) + "\n");
  }, RangeError);
});

test("it reads what eventsource-parser reads, however the text is cut", () => {
  const line = fc.oneof(
    fc.constantFrom("", "", ":", ": keep", "data", "data:", "data:  two", "id", "id: 7", "retry: 5", "event: e", "data: \u00e4\ud83d\ude00", "datax: 1"),
    fc.string({ maxLength: 8 }).map((text) => `data: ${text.replace(/[\r\n]/g, "")}`),
  );
  const text = fc.array(fc.tuple(line, fc.constantFrom("\n", "\r\n", "\r")), { maxLength: 30 }).map((lines) => lines.map((pair) => pair.join("")).join("") + "\n\n");
  fc.assert(
    fc.property(text, fc.array(fc.nat(6), { maxLength: 40 }), (whole, cuts) => {
      const chunks: string[] = [];
      let at = 0;
      for (const cut of cuts) chunks.push(whole.slice(at, (at += cut)));
      chunks.push(whole.slice(at));
      const expected: [string | undefined, string][] = [];
      const theirs = createParser({ onEvent: ({ id, data }) => expected.push([id, data]) });
      theirs.feed(whole);
      const ours = parse(...chunks).blocks.filter(([, data]) => data !== undefined);
      assert.deepEqual(ours, expected);
    }),
    { numRuns: 3000 },
  );
});
