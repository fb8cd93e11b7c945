import assert from "node:assert/strict";
import { test } from "node:test";
import { Problem } from "../../typescript/src/problem.js";
import { Uploads } from "../src/uploads.js";

const room = { id: "r", send: () => "" };
const file = (name: string) => new File(["content"], name);
const settled = () => new Promise((resolve) => setImmediate(resolve));

test("two files are on their way at once, all arrive, and none stays behind", async () => {
  let running = 0;
  let most = 0;
  const arrived: string[] = [];
  const uploads = new Uploads({
    send: async (_, { name }) => {
      most = Math.max(most, ++running);
      await settled();
      running--;
      arrived.push(name!);
      return "";
    },
  });
  uploads.add(room, ["a", "b", "c", "d", "e"].map(file));
  assert.equal(uploads.getSnapshot().length, 5);
  while (uploads.getSnapshot().length > 0) await settled();
  assert.deepEqual(arrived.sort(), ["a", "b", "c", "d", "e"]);
  assert.equal(most, 2);
});

test("one that fails says why, does not hold up others, and is tried again", async () => {
  let refuse = true;
  const uploads = new Uploads({
    send: async (_, { name }) => {
      if (name === "a" && refuse) throw new Problem("media-too-large", 413, "it is too large");
      return "";
    },
  });
  uploads.add(room, [file("a"), file("b")]);
  await settled();
  const [left] = uploads.getSnapshot();
  assert.equal(uploads.getSnapshot().length, 1);
  assert.equal(left?.problem?.code, "media-too-large");
  refuse = false;
  uploads.retry(left!.id, room);
  await settled();
  assert.equal(uploads.getSnapshot().length, 0);
});

test("one that is cancelled is gone, and is not sent", async () => {
  const sent: string[] = [];
  const uploads = new Uploads({
    send: async (_, { name }, options) => {
      await settled();
      if (options?.signal?.aborted) throw new DOMException("ended", "AbortError");
      sent.push(name!);
      return "";
    },
  });
  uploads.add(room, ["a", "b", "c"].map(file));
  for (const { id, file } of uploads.getSnapshot()) if (file.name !== "b") uploads.cancel(id);
  await settled();
  await settled();
  assert.deepEqual(sent, ["b"]);
  assert.equal(uploads.getSnapshot().length, 0);
});

test("one that was cut off goes on under its name, one that was refused for good begins anew, and an empty one is not sent", async () => {
  const keys: string[] = [];
  const problems = [new Problem("network", 0, "nobody answers"), new Problem("media-mismatch", 422, "it differs")];
  const uploads = new Uploads({
    send: async (_, __, options) => {
      keys.push(options!.key!);
      const problem = problems.shift();
      if (problem) throw problem;
      return "";
    },
  });
  uploads.add(room, [file("a")]);
  for (const _ of ["cut off", "refused"]) {
    await settled();
    uploads.retry(uploads.getSnapshot()[0]!.id, room);
  }
  await settled();
  assert.equal(uploads.getSnapshot().length, 0);
  const [first, cutOff, refused] = keys;
  assert.equal(keys.length, 3);
  assert.equal(cutOff, first);
  assert.notEqual(refused, first);
  uploads.add(room, [new File([], "empty")]);
  await settled();
  assert.equal(uploads.getSnapshot()[0]?.problem?.code, "file-empty");
  assert.equal(keys.length, 3);
});
