import assert from "node:assert/strict";
import { test } from "node:test";
import { createClient, media, Problem, type UploadOptions } from "../src/index.js";
import { answering, type Request } from "./answers.js";

Math.random = () => 0; // no waits between tries
const PART = 4;
const json = (code: string, status: number) => Response.json({ code, title: code }, { status, headers: { "Content-Type": "application/problem+json", "Retry-After": "0" } });

/** A service of media, and an object store behind it that has parts of four bytes. `fault` may answer in their place. */
function storing(form = false, fault: (request: Request, times: number) => Response | undefined = () => undefined) {
  const parts = new Map<number, string>();
  const signed = new Map<string, number>();
  let whole = "";
  let size = 0;
  let signatures = 0;
  const names = new Map<string, number>();
  const answer = async (request: Request): Promise<Response> => {
    const times = (names.get(request.name) ?? 0) + 1;
    names.set(request.name, times);
    const faulty = fault(request, times);
    if (faulty) return faulty;
    if (request.name === "POST /api/media") {
      ({ size } = request.body as { size: number });
      const upload = form ? { form: { url: `http://store/form/${times}`, fields: { policy: "p", key: "k" } } } : { partSize: PART, parts: Math.ceil(size / PART) };
      return Response.json({ mediaId: "m", state: "pending", upload });
    }
    if (request.name === "GET /api/media/m/parts") {
      return Response.json({ partSize: PART, parts: Math.ceil(size / PART), uploaded: [...parts].map(([number, { length }]) => ({ number, size: length })) });
    }
    if (request.name === "POST /api/media/m/parts") {
      const { numbers } = request.body as { numbers: number[] };
      assert.ok(numbers.length <= 20);
      return Response.json({
        parts: numbers.map((number) => {
          const url = `http://store/part/${++signatures}`;
          signed.set(url, number);
          return { number, method: "PUT", url, headers: { "X-Part": String(number) }, size: Math.min(PART, size - (number - 1) * PART) };
        }),
      });
    }
    if (request.url.host === "store" && request.method === "PUT") {
      assert.equal(request.headers.get("Authorization"), null, "the store is not told the token");
      const number = signed.get(request.url.href)!;
      assert.equal(request.headers.get("X-Part"), String(number));
      parts.set(number, await (request.raw as Blob).text());
      return new Response(null);
    }
    if (request.url.host === "store") {
      const fields = [...(request.raw as FormData)];
      assert.deepEqual(fields.map(([name]) => name), ["policy", "key", "file"], "the content comes last");
      whole = await (fields[2]![1] as Blob).text();
      return new Response(null, { status: 204 });
    }
    if (request.name === "POST /api/media/m/complete") return Response.json({ mediaId: "m", state: "uploaded" });
    return json("not-found", 404);
  };
  const { fetch, asked } = answering(answer);
  const client = createClient({ url: "http://ism", getToken: () => "token", fetch });
  const progress: number[] = [];
  const upload = (text: string, options: UploadOptions = {}) =>
    media(client, fetch).upload("r", new Blob([text], { type: "text/plain" }), { fileName: "soup.txt", onProgress: (sent) => progress.push(sent), ...options });
  const stored = () => whole || [...parts].sort(([a], [b]) => a - b).map(([, text]) => text).join("");
  return { upload, progress, asked, stored, parts, client };
}

const text = Array.from({ length: 90 }, (_, i) => String.fromCharCode(33 + i)).join("");

test("a large file is uploaded in parts, signed twenty at a time, and progress never goes back", async () => {
  const on = storing();
  const medium = await on.upload(text);
  assert.equal(medium.state, "uploaded");
  assert.equal(on.stored(), text);
  assert.deepEqual(on.asked.filter(({ name }) => name === "POST /api/media/m/parts").map(({ body }) => (body as { numbers: number[] }).numbers.length), [20, 3]);
  assert.deepEqual(on.progress, [...on.progress].sort((a, b) => a - b));
  assert.equal(on.progress.at(-1), text.length);
  assert.ok(on.progress.length >= 23);
});

