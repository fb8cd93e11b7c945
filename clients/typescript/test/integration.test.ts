import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { createClient, media, Problem, type Client, type ClientOptions, type Message, type RoomHandle } from "../src/index.js";
import { shared, type Channel } from "../src/shared.js";
import { isBuilt, Network, program, sleep, startISM, until, type ISM } from "./ism.js";
import { ModelLocks } from "./tabs.js";

const required = process.env["ISM_TEST_REQUIRE_ENGINES"] === "1";
const skip = isBuilt || required ? false : `${program} is not built`;
let ism: ISM;
let network: Network;
const clients: Client[] = [];

/** Tokens live so briefly that each test sees several of them expire. */
before(async () => {
  if (skip) return;
  ism = await startISM({ ISM_DEV_IDP_TOKEN_LIFE: "4s" });
  network = await Network.to(ism.port);
});

after(async () => {
  clients.forEach((client) => client.close());
  await network?.close();
  await ism?.stop();
});

function clientOf(user: string, options: Partial<ClientOptions> = {}): Client {
  const client = createClient({ url: network.url, getToken: () => ism.token(user), ...options });
  clients.push(client);
  return client;
}

/** Two users in a room of their own, connected. */
async function two(alice: string, bob: string): Promise<[RoomHandle, RoomHandle, Client, Client]> {
  const [a, b] = [clientOf(alice), clientOf(bob)];
  for (const client of [a, b]) {
    client.connect();
    await client.rooms.load();
  }
  const room = await a.createRoom({ roomType: "Group", roomName: "two", invitedUsers: [await ism.id(alice), await ism.id(bob)] });
  const handles = [a.room(room.id), b.room(room.id)] as const;
  await Promise.all(handles.map(({ timeline }) => timeline.load()));
  await until("bob is in the room", () => b.rooms.get(room.id));
  return [...handles, a, b];
}

const texts = (room: RoomHandle) => room.timeline.getSnapshot().items.filter(({ message }) => message.msgType !== "RoomChange").map(({ message }) => ("text" in message.msgBody ? message.msgBody.text : message.msgType));
const last = (room: RoomHandle) => room.timeline.getSnapshot().items.at(-1);
const states = (room: RoomHandle) => [...new Set(room.timeline.getSnapshot().items.map(({ state }) => state))];

/** What the server has, asked past the network that is cut. */
async function serverTimeline(user: string, room: string): Promise<Message[]> {
  const direct = createClient({ url: ism.url, getToken: () => ism.token(user) });
  const messages: Message[] = [];
  for (let cursor: string | undefined; ; ) {
    const response = await fetch(`${ism.url}/api/rooms/${room}/timeline?limit=100${cursor ? `&cursor=${cursor}` : ""}`, { headers: { Authorization: `Bearer ${await ism.token(user)}` } });
    messages.push(...((await response.json()) as Message[]));
    if (!(cursor = response.headers.get("X-Next-Cursor") ?? undefined)) break;
  }
  direct.close();
  return messages.reverse();
}

