import { badAnswer, Problem, problemOf, retryAfter } from "./problem.js";
import type { Tokens } from "./token.js";

/** How long an answer may take, milliseconds: longer than the server waits for its own stores. */
const TIMEOUT = 30_000;
/** Of an answer, bytes. The members of the largest room are well below that. */
const MAX_ANSWER = 32 << 20;

export interface RequestOptions {
  /** Sent as JSON. */
  body?: unknown;
  /** Sent as multipart/form-data, in place of a body. */
  form?: FormData;
  headers?: Record<string, string>;
  query?: Record<string, string | number | boolean | undefined>;
  signal?: AbortSignal | undefined;
  /** Milliseconds. */
  timeout?: number;
}

export interface Answer<T> {
  data: T;
  headers: Headers;
}

/** Makes requests with a token, and turns whatever goes wrong into a Problem. */
export class Requests {
  constructor(
    private readonly base: string,
    private readonly tokens: Tokens,
    private readonly fetch: typeof globalThis.fetch,
  ) {}

  /** A request whose answer is JSON, or empty. */
  async call<T>(method: string, path: string, options: RequestOptions = {}): Promise<Answer<T>> {
    const { signal, done } = bounded(options.signal, options.timeout ?? TIMEOUT);
    try {
      const response = await this.open(method, path, { ...options, signal });
      const text = await textOf(response, MAX_ANSWER);
      return { data: decode<T>(response, text), headers: response.headers };
    } catch (thrown) {
      throw problemOf(signal.aborted ? signal.reason : thrown);
    } finally {
      done();
    }
  }

  /** A request whose 2xx answer is given as it is. A token that is refused is replaced once. */
  async open(method: string, path: string, options: RequestOptions & { redirect?: RequestRedirect } = {}): Promise<Response> {
    for (let second = false; ; second = true) {
      const token = await this.tokens.get();
      const response = await this.fetch(this.base + path + queryOf(options.query), {
        method,
        headers: {
          ...(options.body === undefined ? {} : { "Content-Type": "application/json" }),
          ...options.headers,
          Authorization: `Bearer ${token}`,
        },
        ...(options.form ? { body: options.form } : options.body === undefined ? {} : { body: JSON.stringify(options.body) }),
        signal: options.signal ?? null,
        cache: "no-store",
        credentials: "omit",
        // ISM's API redirects downloads alone: whatever else does is a proxy that wants somebody to sign in.
        redirect: options.redirect ?? "manual",
      }).catch((thrown: unknown) => {
        throw problemOf(thrown);
      });
      if (response.ok) return response;
      if (response.status === 401) {
        this.tokens.refuse(token);
        if (!second) {
          response.body?.cancel().catch(() => {});
          continue;
        }
      }
      throw await refusalOf(response);
    }
  }
}

/** The Problem that an answer other than 2xx is. */
async function refusalOf(response: Response): Promise<Problem> {
  const after = retryAfter(response.headers.get("Retry-After"));
  if (isJSON(response)) {
    try {
      const said = JSON.parse(await textOf(response, 64 << 10)) as { code?: unknown; detail?: unknown; title?: unknown; traceId?: unknown };
      if (typeof said.code === "string") {
        return new Problem(said.code, response.status, String(said.detail ?? said.title ?? said.code), String(said.traceId ?? ""), after);
      }
    } catch {
      // It is no answer of ISM's: what can be said of it follows.
    }
  }
  response.body?.cancel().catch(() => {});
  const redirected = response.type === "opaqueredirect" || (response.status >= 300 && response.status < 400);
  const what = redirected ? "a redirect" : `status ${response.status} that is not ISM's`;
  return badAnswer(what, response.status, after);
}

function decode<T>(response: Response, text: string): T {
  if (text === "") return undefined as T;
  if (isJSON(response)) {
    try {
      return JSON.parse(text) as T;
    } catch {
      // Half of a body, or a liar.
    }
  }
  throw badAnswer("not JSON", response.status);
}

function isJSON(response: Response): boolean {
  return /[/+]json\b/.test(response.headers.get("Content-Type") ?? "");
}

async function textOf(response: Response, max: number): Promise<string> {
  if (!response.body) return "";
  const reader = response.body.getReader();
  const decoder = new TextDecoder();
  let text = "";
  for (;;) {
    const { done, value } = await reader.read();
    if (done) return text + decoder.decode();
    text += decoder.decode(value, { stream: true });
    if (text.length > max) {
      reader.cancel().catch(() => {});
      throw badAnswer(`longer than ${max} bytes`, response.status);
    }
  }
}

function queryOf(query: RequestOptions["query"]): string {
  const given = Object.entries(query ?? {}).filter(([, value]) => value !== undefined);
  return given.length === 0 ? "" : `?${new URLSearchParams(given.map(([name, value]) => [name, String(value)]))}`;
}

/** A signal that ends with another one or after a time. AbortSignal.any is younger than the browsers that are supported. */
function bounded(outer: AbortSignal | undefined, timeout: number): { signal: AbortSignal; done: () => void } {
  const inner = new AbortController();
  const end = () => inner.abort(outer?.reason);
  const timer = setTimeout(() => inner.abort(new DOMException(`no answer within ${timeout / 1000} s`, "TimeoutError")), timeout);
  if (outer?.aborted) end();
  outer?.addEventListener("abort", end);
  return {
    signal: inner.signal,
    done: () => {
      clearTimeout(timer);
      outer?.removeEventListener("abort", end);
    },
  };
}
