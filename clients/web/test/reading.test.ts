import assert from "node:assert/strict";
import { test, type TestContext } from "node:test";
import { Problem } from "../../typescript/src/problem.js";
import type { Message } from "../../typescript/src/index.js";
import { Reading } from "../src/reading.js";

const message = (position: number, messageId = `m${position}`) => ({ messageId, position: `1${String(position).padStart(6, "0")}` }) as Message;

/** A room of which a page sees the newest message. */
function roomOf(t: TestContext) {
  t.mock.timers.enable({ apis: ["setTimeout"] });
  const room = { seen: undefined as Message | undefined, looked: true, unread: true, marks: [] as (string | undefined)[], refusal: undefined as Problem | undefined };
  const reading: Reading = new Reading({
    wanted: () => room.looked && room.unread,
    mark: async (upTo) => {
      room.marks.push(upTo?.messageId);
      if (room.refusal) throw room.refusal;
    },
    look: () => reading.sees(room.seen),
  });
  const sees = (upTo: Message | undefined) => {
    room.seen = upTo;
    reading.sees(upTo);
  };
  const pass = async (ms: number) => {
    t.mock.timers.tick(ms);
    for (let turn = 0; turn < 5; turn++) await Promise.resolve();
  };
  return { room, reading, sees, pass };
}

test("what is seen for a moment is marked, once", async (t) => {
  const { room, sees, pass } = roomOf(t);
  sees(message(1));
  await pass(399);
  assert.deepEqual(room.marks, []);
  await pass(1);
  sees(message(1));
  await pass(10_000);
  assert.deepEqual(room.marks, ["m1"]);
});

test("a room in which something is written all the time is marked as well", async (t) => {
  const { room, sees, pass } = roomOf(t);
  for (let n = 1; n <= 20; n++) {
    sees(message(n));
    await pass(100);
  }
  assert.ok(room.marks.length >= 4, `${room.marks.length} marks in two seconds`);
  await pass(800);
  assert.equal(room.marks.at(-1), "m20");
});

test("what stands behind the marked one is marked, though its id is of an earlier time", async (t) => {
  const { room, sees, pass } = roomOf(t);
  sees(message(1, "b"));
  await pass(400);
  sees(message(2, "a"));
  await pass(400);
  assert.deepEqual(room.marks, ["b", "a"]);
});

test("a mark that fails is made again, at once where the network is back; one that is refused is not", async (t) => {
  const { room, reading, sees, pass } = roomOf(t);
  room.refusal = new Problem("network", 0, "no network");
  sees(message(1));
  await pass(400);
  await pass(5_000);
  await pass(400);
  assert.deepEqual(room.marks, ["m1", "m1"]);
  room.refusal = undefined;
  reading.wake();
  await pass(400);
  assert.deepEqual(room.marks, ["m1", "m1", "m1"]);
  room.refusal = new Problem("not-a-member", 403, "no");
  sees(message(2));
  await pass(60_000);
  assert.deepEqual(room.marks, ["m1", "m1", "m1", "m2"]);
});

test("nothing is marked that nobody looks at, or whose page is left", async (t) => {
  const { room, reading, sees, pass } = roomOf(t);
  sees(message(1));
  room.looked = false;
  await pass(1_000);
  assert.deepEqual(room.marks, []);
  room.looked = true;
  reading.wake();
  reading.close();
  await pass(1_000);
  assert.deepEqual(room.marks, []);
});

test("who scrolls back within the moment has not seen what was below", async (t) => {
  const { room, sees, pass } = roomOf(t);
  sees(message(5));
  sees(message(2));
  await pass(400);
  assert.deepEqual(room.marks, ["m2"]);
});

test("a room without messages is marked as a whole", async (t) => {
  const { room, sees, pass } = roomOf(t);
  sees(undefined);
  await pass(400);
  sees(undefined);
  sees(message(1));
  await pass(400);
  assert.deepEqual(room.marks, [undefined, "m1"]);
});