test("two users chat", { skip }, async () => {
  const [mine, theirs, alice, bob] = await two("alice", "bob");
  const key = mine.send("Soup?");
  assert.deepEqual([last(mine)?.key, last(mine)?.state], [key, "sending"]);
  await until("it is sent", () => last(mine)?.state === "sent" && texts(theirs).at(-1) === "Soup?");
  assert.equal(last(mine)?.key, key);
  await until("it is unread", () => bob.rooms.get(theirs.id)?.unreadCount === 1);
  assert.equal(alice.rooms.get(mine.id)?.unreadCount, 0);
  assert.deepEqual(bob.rooms.getSnapshot().rooms[0]?.latestMessagePreviewText.text, "Soup?");

  await theirs.markRead();
  await until("it is read", () => bob.rooms.get(theirs.id)?.unread === false && bob.rooms.getSnapshot().unread === 0);
  await mine.members.load();
  await theirs.markUnread();
  await until("it is unread again", () => bob.rooms.get(theirs.id)?.unreadCount === 1);
  await theirs.markRead(last(theirs)?.message);
  const bobId = await ism.id("bob");
  await until("alice sees that bob has read it", () => mine.members.getSnapshot().readUpTo[bobId] === last(mine)?.message.messageId);

  const soup = last(mine)!.message;
  theirs.reply(soup, "Yes!");
  await until("the reply is there", () => last(mine)?.message.msgType === "Reply" && last(theirs)?.state === "sent");
  await mine.edit(soup, { text: "Soup!" }, { ifUnchanged: true });
  await until("the edit is there", () => texts(theirs).includes("Soup!"));
  await assert.rejects(mine.edit(soup, { text: "Stew" }, { ifUnchanged: true }), (problem: Problem) => problem.code === "message-changed" && problem.traceId !== "");
  await mine.delete(soup);
  await until("the deletion is there", () => theirs.timeline.getSnapshot().items.some(({ message }) => message.deletedAt));
  assert.equal(theirs.timeline.getSnapshot().items.find(({ message }) => message.deletedAt)?.message.messageId, soup.messageId);
});

test("a file is uploaded, shown and downloaded", { skip }, async () => {
  const [mine, theirs, alice, bob] = await two("carol", "dave");
  const progress: number[] = [];
  const file = new Blob(["# Soup\n".repeat(1000)], { type: "text/plain" });
  await media(alice).send(mine, file, { fileName: "soup.txt", altText: "how soup is made", onProgress: (sent) => progress.push(sent) });
  await until("the message is there", () => last(theirs)?.message.msgType === "Media");
  assert.equal(progress.at(-1), file.size);
  const body = last(theirs)!.message.msgBody as { mediaId: string; fileName: string };
  assert.equal(body.fileName, "soup.txt");
  assert.equal(await (await media(bob).download(body.mediaId)).text(), await file.text());
});

test("what is refused has failed, and can be given up", { skip }, async () => {
  const [mine] = await two("erin", "frank");
  const empty = mine.send(" ");
  mine.send("Stew?");
  await until("the other is sent", () => states(mine).includes("failed") && texts(mine).includes("Stew?") && !states(mine).includes("sending"));
  const failed = mine.timeline.getSnapshot().items.find(({ key }) => key === empty);
  assert.equal(failed?.problem?.code, "invalid-request");
  assert.equal(failed?.problem?.status, 422);
  mine.discard(empty);
  assert.deepEqual(states(mine), ["sent"]);
});

test("connections are cut all the time: nothing is lost, nothing comes twice, all see one order", { skip }, async () => {
  const [mine, theirs, alice, bob] = await two("grace", "heidi");
  const cutting = setInterval(() => network.cut(), 230);
  for (let i = 0; i < 40; i++) {
    mine.send(`a${i}`);
    theirs.send(`b${i}`);
    await sleep(40);
  }
  clearInterval(cutting);
  await until("all is sent", () => [mine, theirs].every((room) => !states(room).includes("sending") && texts(room).length >= 80), 40_000);
  const server = (await serverTimeline("grace", mine.id)).map(({ messageId }) => messageId);
  for (const room of [mine, theirs]) {
    await until("the client has what the server has", () => room.timeline.getSnapshot().items.length === server.length);
    assert.deepEqual(room.timeline.getSnapshot().items.map(({ message }) => message.messageId), server);
    assert.equal(new Set(texts(room)).size, 80);
    for (const who of ["a", "b"]) {
      assert.deepEqual(texts(room).filter((text) => text.startsWith(who)), Array.from({ length: 40 }, (_, i) => `${who}${i}`));
    }
  }
  for (const client of [alice, bob]) {
    const { unreadCount } = await client.request<{ unreadCount: number }>("GET", `/api/rooms/${mine.id}`, { query: { caughtUp: true } });
    await until("unread is the server's count", () => client.rooms.get(mine.id)?.unreadCount === unreadCount);
  }
});

