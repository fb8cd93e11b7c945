import assert from "node:assert/strict";
import { test } from "node:test";
import { Problem } from "../src/problem.js";
import { Rooms } from "../src/rooms.js";
import type { Message, Room, StreamEvent } from "../src/types.js";
import { until } from "./ism.js";

const at = (n: number) => `1${String(n).padStart(6, "0")}`;
const room = (id: string, n = 0, unreadCount = 0): Room => ({
  id, roomType: "Group", roomName: id, roomImageUrl: null, createdAt: at(0), latestMessage: at(n), latestMessagePreviewText: { type: "New" }, unread: unreadCount > 0, unreadCount, unreadAsOf: at(n),
});
const posted = (id: string, n: number, senderId = "other"): StreamEvent => ({
  type: "ChatMessage", position: at(n), createdAt: at(n), roomPreviewText: { type: "Text", text: `${n}` },
  message: { chatRoomId: id, messageId: `m${n}`, senderId, msgType: "Text", msgBody: { text: `${n}` }, createdAt: at(n) },
});

/** Rooms whose server answers when it is told to. */
function roomsOf() {
  const asked: { path: string; cursor: unknown; answer: (data: unknown, headers?: Record<string, string>) => void; fail: (problem: Problem) => void }[] = [];
  const call = <T>(_: string, path: string, options?: { query?: Record<string, unknown> }) =>
    new Promise<{ data: T; headers: Headers }>((resolve, reject) => {
      asked.push({ path, cursor: options?.query?.["cursor"], answer: (data, headers = {}) => resolve({ data: data as T, headers: new Headers(headers) }), fail: reject });
    });
  const rooms = new Rooms({ call }, (message: Message) => message.senderId === "me");
  return { rooms, asked, ids: () => rooms.getSnapshot().rooms.map(({ id }) => id) };
}

test("what happens while the list is under way is in it, whichever was quicker", async () => {
  const { rooms, asked, ids } = roomsOf();
  const loaded = rooms.load();
  rooms.event({ type: "NewRoom", room: room("new", 9), createdAt: "" });
  rooms.event({ type: "LeaveRoom", roomId: "left", createdAt: "" });
  rooms.event(posted("busy", 7));
  asked[0]!.answer([room("busy", 5, 2), room("left", 4)], { "X-Next-Cursor": "c" });
  await until("the next page", () => asked.length === 2);
  assert.equal(asked[1]!.cursor, "c");
  asked[1]!.answer([room("old", 1)]);
  await loaded;
  assert.deepEqual(ids(), ["new", "busy", "old"]);
  assert.equal(rooms.get("busy")?.unreadCount, 3);
  assert.equal(rooms.get("busy")?.latestMessagePreviewText.text, "7");
  assert.equal(rooms.getSnapshot().unread, 3);
});

test("the room with the newest message is first; own messages and marks make it read; a room that is not known is asked for", async () => {
  const { rooms, asked, ids } = roomsOf();
  const loaded = rooms.load();
  asked[0]!.answer([room("a", 2), room("b", 1)]);
  await loaded;
  rooms.event(posted("b", 3));
  rooms.event(posted("b", 3));
  assert.deepEqual([ids(), rooms.get("b")?.unreadCount, rooms.get("b")?.unread], [["b", "a"], 1, true]);
  rooms.event(posted("b", 4, "me"));
  assert.equal(rooms.get("b")?.unreadCount, 0);
  rooms.event(posted("b", 5));
  rooms.event({ type: "UnreadChanged", roomId: "b", unreadCount: 0, unreadAsOf: at(5), createdAt: "" });
  assert.equal(rooms.get("b")?.unread, false);
  rooms.event(posted("c", 6));
  await until("it is asked for", () => asked.length === 2);
  assert.equal(asked[1]!.path, "/api/rooms/c");
  asked[1]!.answer(room("c", 6, 1));
  await until("it is there", () => ids()[0] === "c");
});

test("what happens in a room while that is asked for alone counts, whichever was quicker", async () => {
  const { rooms, asked } = roomsOf();
  const loaded = rooms.load();
  asked[0]!.answer([room("a", 2)]);
  await loaded;
  rooms.event(posted("c", 6));
  await until("it is asked for", () => asked.length === 2);
  rooms.event(posted("c", 7)); // behind the answer
  rooms.event(posted("a", 8)); // of another room
  asked[1]!.answer(room("c", 6, 1));
  await until("it is there", () => rooms.get("c") !== undefined);
  assert.deepEqual([rooms.get("c")?.unreadCount, rooms.get("a")?.unreadCount], [2, 1]);

  rooms.left("c");
  rooms.event(posted("c", 9));
  await until("it is asked for", () => asked.length === 3);
  rooms.event({ type: "UnreadChanged", roomId: "c", unreadCount: 0, unreadAsOf: at(9), createdAt: "" });
  asked[2]!.answer(room("c", 9, 3)); // read before the mark
  await until("it is there", () => rooms.get("c") !== undefined);
  assert.equal(rooms.get("c")?.unreadCount, 0);
});

test("a room that is left while it is asked for is not there again", async () => {
  const { rooms, asked, ids } = roomsOf();
  const loaded = rooms.load();
  asked[0]!.answer([]);
  await loaded;
  rooms.event(posted("c", 6));
  await until("it is asked for", () => asked.length === 2);
  rooms.left("c");
  rooms.event(posted("d", 7));
  asked[1]!.answer(room("c", 6, 1));
  await until("the other is asked for", () => asked.length === 3);
  asked[2]!.answer(room("d", 7, 1));
  await until("the other is there", () => ids().includes("d"));
  assert.deepEqual(ids(), ["d"]);
});

test("a list that cannot be had leaves what is there, says why, and is asked for again", async () => {
  const { rooms, asked, ids } = roomsOf();
  const loaded = rooms.load();
  asked[0]!.answer([room("a", 2)]);
  await loaded;
  const again = rooms.load();
  await until("it is asked for", () => asked.length === 2);
  asked[1]!.fail(new Problem("timeout", 503, "not now", "t"));
  await until("it is told", () => rooms.getSnapshot().problem?.traceId === "t");
  assert.deepEqual(ids(), ["a"]);
  rooms.wake();
  await until("it is asked for again", () => asked.length === 3);
  asked[2]!.answer([]);
  await again;
  assert.deepEqual([ids(), rooms.getSnapshot().problem], [[], undefined]);
});
