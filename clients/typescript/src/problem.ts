/**
 * Why something could not be done. `code` is stable: that of the server's answer (RFC 9457), or one of the client's own:
 * `network` (no answer), `offline` (the browser says so), `timeout`, `aborted`, `bad-answer` (an answer that is not ISM's: a login page, a proxy's error, half a body), `no-token`.
 */
export class Problem extends Error {
  override name = "Problem";
  constructor(
    readonly code: string,
    /** The HTTP status; 0: there was none. */
    readonly status: number,
    message: string,
    /** Finds the request in the server's traces; "": there was none. */
    readonly traceId = "",
    /** In how many seconds to try again, if the server has said so. */
    readonly retryAfter?: number,
    options?: ErrorOptions,
  ) {
    super(message, options);
  }

  /** Whether the same request may succeed later. */
  get temporary(): boolean {
    return this.status === 0
      ? this.code !== "aborted"
      : this.status >= 500 || [401, 408, 425, 429].includes(this.status) || this.code === "bad-answer" || this.code === "send-under-way" || this.code === "media-not-ready";
  }
}

/** What was thrown, as a Problem. */
export function problemOf(thrown: unknown): Problem {
  if (thrown instanceof Problem) return thrown;
  const message = thrown instanceof Error ? thrown.message : String(thrown);
  const name = (thrown as { name?: unknown } | null)?.name;
  if (name === "TimeoutError") return new Problem("timeout", 0, message, "", undefined, { cause: thrown });
  return new Problem(name === "AbortError" ? "aborted" : "network", 0, message, "", undefined, { cause: thrown });
}

/** Retry-After in seconds: a number, or a time (RFC 9110, section 10.2.3). */
export function retryAfter(value: string | null): number | undefined {
  if (!value) return undefined;
  const seconds = /^\d+$/.test(value) ? Number(value) : (Date.parse(value) - Date.now()) / 1000;
  // A day is more than any server of ISM's asks for: whatever says more is mistaken, as is a clock.
  return Number.isFinite(seconds) ? Math.min(Math.max(seconds, 0), 86_400) : undefined;
}

/** What a server that is ISM answers otherwise. */
export function badAnswer(what: string, status = 200, retryAfter?: number): Problem {
  return new Problem("bad-answer", status, `the answer is ${what}`, "", retryAfter);
}

/** What was answered, if it has the member that nothing is without. */
export function known<T>(data: T, member: keyof T & string): T {
  if ((data as T | null | undefined)?.[member] === undefined) throw badAnswer(`without ${member}`);
  return data;
}

/** A list that was answered, of what has the member. */
export function listOf<T>(data: readonly T[], member: keyof T & string): readonly T[] {
  if (!Array.isArray(data)) throw badAnswer("no list");
  for (const each of data) known(each as T, member);
  return data;
}
