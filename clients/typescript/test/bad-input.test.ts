import assert from "node:assert/strict";
import { test } from "node:test";
import { createClient, Problem, type ClientOptions, type Message, type Room } from "../src/index.js";
import { answering, EventStream, type Request } from "./answers.js";
import { sleep, until } from "./ism.js";

const at = (n: number) => `1${String(n).padStart(6, "0")}`;
const time = (n: number) => new Date(Date.UTC(2026, 0, 1, 0, 0, n)).toISOString();
const theRoom: Room = {
  id: "r", roomType: "Group", roomName: "r", roomImageUrl: null, createdAt: time(0), latestMessage: time(1), latestMessagePreviewText: { type: "New" }, unread: false, unreadCount: 0, unreadAsOf: at(1),
};

/** A user in a room with one message, at a server whose answers to some requests may be replaced. */
async function chatting(options: Partial<ClientOptions> = {}) {
  const stream = new EventStream();
  const messages: Message[] = [{ chatRoomId: "r", messageId: "m1", senderId: "other", msgType: "Text", msgBody: { text: "hello" }, createdAt: time(1), position: at(1) }];
  let instead: ((request: Request) => Response) | undefined;
  const posted = new Set<string>();
  const answer = (request: Request): Response => {
    if (instead) return instead(request);
    switch (request.name) {
      case "GET /api/sse":
        return stream.answer(request);
      case "GET /api/rooms":
        return Response.json([theRoom]);
      case "GET /api/rooms/r/timeline":
        return Response.json([...messages].reverse());
      case "GET /api/rooms/r/changes":
        return Response.json({ changes: [], since: at(messages.length), more: false });
      case "POST /api/send-msg": {
        const { clientMsgId, msgBody } = request.body as { clientMsgId: string; msgBody: { text: string } };
        posted.add(clientMsgId);
        const n = messages.length + 1;
        const message: Message = { chatRoomId: "r", messageId: `m${n}`, senderId: "me", clientMsgId, msgType: "Text", msgBody, createdAt: time(n), position: at(n) };
        if (!messages.some((each) => each.clientMsgId === clientMsgId)) messages.push(message);
        return Response.json(messages.find((each) => each.clientMsgId === clientMsgId));
      }
      default:
        return Response.json({ code: "not-found", title: "no" }, { status: 404, headers: { "Content-Type": "application/problem+json" } });
    }
  };
  const { fetch, asked } = answering(answer);
  const wakes = new Set<() => void>();
  const wake = () => wakes.forEach((each) => each());
  const client = createClient({
    url: "http://ism", getToken: () => "token", userId: "me", fetch,
    surroundings: { onWake: (listener) => (wakes.add(() => listener("online")), () => {}), onHidden: () => () => {} },
    ...options,
  });
  client.connect();
  const room = client.room("r");
  await room.timeline.load();
  await until("all is there", () => client.rooms.getSnapshot().loaded && client.connection.getSnapshot().status === "live");
  return { client, room, stream, asked, posted, wake, instead: (what: typeof instead) => (instead = what), ids: () => room.timeline.getSnapshot().items.map(({ message }) => message.messageId) };
}

const html = Buffer.from("<p>".repeat(3 << 20));
const text = Buffer.from(JSON.stringify("x".repeat(10 << 20)));

const rubbish: Record<string, () => Response> = {
  "half a body": () => new Response('[{"id":"r","roomT', { headers: { "Content-Type": "application/json" } }),
  "JSON of another shape": () => Response.json({ hello: 1 }),
  "a list of something else": () => Response.json([1, null, { hello: 1 }]),
  "null": () => Response.json(null),
  "a 204": () => new Response(null, { status: 204 }),
  "a login page": () => new Response("<html>sign in</html>", { headers: { "Content-Type": "text/html" } }),
  "a redirect to a login page": () => new Response(null, { status: 302, headers: { Location: "https://login.example" } }),
  "10 MB of HTML": () => new Response(html, { headers: { "Content-Type": "text/html" } }),
  "10 MB of JSON": () => new Response(text, { headers: { "Content-Type": "application/json" } }),
  "a redirect as browsers tell it": () => Object.defineProperty(Response.error(), "type", { value: "opaqueredirect" }),
};

