import assert from "node:assert/strict";
import { test } from "node:test";
import { Problem } from "../src/problem.js";
import { Requests } from "../src/request.js";
import { lifeOf, Tokens } from "../src/token.js";

const jwt = (claims: object) => `x.${btoa(JSON.stringify(claims)).replace(/=/g, "")}.y`;
const now = () => Math.floor(Date.now() / 1000);

test("a token is asked for once at a time, and again before it expires", async () => {
  let asked = 0;
  let clock = 0;
  const tokens = new Tokens(async () => (asked++, jwt({ iat: now(), exp: now() + 600, n: asked })), () => clock);
  const all = await Promise.all([tokens.get(), tokens.get(), tokens.get()]);
  assert.equal(new Set(all).size, 1);
  clock = 560_000;
  await tokens.get();
  assert.equal(asked, 1);
  clock = 575_000;
  await Promise.all([tokens.get(), tokens.get()]);
  assert.equal(asked, 2);
  tokens.refuse(all[0]!);
  await tokens.get();
  assert.equal(asked, 2, "what was replaced may be refused");
});

test("a clock that is a day off does not ask for a token each time", () => {
  for (const off of [-86_400, 86_400]) {
    const life = lifeOf(jwt({ iat: now() + off, exp: now() + off + 600 }));
    assert.equal(life, 600_000);
  }
  assert.equal(lifeOf("opaque"), Infinity);
});

test("no token is a problem that says so, and the next request asks again", async () => {
  let fail = true;
  const tokens = new Tokens(() => {
    if (fail) throw new Error("signed out");
    return "token";
  });
  await assert.rejects(tokens.get(), (problem: Problem) => problem.code === "no-token" && problem.message.includes("signed out"));
  fail = false;
  assert.equal(await tokens.get(), "token");
});

test("answers that are refusals, or rubbish, are problems with what can be said of them", async () => {
  const answers: [Response, Partial<Problem>][] = [
    [Response.json({ code: "room-not-found", detail: "no such room", traceId: "t" }, { status: 404, headers: { "Content-Type": "application/problem+json" } }), { code: "room-not-found", status: 404, traceId: "t", message: "no such room", temporary: false }],
    [Response.json({ code: "timeout" }, { status: 503, headers: { "Retry-After": "7" } }), { code: "timeout", status: 503, retryAfter: 7, temporary: true }],
    [new Response("<html>", { status: 404 }), { code: "bad-answer", status: 404, temporary: true }],
    [new Response("<html>", { status: 200, headers: { "Content-Type": "text/html" } }), { code: "bad-answer", status: 200, temporary: true }],
    [new Response("{\"half\":", { status: 200, headers: { "Content-Type": "application/json" } }), { code: "bad-answer", status: 200 }],
    [new Response(null, { status: 302 }), { code: "bad-answer", status: 302 }],
  ];
  for (const [answer, expected] of answers) {
    const http = new Requests("http://ism", new Tokens(() => "token"), async () => answer);
    const problem = await http.call("GET", "/").then(() => assert.fail(), (thrown: unknown) => thrown as Problem);
    for (const [name, value] of Object.entries(expected)) assert.equal(problem[name as keyof Problem], value, `${name} of ${expected.code}`);
  }
  const cut = new Requests("http://ism", new Tokens(() => "token"), () => Promise.reject(new TypeError("fetch failed")));
  await assert.rejects(cut.call("GET", "/"), (problem: Problem) => problem.code === "network" && problem.status === 0 && problem.temporary);
  const slow = new Requests("http://ism", new Tokens(() => "token"), (_, init) => new Promise((_, reject) => init!.signal!.addEventListener("abort", () => reject(init!.signal!.reason as Error))));
  await assert.rejects(slow.call("GET", "/", { timeout: 10 }), (problem: Problem) => problem.code === "timeout");
});
