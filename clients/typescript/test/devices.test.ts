import assert from "node:assert/strict";
import { test } from "node:test";
import { createClient, devices, Problem, settings } from "../src/index.js";
import { answering, type Request } from "./answers.js";

function clientOf(answer: (request: Request) => Response) {
  const { fetch, asked, names } = answering(answer);
  return { client: createClient({ url: "http://ism", getToken: () => "token", fetch }), asked, names };
}

test("a browser subscribes with the installation's key, is registered, listed and removed", async () => {
  const device = { deviceId: "my browser/1", kind: "WebPush", registeredAt: "2026-11-30T12:00:00Z" };
  const { client, asked, names } = clientOf(({ name, method }) => {
    if (name.endsWith("/vapid")) return Response.json({ publicKey: "BP-_AA" });
    if (method === "DELETE") return new Response(null, { status: 204 });
    return Response.json(method === "GET" ? [device] : device);
  });
  const own = devices(client);
  assert.deepEqual([...(await own.applicationServerKey())], [4, 255, 191, 0]);
  const subscription = { endpoint: "https://push.example/1", keys: { p256dh: "k", auth: "a" } };
  assert.deepEqual(await own.registerWebPush(device.deviceId, { toJSON: () => ({ ...subscription, expirationTime: null }) }), device);
  assert.deepEqual(asked.at(-1)?.body, { deviceId: device.deviceId, kind: "WebPush", subscription });
  await own.register({ deviceId: "phone", kind: "Fcm", token: "t" });
  assert.deepEqual(asked.at(-1)?.body, { deviceId: "phone", kind: "Fcm", token: "t" });
  assert.deepEqual(await own.list(), [device]);
  await own.remove(device.deviceId);
  assert.equal(names().at(-1), "DELETE /api/devices/my%20browser%2F1");
  client.close();
});

test("what is told by push is set, of all rooms and of one", async () => {
  const told = { level: "all", mutedUntil: null, rooms: [] };
  const { client, asked, names } = clientOf(() => Response.json(told));
  const own = devices(client);
  assert.deepEqual(await own.settings(), told);
  assert.deepEqual(await own.set({ roomId: "r", level: "mentions" }), told);
  assert.deepEqual(names(), ["GET /api/notify/settings", "PUT /api/notify/settings"]);
  assert.deepEqual(asked.at(-1)?.body, { roomId: "r", level: "mentions" });
  client.close();
});

test("an installation without Web Push says so, and rubbish is a bad answer", async () => {
  const answers = [
    Response.json({ code: "push-off", detail: "no" }, { status: 404, headers: { "Content-Type": "application/problem+json" } }),
    ...Array.from({ length: 4 }, () => Response.json({ hello: 1 })),
  ];
  const { client } = clientOf(() => answers.shift()!);
  const own = devices(client);
  for (const [code, call] of [["push-off", () => own.applicationServerKey()], ["bad-answer", () => own.list()], ["bad-answer", () => own.register({ deviceId: "d", kind: "Apns", token: "t" })], ["bad-answer", () => own.settings()], ["bad-answer", () => settings(client).get()]] as const) {
    await assert.rejects(call(), (thrown) => thrown instanceof Problem && thrown.code === code);
  }
  client.close();
});

test("the user's settings are asked for and set", async () => {
  let readReceipts = true;
  const { client, names } = clientOf(({ method, body }) => {
    if (method === "PUT") ({ readReceipts } = body as { readReceipts: boolean });
    return Response.json({ readReceipts });
  });
  const own = settings(client);
  assert.deepEqual(await own.get(), { readReceipts: true });
  assert.deepEqual(await own.set({ readReceipts: false }), { readReceipts: false });
  assert.deepEqual(names(), ["GET /api/users/me/settings", "PUT /api/users/me/settings"]);
  client.close();
});
