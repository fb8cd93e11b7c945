const FIRST = 500;
const LONGEST = 20_000;

/**
 * How long to wait before the attempt after so many failures, milliseconds: any time up to a bound that doubles ("full jitter"), so that clients
 * that were cut off together do not come back together; behind what the server has asked for.
 */
export function backoff(failures: number, atLeast = 0, random: () => number = Math.random): number {
  return atLeast + random() * Math.min(LONGEST, FIRST * 2 ** Math.min(failures, 16));
}

/** Waits. `wake` ends the wait at once. */
export class Pause {
  private end: (() => void) | undefined;

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

  wake(): void {
    this.end?.();
  }
}
