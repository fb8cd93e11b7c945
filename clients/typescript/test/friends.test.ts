import assert from "node:assert/strict";
import { test } from "node:test";
import { createClient, friends, Problem, type StreamEvent, type User } from "../src/index.js";
import { answering, EventStream, type Request } from "./answers.js";
import { until } from "./ism.js";

const user = (id: string): User => ({ id, displayName: id, streetCredits: 0, profilePicture: null, description: null, friendsCount: 0, role: null });

/** A user's friends at a server that has them in two lists. */
async function befriending() {
  const lists = { friends: [user("bob")], requests: [user("carol")] };
  const stream = new EventStream();
  let instead: ((request: Request) => Response | undefined) | undefined;
  const move = (id: string, to?: User[]) => {
    for (const list of [lists.friends, lists.requests]) list.splice(0, list.length, ...list.filter((each) => each.id !== id));
    to?.unshift(user(id));
    return Response.json({ state: to ? "FRIEND" : null });
  };
  const { fetch, asked, names } = answering((request) => {
    const [, , , what, id] = request.url.pathname.split("/").slice(1);
    const replaced = instead?.(request);
    if (replaced) return replaced;
    if (request.name === "GET /api/sse") return stream.answer(request);
    if (request.name === "GET /api/rooms") return Response.json([]);
    if (request.name === "GET /api/users/friends") return Response.json(lists.friends);
    if (request.name === "GET /api/users/friends/requests") return Response.json(lists.requests);
    if (request.name === "GET /api/users/blocked") {
      return request.url.searchParams.has("cursor") ? Response.json([user("grace")]) : Response.json([user("frank")], { headers: { "X-Next-Cursor": "behind-frank" } });
    }
    if (request.name === "GET /api/users/search") return Response.json({ nextCursor: null, content: [{ user: user("dave"), relationshipType: null }] });
    if (request.name === "GET /api/users/dave") return Response.json({ user: user("dave"), relationshipType: null });
    if (what === "accept-request") return move(id!, lists.friends);
    if (what === "add") return Response.json({ state: "INVITE_SENT" });
    return move((id ?? what)!);
  });
  const client = createClient({ url: "http://ism", getToken: () => "token", fetch });
  const list = friends(client);
  client.connect();
  await list.load();
  await until("live", () => client.connection.getSnapshot().status === "live");
  const now = () => [list.getSnapshot().friends.map(({ id }) => id).join(), list.getSnapshot().requests.map(({ id }) => id).join()];
  return { client, list, stream, asked, names, now, lists, instead: (what: typeof instead) => (instead = what) };
}

test("friends and requests are loaded, and kept up to date by the stream, in whatever order and again", async () => {
  const on = await befriending();
  assert.deepEqual(on.now(), ["bob", "carol"]);
  const received: StreamEvent = { type: "FriendRequestReceived", fromUser: user("erin"), createdAt: "" };
  on.stream.event(received);
  on.stream.event(received);
  await until("the request is there", () => on.now()[1] === "erin,carol");
  on.stream.event({ type: "FriendRequestAccepted", fromUser: user("carol"), createdAt: "" });
  await until("she is a friend", () => on.now()[0] === "carol,bob");
  assert.equal(on.now()[1], "erin");
  on.client.close();
});

test("what the user does is asked of the server, and the lists are what it says then", async () => {
  const on = await befriending();
  await on.list.accept("carol");
  await until("she is a friend", () => on.now().join(" ") === "carol,bob ");
  assert.deepEqual(await on.list.add("dave"), { state: "INVITE_SENT" });
  await on.list.remove("bob");
  await until("he is none", () => on.now()[0] === "carol");
  await on.list.block("carol");
  await until("she is none", () => on.now()[0] === "");
  await on.list.unblock("carol");
  await on.list.reject("erin");
  assert.deepEqual(await on.list.blocked(), { users: [user("frank")], nextCursor: "behind-frank" });
  assert.deepEqual(await on.list.blocked("behind-frank"), { users: [user("grace")] });
  assert.equal((await on.list.search("da")).content[0]?.user.id, "dave");
  assert.equal((await on.list.get("dave")).user.id, "dave");
  assert.equal(on.asked.find(({ name }) => name === "GET /api/users/search")?.url.search, "?username=da");
  assert.deepEqual(
    on.names().filter((name) => !name.startsWith("GET")),
    ["POST /api/users/friends/accept-request/carol", "POST /api/users/friends/add/dave", "DELETE /api/users/friends/bob", "POST /api/users/ignore/carol", "DELETE /api/users/ignore/carol", "DELETE /api/users/friends/reject-request/erin"],
  );
  on.client.close();
});

test("what is refused is told to who asked; what cannot be loaded is told, and what is there stays", async () => {
  const on = await befriending();
  on.instead(({ method }) => (method === "POST" ? Response.json({ code: "blocked", title: "no", traceId: "t" }, { status: 409, headers: { "Content-Type": "application/problem+json" } }) : undefined));
  await assert.rejects(on.list.add("dave"), (problem: unknown) => problem instanceof Problem && problem.code === "blocked" && problem.traceId === "t");
  on.instead(({ url }) => (url.pathname.startsWith("/api/users") ? Response.json([1]) : undefined));
  on.stream.event({ type: "Resync", reason: "expired", createdAt: "" });
  await until("it is told", () => on.list.getSnapshot().problem?.code === "bad-answer");
  assert.deepEqual(on.now(), ["bob", "carol"]);
  on.lists.friends.push(user("zoe"));
  on.instead(undefined);
  await on.list.load();
  assert.deepEqual([on.now(), on.list.getSnapshot().problem], [["bob,zoe", "carol"], undefined]);
  on.client.close();
});
