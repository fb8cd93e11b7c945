import assert from "node:assert/strict";
import { test } from "node:test";
import { createClient, Problem } from "../src/index.js";
import { answering } from "./answers.js";
import { until } from "./ism.js";

test("who the user is can be asked where the token does not say it, and counts from then on", async () => {
  let me: unknown = { id: "5d1f6a2e-0000-5000-8000-000000000001", displayName: "Alice" };
  const { fetch } = answering(() => Response.json(me));
  const client = createClient({ url: "http://ism", getToken: () => "token", fetch });
  assert.equal(client.userId, undefined);
  assert.equal((await client.me()).displayName, "Alice");
  assert.equal(client.userId, "5d1f6a2e-0000-5000-8000-000000000001");
  me = {};
  await assert.rejects(client.me(), (thrown) => thrown instanceof Problem && thrown.code === "bad-answer");
  assert.equal(client.userId, "5d1f6a2e-0000-5000-8000-000000000001");
  client.close();
});

test("a message that waits for the network goes out when the browser is online again, whatever the stream says", async () => {
  let network = false;
  const wakes = new Set<() => void>();
  const online = () => wakes.forEach((wake) => wake());
  const { fetch, names } = answering(() => {
    if (!network) throw new TypeError("no network");
    return Response.json({ messageId: "m1", chatRoomId: "room", senderId: "alice", msgType: "Text", msgBody: { text: "x" }, createdAt: "", position: "1" });
  });
  const client = createClient({
    url: "http://ism",
    getToken: () => "token",
    fetch,
    surroundings: {
      onWake(listener) {
        const wake = () => listener("online");
        wakes.add(wake);
        return () => wakes.delete(wake);
      },
      onHidden: () => () => {},
    },
  });
  client.room("room").send("x");
  const waiting = () => client.room("room").timeline.getSnapshot().items.some(({ state }) => state === "sending");
  const sends = () => names().filter((name) => name === "POST /api/send-msg").length;
  let tried = 0;
  await until("it waits for some time", () => (online(), (tried = sends()) >= 5)); // each pause is longer than the one before
  assert.ok(waiting());
  network = true;
  await until("it is sent", () => (online(), !waiting())); // again, as a try may have been under way
  assert.ok(sends() <= tried + 2); // one may have been under way
  client.close();
  assert.equal(wakes.size, 0);
});

test("a list that waits for the network is asked for when the browser is online again, whatever the stream says", async () => {
  let network = false;
  let asked = 0;
  const wakes = new Set<() => void>();
  const { fetch } = answering(() => {
    asked++;
    if (!network) throw new TypeError("no network");
    return Response.json([]);
  });
  const client = createClient({
    url: "http://ism",
    getToken: () => "token",
    fetch,
    surroundings: { onWake: (listener) => (wakes.add(() => listener("online")), () => {}), onHidden: () => () => {} },
  });
  const online = () => wakes.forEach((wake) => wake());
  const loaded = client.rooms.load();
  await until("it waits for some time", () => (online(), asked >= 5)); // each pause is longer than the one before
  network = true;
  await until("it is there", () => (online(), client.rooms.getSnapshot().loaded));
  await loaded;
  client.close();
});
