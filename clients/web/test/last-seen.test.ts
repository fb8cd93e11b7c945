import assert from "node:assert/strict";
import { test } from "node:test";
import "fake-indexeddb/auto";
import { openDB } from "idb";
import type { Member, Message, Room } from "../../typescript/src/index.js";
import { LastSeen, MOST } from "../src/last-seen.js";

const room = (id: string, name = id) => ({ id, roomName: name, latestMessage: "2026-01-01T00:00:00Z", latestMessagePreviewText: { type: "Text" }, unreadCount: 2 }) as unknown as Room;
const message = (n: number, text = `text ${n}`) => ({ messageId: `m${n}`, senderId: "bob", createdAt: "2026-01-01T00:00:00Z", msgBody: { text } }) as unknown as Message;
const bob = { id: "bob", displayName: "Bob", lastMessageReadAt: "2026-01-01T00:00:00Z" } as unknown as Member;
const messages = (from: number, to: number) => Array.from({ length: to - from }, (_, i) => message(from + i));

test("what was seen is there for another page of the same user, and for nobody else", async () => {
  const before = new LastSeen("kept");
  await before.keepRooms("alice-id", [room("r1", "Lunch")]);
  await before.keepTimeline("r1", messages(0, 3), [bob]);
  const after = new LastSeen("kept");
  const { userId, rooms } = (await after.rooms())!;
  assert.deepEqual([userId, rooms.map(({ roomName }) => roomName)], ["alice-id", ["Lunch"]]);
  const seen = (await after.timeline("r1"))!;
  assert.deepEqual(seen.messages.map(({ messageId }) => messageId), ["m0", "m1", "m2"]);
  assert.deepEqual(seen.members, [{ id: "bob", displayName: "Bob" }]);
  assert.equal(await new LastSeen("another").rooms(), undefined);
  assert.equal(await after.timeline("r2"), undefined);
});

test("it is bounded: in rooms, in timelines, in messages, and in bytes", async () => {
  let now = 0;
  const seen = new LastSeen("bounded", () => ++now);
  await seen.keepRooms("alice-id", Array.from({ length: MOST.rooms + 50 }, (_, i) => room(`r${i}`)));
  assert.equal((await seen.rooms())!.rooms.length, MOST.rooms);
  for (let i = 0; i < MOST.timelines + 3; i++) await seen.keepTimeline(`r${i}`, messages(0, MOST.messages + 20), [bob]);
  for (let i = 0; i < 3; i++) assert.equal(await seen.timeline(`r${i}`), undefined, "of the one that was looked at longest ago nothing is left");
  const last = (await seen.timeline(`r${MOST.timelines + 2}`))!;
  assert.equal(last.messages.length, MOST.messages);
  assert.equal(last.messages.at(-1)!.messageId, `m${MOST.messages + 19}`);
  const long = Array.from({ length: 40 }, (_, i) => message(i, "ä".repeat(4000)));
  await seen.keepTimeline("r9", long, [bob]);
  const kept = (await seen.timeline("r9"))!.messages;
  assert.ok(kept.length > 10 && new TextEncoder().encode(JSON.stringify(kept)).length <= MOST.bytes * 1.01, `${kept.length}`);
  assert.equal(kept.at(-1)!.messageId, "m39");
});

test("a room that the user is in no more leaves nothing", async () => {
  const seen = new LastSeen("left");
  await seen.keepTimeline("r1", messages(0, 3), [bob]);
  await seen.keepTimeline("r2", messages(0, 3), [bob]);
  await seen.keepRooms("alice-id", [room("r2")]);
  assert.equal(await seen.timeline("r1"), undefined);
  assert.ok(await seen.timeline("r2"));
});

test("what is old is not shown", async () => {
  let now = 1_000;
  const seen = new LastSeen("old", () => now);
  await seen.keepRooms("alice-id", [room("r1")]);
  await seen.keepTimeline("r1", messages(0, 3), [bob]);
  now += MOST.age;
  assert.equal(await seen.rooms(), undefined);
  assert.equal(await seen.timeline("r1"), undefined);
});

test("signing out deletes it, and another tab of the user's keeps nothing any more", async () => {
  const here = new LastSeen("out");
  const elsewhere = new LastSeen("out");
  await here.keepTimeline("r1", messages(0, 3), [bob]);
  assert.ok(await elsewhere.timeline("r1"));
  await here.clear();
  assert.ok(!(await indexedDB.databases()).some(({ name }) => name?.includes("out")));
  for (const each of [here, elsewhere]) {
    await each.keepTimeline("r1", messages(0, 3), [bob]);
    await each.keepRooms("alice-id", [room("r1")]);
  }
  assert.ok(!(await indexedDB.databases()).some(({ name }) => name?.includes("out")));
  await new LastSeen("out").keepTimeline("r1", messages(0, 3), [bob]);
  assert.ok(await new LastSeen("out").timeline("r1"), "who signs in again begins anew");
});

test("what lies there may be anything", async () => {
  const seen = new LastSeen("rubbish");
  await seen.keepRooms("alice-id", [room("r1")]);
  const db = await openDB("ism.seen-rubbish");
  for (const rubbish of [{}, { rooms: 7, at: Date.now() }, { rooms: [null, {}, 7, { id: "r" }], at: Date.now() }]) {
    await db.put("rooms", rubbish, "list");
    assert.deepEqual((await seen.rooms())?.rooms ?? [], []);
  }
  await db.put("timelines", { room: "r1", messages: [null, { messageId: "m" }], members: [], at: Date.now() });
  assert.deepEqual((await seen.timeline("r1"))?.messages, []);
  db.close();
});

test("where the storage is forbidden nothing is kept, and nothing fails", async () => {
  const { open } = indexedDB;
  indexedDB.open = () => {
    throw new DOMException("forbidden", "SecurityError");
  };
  try {
    const seen = new LastSeen("forbidden");
    await seen.keepRooms("alice-id", [room("r1")]);
    assert.equal(await seen.rooms(), undefined);
    await seen.clear();
  } finally {
    indexedDB.open = open;
  }
});