test("a stream that cannot be resumed is made good by REST: new, edited and deleted messages", { skip }, async () => {
  let forget = false;
  const amnesiac: typeof fetch = (input, init) => {
    const headers = new Headers(init?.headers);
    if (forget && headers.has("Last-Event-ID")) headers.set("Last-Event-ID", "none");
    return fetch(input, { ...init, headers });
  };
  const [mine] = await two("ivan", "judy");
  const other = clientOf("judy", { fetch: amnesiac });
  let resyncs = 0;
  other.on(({ type }) => type === "Resync" && resyncs++);
  other.connect();
  await until("judy has the room", () => other.rooms.get(mine.id));
  const theirs = other.room(mine.id);
  await theirs.timeline.load();
  for (const text of ["one", "two", "three"]) mine.send(text);
  await until("three are there", () => texts(theirs).length === 3 && !states(mine).includes("sending"));

  forget = true;
  other.close();
  const [one, two_] = mine.timeline.getSnapshot().items.filter(({ message }) => message.msgType === "Text").map(({ message }) => message);
  await mine.edit(one!, { text: "1" });
  await mine.delete(two_!);
  mine.send("four");
  await until("four is sent", () => last(mine)?.state === "sent");
  const again = clientOf("judy", { fetch: amnesiac });
  again.connect();
  const back = again.room(mine.id);
  await back.timeline.load();
  await until("live", () => again.connection.getSnapshot().status === "live");
  network.cut();
  again.on(({ type }) => type === "Resync" && resyncs++);
  mine.send("five");
  await until("it is told to resync", () => resyncs > 0);
  await until("all is there", () => back.timeline.getSnapshot().caughtUp && texts(back).length === 5);
  assert.deepEqual(texts(back), texts(mine));
  assert.equal(texts(back)[0], "1");
});

test("tabs share a stream: all have one timeline, also behind the end of who held it", { skip }, async () => {
  const [mine] = await two("leo", "mia");
  const locks = new ModelLocks((_, act) => setImmediate(act));
  let streams = 0;
  const counting: typeof fetch = async (input, init) => {
    const response = await fetch(input, init);
    if (response.ok && String(input).endsWith("/api/sse")) streams++;
    return response;
  };
  const tabs = Array.from({ length: 4 }, () => clientOf("mia", { fetch: counting, share: shared({ locks: locks.tab(), channel: (name) => new BroadcastChannel(name) as unknown as Channel }) }));
  for (const tab of tabs) tab.connect();
  const rooms = tabs.map((tab) => tab.room(mine.id));
  await Promise.all(rooms.map(({ timeline }) => timeline.load()));
  await until("all are live", () => tabs.every(({ connection }) => connection.getSnapshot().status === "live"));
  assert.equal(streams, 1);
  for (const [i, tab] of tabs.entries()) {
    mine.send(`m${i}`);
    await until("all have it", () => rooms.slice(i).every((room) => texts(room).at(-1) === `m${i}`));
    await until("it is unread", () => tab.rooms.get(mine.id)?.unreadCount === i + 1);
    tab.close();
  }
  assert.deepEqual(texts(rooms.at(-1)!), ["m0", "m1", "m2", "m3"]);
});

test("a token that is refused is replaced once; then the app sees it, and it mends by itself", { skip }, async () => {
  let good = false;
  let asked = 0;
  const client = clientOf("kim", { getToken: () => (asked++, good ? ism.token("kim") : "rubbish") });
  await assert.rejects(client.request("GET", "/api/rooms"), (problem: Problem) => problem.status === 401 && problem.code === "unauthorized");
  assert.equal(asked, 2);
  client.connect();
  await until("it is told", () => client.connection.getSnapshot().problem?.status === 401);
  assert.equal(client.connection.getSnapshot().status, "reconnecting");
  good = true;
  await until("it is live", () => client.connection.getSnapshot().status === "live");
  asked = 0;
  await Promise.all([1, 2, 3].map(() => client.request("GET", "/api/rooms")));
  assert.ok(asked <= 1);
  // Behind a token's life the stream goes on with another one.
  await sleep(5_000);
  await until("it is live again", () => client.connection.getSnapshot().status === "live" && asked > 0);
});