for (const [what, answer] of Object.entries(rubbish)) {
  test(`${what} for an answer: the client says so, keeps what it has, sends nothing twice, and recovers`, async () => {
    const on = await chatting();
    on.instead(answer);
    on.stream.cut();
    const key = on.room.send("soup?");
    void on.client.rooms.load();
    await assert.rejects(on.room.timeline.load(), (problem: unknown) => problem instanceof Problem && problem.code === "bad-answer");
    await assert.rejects(on.client.createRoom({ roomType: "Group", invitedUsers: [] }), (problem: unknown) => problem instanceof Problem && problem.code === "bad-answer");
    const local = () => on.room.timeline.getSnapshot().items.find((item) => item.key === key);
    await until("all of it is told", () => {
      const told = [on.client.connection.getSnapshot().problem, on.client.rooms.getSnapshot().problem, on.room.timeline.getSnapshot().problem, local()?.problem];
      return told.every((problem) => problem?.code === "bad-answer");
    });
    assert.equal(local()?.state, "sending");
    assert.deepEqual(on.ids(), ["m1", ""]);
    assert.equal(on.client.rooms.get("r")?.roomName, "r");

    on.instead(undefined);
    on.wake();
    await until("it is sent", () => local()?.state === "sent" && on.client.connection.getSnapshot().status === "live");
    await on.client.rooms.load();
    await on.room.timeline.load();
    assert.deepEqual([on.ids(), on.posted.size], [["m1", "m2"], 1]);
    assert.equal(on.client.rooms.getSnapshot().problem ?? on.room.timeline.getSnapshot().problem, undefined);
    on.client.close();
  });
}

test("events from the future, half an event and events of another shape cost nothing that is there", async () => {
  const on = await chatting();
  on.stream.event({ type: "FromTheFuture", createdAt: time(2) });
  on.stream.event({ type: "ChatMessage", createdAt: time(2) }); // no message
  on.stream.write('data: {"type":"ChatMess\n');
  on.stream.event({ type: "RoomChangeEvent", message: null });
  on.stream.write("data: 5\n");
  const message: Message = { chatRoomId: "r", messageId: "m2", senderId: "other", msgType: "Text", msgBody: { text: "still" }, createdAt: time(2), position: at(2) };
  on.stream.event({ type: "ChatMessage", message, position: at(2), roomPreviewText: { type: "Text", text: "still" }, createdAt: time(2) });
  await until("what comes behind is there", () => on.ids().includes("m2"));
  assert.deepEqual(on.ids(), ["m1", "m2"]);
  await until("live", () => on.client.connection.getSnapshot().status === "live" && on.client.rooms.get("r")?.unreadCount === 1);
  on.client.close();
});

for (const days of [-1, 1]) {
  test(`a clock that is ${days < 0 ? "a day behind" : "a day ahead"} changes nothing`, async () => {
    const real = Date.now;
    const jwt = (claims: object) => `e30.${Buffer.from(JSON.stringify(claims)).toString("base64url")}.x`;
    let asked = 0;
    const iat = Math.floor(real() / 1000);
    Date.now = () => real() + days * 86_400_000;
    try {
      const on = await chatting({ getToken: () => (asked++, jwt({ iat, exp: iat + 300, sub: "me" })) });
      on.room.send("now");
      await until("it is sent", () => on.ids().join() === "m1,m2");
      const late: Message = { chatRoomId: "r", messageId: "m3", senderId: "other", msgType: "Text", msgBody: { text: "later" }, createdAt: time(3), position: at(3) };
      on.stream.event({ type: "ChatMessage", message: late, position: at(3), roomPreviewText: { type: "Text", text: "later" }, createdAt: time(3) });
      await until("it is there", () => on.ids().join() === "m1,m2,m3");
      assert.equal(asked, 1, "a token is not asked for again and again");
      on.client.close();
    } finally {
      Date.now = real;
    }
  });
}

for (const [what, fails] of Object.entries({ "is full": ["put"], "is forbidden": ["load", "put", "remove"] })) {
  test(`storage that ${what} is told, and messages are sent all the same`, async () => {
    const problems: Problem[] = [];
    const fail = (name: string) => (fails.includes(name) ? Promise.reject(new DOMException(what, "QuotaExceededError")) : Promise.resolve());
    const storage = { load: async () => (await fail("load"), []), put: () => fail("put"), remove: () => fail("remove") };
    const on = await chatting({ storage, onProblem: (problem) => problems.push(problem) });
    on.room.send("soup?");
    await until("it is sent", () => on.ids().join() === "m1,m2");
    assert.ok(problems.length > 0 && problems.every((problem) => problem instanceof Problem && problem.message === what));
    await sleep(10);
    assert.equal(on.posted.size, 1);
    on.client.close();
  });
}
