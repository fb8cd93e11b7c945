import assert from "node:assert/strict";
import { test } from "node:test";
import { AppFiles, type Build } from "../src/app-files.js";

const scope = "https://chat.example/app/";
const first: Build = { version: "1", files: { "app-11111111.js": "sha256-one", "index.html": "sha256-page" } };
const second: Build = { version: "2", files: { "app-22222222.js": "sha256-two", "index.html": "sha256-page2" } };
const config = JSON.stringify({ issuer: "https://id.example", clientId: "ism-web" });

/** Caches as browsers have them, and a server that answers as it is told. */
function browser() {
  const stored = new Map<string, Map<string, Response>>();
  const caches = {
    open: async (name: string) => {
      const kept = stored.get(name) ?? new Map<string, Response>();
      stored.set(name, kept);
      return { match: async (url: string) => kept.get(url)?.clone(), put: async (url: string, answer: Response) => void kept.set(url, answer) };
    },
    keys: async () => [...stored.keys()],
    delete: async (name: string) => stored.delete(name),
  } as unknown as CacheStorage;
  const asked: string[] = [];
  const server = { answer: (_: Request): Response | Promise<Response> => new Response("") };
  const fetch = (async (request: Request) => {
    asked.push(request.url);
    const answer = await server.answer(request);
    // What Node does not do, and browsers do.
    if (request.integrity && request.integrity !== `sha256-${await answer.clone().text()}`) throw new TypeError("integrity");
    return answer;
  }) as typeof globalThis.fetch;
  const worker = (build: Build, patience = 5_000) => new AppFiles({ build, scope, caches, fetch, patience });
  return { worker, stored, asked, server };
}

const served = (contents: Record<string, string>) => (request: Request) => {
  const content = contents[request.url.slice(scope.length).split("?")[0] || "index.html"];
  return content === undefined ? new Response("nothing", { status: 404 }) : new Response(content, { headers: { "Content-Security-Policy": "of now" } });
};
const online = served({ "app-11111111.js": "one", "index.html": "page", "config.json": config });
const cut = () => Promise.reject(new TypeError("no network"));
const noWait = () => assert.fail("nothing is left to do");

/** A request of a page, or for the page: only a browser can make the latter. */
function request(path: string, init: RequestInit & { navigate?: boolean } = {}): Request {
  const made = new Request(new URL(path, scope), init);
  return init.navigate ? new Proxy(made, { get: (target, key) => (key === "mode" ? "navigate" : Reflect.get(target, key, target)) }) : made;
}
const page = (path = "") => request(path, { navigate: true });
const text = async (answer: Promise<Response> | undefined) => (await answer)?.text();

test("what is installed starts without a network", async () => {
  const { worker, server } = browser();
  server.answer = online;
  await worker(first).install();
  server.answer = cut;
  const offline = worker(first);
  assert.equal(await text(offline.answer(page(), noWait)), "page");
  assert.equal(await text(offline.answer(page("index.html#/rooms/1"), noWait)), "page");
  assert.equal(await text(offline.answer(request("app-11111111.js"), noWait)), "one");
  assert.equal(await text(offline.answer(request("config.json"), noWait)), config);
});

test("the page is the network's where that answers in time, and what is kept where it does not, or a proxy does in its place", async () => {
  const { worker, server } = browser();
  server.answer = online;
  await worker(first).install();
  server.answer = () => new Response("newer", { headers: { "Content-Security-Policy": "of now" } });
  assert.equal(await text(worker(first).answer(page(), noWait)), "newer");
  server.answer = () => new Promise(() => {});
  assert.equal(await text(worker(first, 5).answer(page(), noWait)), "page");
  server.answer = () => new Response("bad gateway", { status: 502 });
  assert.equal(await text(worker(first).answer(page(), noWait)), "page");
  server.answer = () => new Response("it is gone", { status: 404 });
  assert.equal(await text(worker(first).answer(page(), noWait)), "it is gone");
});

test("a file of the build is not asked for again", async () => {
  const { worker, server, asked } = browser();
  server.answer = online;
  await worker(first).install();
  asked.length = 0;
  await worker(first).answer(request("app-11111111.js"), noWait);
  assert.deepEqual(asked, []);
});

test("a build is kept whole, or not at all", async () => {
  const { worker, server, stored } = browser();
  for (const wrong of [served({ "app-22222222.js": "two", "index.html": "page" }), served({ "index.html": "page2" }), () => new Response("<form>a login page</form>")]) {
    server.answer = wrong;
    await assert.rejects(worker(second).install());
    assert.equal(stored.size, 0);
  }
});

test("a new build takes the place of the one before, and of nothing else", async () => {
  const { worker, server, stored } = browser();
  server.answer = online;
  await worker(first).install();
  stored.set("of another app", new Map());
  server.answer = served({ "app-22222222.js": "two", "index.html": "page2", "config.json": config });
  await worker(second).install();
  await worker(second).activate();
  assert.deepEqual([...stored.keys()].sort(), ["ism-app-2", "ism-config", "of another app"]);
  server.answer = cut;
  assert.equal(await text(worker(second).answer(page(), noWait)), "page2");
});

test("a new policy is kept with the page", async () => {
  const { worker, server } = browser();
  server.answer = online;
  await worker(first).install();
  const work: Promise<unknown>[] = [];
  server.answer = () => new Response("page", { headers: { "Content-Security-Policy": "another issuer" } });
  await worker(first).answer(page(), (more) => work.push(more));
  assert.equal(work.length, 1);
  await work[0];
  server.answer = cut;
  const kept = await worker(first).answer(page(), noWait);
  assert.equal(kept?.headers.get("Content-Security-Policy"), "another issuer");
});

test("what is the user's is neither answered nor kept", async () => {
  const { worker, server, stored } = browser();
  server.answer = online;
  await worker(first).install();
  const files = worker(first);
  for (const other of [
    request("/api/rooms"),
    request("/api/sse", { headers: { Authorization: "Bearer secret" } }),
    request("/realms/ism/protocol/openid-connect/token", { method: "POST", body: "code=secret" }),
    request("https://id.example/app/index.html"),
    request("config.json", { cache: "no-store" }),
    request("config.json", { method: "POST" }),
    request("nothing.js"),
    request("sw.js"),
    request("/app"),
    request("elsewhere", { navigate: true }),
  ]) assert.equal(files.answer(other, noWait), undefined, `${other.method} ${other.url}`);
  assert.equal(await text(files.answer(page("?code=secret&state=secret"), noWait)), "page");
  const names = [...stored.values()].flatMap((cache) => [...cache.keys()]);
  assert.deepEqual(names.sort(), ["app-11111111.js", "config.json", "index.html"].map((name) => scope + name));
});

test("a configuration is kept only where it is one", async () => {
  const { worker, server } = browser();
  server.answer = online;
  await worker(first).install();
  for (const rubbish of ["<form>a login page</form>", "null", "{}", '{"issuer":7}']) {
    server.answer = () => new Response(rubbish);
    assert.equal(await text(worker(first).answer(request("config.json"), noWait)), rubbish);
    server.answer = cut;
    assert.equal(await text(worker(first).answer(request("config.json"), noWait)), config);
  }
});
