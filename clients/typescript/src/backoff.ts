const FIRST = 500;
const LONGEST = 20_000;

/**
 * How long to wait before the attempt after so many failures, milliseconds: any time up to a bound that doubles ("full jitter"), so that clients
 * that were cut off together do not come back together; behind what the server has asked for.
 */
export function backoff(failures: number, atLeast = 0, random: () => number = Math.random): number {
  return atLeast + random() * Math.min(LONGEST, FIRST * 2 ** Math.min(failures, 16));
}

/** The waits of something that is tried until it succeeds. `wake` ends a wait at once. */
export class Pause {
  private end: (() => void) | undefined;
  private failures = 0;
  private woken = false;

  constructor(private readonly random?: () => number) {}

  wait(ms: number, signal?: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      if (signal?.aborted) return resolve();
      const end = () => {
        clearTimeout(timer);
        signal?.removeEventListener("abort", end);
        this.end = undefined;
        resolve();
      };
      const timer = setTimeout(end, Math.min(ms, 2 ** 31 - 1));
      signal?.addEventListener("abort", end);
      this.end = end;
    });
  }

  /**
   * Waits before the try after one that has failed: a back-off, behind what the server has asked for, and `atLeast` milliseconds. Where `wake` was called while
   * that try was under way only for what the server has asked for.
   */
  async failed({ retryAfter = 0 }: { retryAfter?: number | undefined }, signal?: AbortSignal, atLeast = 0): Promise<void> {
    const asked = retryAfter * 1000;
    await this.wait(this.woken ? asked : backoff(this.failures++, Math.max(asked, atLeast), this.random), signal);
    this.woken = false; // also what has ended the wait is used up
  }

  /** It has succeeded, or begins anew: the next failure is the first one. */
  reset(): void {
    this.failures = 0;
    this.woken = false;
  }

  /** What has failed may succeed now: nothing waits any longer, and what is under way is tried again at once if it fails. */
  wake(): void {
    this.failures = 0;
    this.woken = true;
    this.end?.();
  }
}
