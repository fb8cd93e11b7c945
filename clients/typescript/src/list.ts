import { Pause, backoff } from "./backoff.js";
import { type Problem, problemOf } from "./problem.js";

/**
 * Loads something by REST that the stream keeps up to date from then on. What happens while an answer is under way is applied to it once more when it
 * is there: so it does not matter which of the two was quicker.
 */
export class Reload<E> {
  private wanted = false;
  private running: Promise<void> | undefined;
  private meanwhile: E[] = [];
  private failures = 0;
  private readonly pause = new Pause();
  private readonly ended = new AbortController();

  constructor(
    /** Asks, and gives what takes the answer in. */
    private readonly load: (signal: AbortSignal) => Promise<() => void>,
    private readonly apply: (event: E) => void,
    private readonly told: (loading: boolean, problem: Problem | undefined) => void,
  ) {}

  /** Loads until that has succeeded; an answer that is under way is not enough. */
  now(): Promise<void> {
    this.wanted = true;
    this.pause.wake();
    return (this.running ??= this.run().finally(() => (this.running = undefined)));
  }

  event(event: E): void {
    if (this.running) this.meanwhile.push(event);
    this.apply(event);
  }

  wake(): void {
    this.pause.wake();
  }

  close(): void {
    this.ended.abort();
  }

  private async run(): Promise<void> {
    const { signal } = this.ended;
    while (this.wanted && !signal.aborted) {
      this.wanted = false;
      this.meanwhile = [];
      this.told(true, undefined);
      try {
        const take = await this.load(signal);
        take();
        this.meanwhile.forEach(this.apply);
        this.failures = 0;
        this.told(false, undefined);
      } catch (thrown) {
        const problem = problemOf(thrown);
        this.told(false, problem);
        if (!problem.temporary) break;
        this.wanted = true;
        await this.pause.wait(backoff(this.failures++, (problem.retryAfter ?? 0) * 1000), signal);
      }
    }
    this.meanwhile = [];
  }
}