test("an upload goes on where it was cut off: only what is missing is sent", async () => {
  const cut = new AbortController();
  let puts = 0;
  const on = storing(false, ({ method }) => {
    if (method === "PUT" && ++puts === 6) cut.abort();
    return undefined;
  });
  await assert.rejects(on.upload(text, { key: "upload 1", signal: cut.signal }), (problem: unknown) => problem instanceof Problem && problem.code === "aborted");
  const before = on.parts.size;
  assert.ok(before >= 5 && before <= 6);
  puts = 100;
  await on.upload(text, { key: "upload 1" });
  assert.equal(on.stored(), text);
  assert.equal(puts - 100, 23 - before);
  assert.deepEqual([...new Set(on.asked.filter(({ name }) => name === "POST /api/media").map(({ headers }) => headers.get("Idempotency-Key")))], ["upload 1"]);
});

test("what fails for a while is tried again, with an address that is signed anew; parts are whole", async () => {
  const on = storing(false, ({ name, method }, times) => {
    if (method === "PUT" && name.endsWith("/3")) return new Response("expired", { status: 403 });
    if (method === "PUT" && name.endsWith("/5") && times === 1) return new Response("busy", { status: 503 });
    if (name === "POST /api/media/m/complete" && times === 1) return json("storage-unavailable", 503);
    return undefined;
  });
  await on.upload(text);
  assert.equal(on.stored(), text);
  assert.equal(on.progress.at(-1), text.length);
});

test("a form is sent whole, and with another one when it has expired", async () => {
  const on = storing(true, ({ url }) => (url.href === "http://store/form/1" ? new Response("expired", { status: 403 }) : undefined));
  await on.upload(text);
  assert.equal(on.stored(), text);
  assert.equal(on.asked.filter(({ url }) => url.host === "store").at(-1)?.url.href, "http://store/form/2");
});

test("what is refused is told at once; what does not get better, after five tries", async () => {
  const tooLarge = storing(false, ({ name }) => (name === "POST /api/media" ? json("media-too-large", 413) : undefined));
  await assert.rejects(tooLarge.upload(text), (problem: Problem) => problem.code === "media-too-large" && problem.status === 413);
  assert.equal(tooLarge.asked.length, 1);

  const refusing = storing(true, ({ url }) => (url.host === "store" ? new Response(null, { status: 400 }) : undefined));
  await assert.rejects(refusing.upload(text), (problem: Problem) => problem.code === "upload-refused" && problem.status === 400);

  for (const name of ["POST /api/media", "GET /api/media/m/parts", "POST /api/media/m/parts", "POST /api/media/m/complete"]) {
    const empty = storing(false, (request, times) => (request.name === name && times < 3 ? new Response(null, { status: 204 }) : undefined));
    assert.equal((await empty.upload("soup")).state, "uploaded");
    assert.equal(empty.stored(), "soup");
  }

  const login = storing(false, ({ name }) => (name === "POST /api/media" ? new Response("<html>", { headers: { "Content-Type": "text/html" } }) : undefined));
  await assert.rejects(login.upload("soup"), (problem: Problem) => problem.code === "bad-answer");
  assert.equal(login.asked.length, 5);
});

test("a browser tells how far a part is", async (context) => {
  const on = storing();
  class XHR {
    upload: { onprogress?: (event: { loaded: number }) => void } = {};
    status = 0;
    onload = () => {};
    private readonly headers: Record<string, string> = {};
    private method = "";
    private url = "";
    open(method: string, url: string): void {
      [this.method, this.url] = [method, url];
    }
    setRequestHeader(name: string, value: string): void {
      this.headers[name] = value;
    }
    abort(): void {}
    async send(body: Blob): Promise<void> {
      this.upload.onprogress?.({ loaded: body.size / 2 });
      // The body goes to the same store.
      this.status = await on.client.requests.open("GET", "/none").then(() => 0, () => 200);
      const number = Number(this.headers["X-Part"]);
      on.parts.set(number, await body.text());
      assert.equal(this.method, "PUT");
      assert.ok(this.url.startsWith("http://store/part/"));
      this.onload();
    }
  }
  Object.assign(globalThis, { XMLHttpRequest: XHR });
  context.after(() => Reflect.deleteProperty(globalThis, "XMLHttpRequest"));
  await on.upload("12345678");
  assert.equal(on.stored(), "12345678");
  assert.deepEqual(on.progress, [2, 4, 6, 8, 8]);
});
