import assert from "node:assert/strict";
import { test } from "node:test";
import { createClient, notifications, type InboxEntry } from "../src/index.js";
import { answering, EventStream, type Request } from "./answers.js";
import { sleep, until } from "./ism.js";

const PAGE = 3;

/** A user's inbox, the newest first, in pages of three. */
async function inbox(entries = 5) {
  const kept: InboxEntry[] = [];
  const add = () => kept.unshift({ notificationId: `n${kept.length}`, cursor: `c${kept.length}`, read: false, type: "SystemMessage" });
  for (let i = 0; i < entries; i++) add();
  const unread = () => ({ unreadCount: kept.filter(({ read }) => !read).length });
  const stream = new EventStream();
  let instead: ((request: Request) => Response | undefined) | undefined;
  const { fetch, names } = answering((request) => {
    const replaced = instead?.(request);
    if (replaced) return replaced;
    switch (request.name) {
      case "GET /api/sse":
        return stream.answer(request);
      case "GET /api/notifications": {
        const cursor = request.url.searchParams.get("cursor");
        const from = cursor === null ? 0 : kept.findIndex((entry) => entry.cursor === cursor) + 1;
        const page = kept.slice(from, from + PAGE);
        const more = from + PAGE < kept.length;
        return Response.json(page, { headers: more ? { "X-Next-Cursor": page.at(-1)!.cursor } : {} });
      }
      case "GET /api/notifications/unread":
        return Response.json(unread());
      case "POST /api/notifications/read": {
        const { upTo, notificationIds = [] } = request.body as { upTo?: string; notificationIds?: string[] };
        const from = upTo === undefined ? Infinity : kept.findIndex(({ cursor }) => cursor === upTo);
        kept.forEach((entry, i) => (entry.read ||= i >= from || notificationIds.includes(entry.notificationId)));
        return Response.json(unread());
      }
      default:
        return Response.json([]);
    }
  });
  const client = createClient({ url: "http://ism", getToken: () => "token", fetch });
  const list = notifications(client);
  client.connect();
  await list.load();
  await until("live", () => client.connection.getSnapshot().status === "live");
  const shown = () => list.getSnapshot().entries.map(({ notificationId, read }) => notificationId + (read ? "r" : "")).join();
  return { client, list, stream, names, shown, kept, add, instead: (what: typeof instead) => (instead = what) };
}

test("the inbox is loaded a page at a time, nothing twice", async () => {
  const on = await inbox();
  assert.deepEqual([on.shown(), on.list.getSnapshot().unread, on.list.getSnapshot().more], ["n4,n3,n2", 5, true]);
  await Promise.all([on.list.loadOlder(), on.list.loadOlder()]);
  assert.deepEqual([on.shown(), on.list.getSnapshot().more], ["n4,n3,n2,n1,n0", false]);
  await on.list.loadOlder();
  assert.equal(on.names().filter((name) => name === "GET /api/notifications").length >= 2, true);
  on.client.close();
});

test("what is read here and elsewhere is read, and the count is the server's", async () => {
  const on = await inbox(3);
  await on.list.read({ notificationIds: ["n1"] });
  assert.deepEqual([on.shown(), on.list.getSnapshot().unread], ["n2,n1r,n0", 2]);
  on.stream.event({ type: "NotificationsRead", notificationIds: ["n2"], unreadCount: 1, createdAt: "" });
  await until("it is read", () => on.shown() === "n2r,n1r,n0");
  await on.list.read({ upTo: "c2" });
  assert.deepEqual([on.shown(), on.list.getSnapshot().unread], ["n2r,n1r,n0r", 0]);
  on.add();
  on.kept[0]!.read = true;
  on.stream.event({ type: "NotificationsRead", upTo: "c3", unreadCount: 0, createdAt: "" }); // of an entry that is not here
  await until("it is asked for", () => on.shown() === "n3r,n2r,n1r,n0r" || on.shown() === "n3r,n2r,n1r");
  on.client.close();
});

test("what comes on the stream is asked for once, when it is in the inbox", async () => {
  const on = await inbox(1);
  const before = on.names().length;
  for (let i = 0; i < 2; i++) {
    on.add();
    on.stream.event({ type: "SystemMessage", notificationId: `n${i + 1}`, message: {}, createdAt: "" });
  }
  await until("it is there", () => on.shown() === "n2,n1,n0");
  assert.deepEqual([on.list.getSnapshot().unread, on.names().length - before], [3, 2]);
  on.client.close();
});

test("an inbox that cannot be had is told, and what is there stays", async () => {
  const on = await inbox(2);
  on.instead(({ name }) => (name === "GET /api/notifications/unread" ? new Response(null, { status: 204 }) : undefined));
  on.stream.event({ type: "Resync", reason: "expired", createdAt: "" });
  await until("it is told", () => on.list.getSnapshot().problem?.code === "bad-answer");
  assert.deepEqual([on.shown(), on.list.getSnapshot().unread], ["n1,n0", 2]);
  on.instead(undefined);
  await on.list.load();
  assert.equal(on.list.getSnapshot().problem, undefined);
  on.client.close();
  const asked = on.names().length;
  await sleep(5);
  assert.equal(on.names().length, asked);
});
