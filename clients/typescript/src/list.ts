import { Pause } from "./backoff.js";
import { type Problem, problemOf } from "./problem.js";
import { Value, type Store } from "./store.js";
import type { StreamEvent } from "./types.js";

/**
 * Loads something by REST that the stream keeps up to date from then on. What happens while an answer is under way is applied to it once more when it
 * is there: so it does not matter which of the two was quicker.
 */
export class Reload<E> {
  private wanted = false;
  private running: Promise<void> | undefined;
  private meanwhile: E[] = [];
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
    if (this.running) this.pause.wake();
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
    this.pause.reset();
    while (this.wanted && !signal.aborted) {
      this.wanted = false;
      this.meanwhile = [];
      this.told(true, undefined);
      try {
        const take = await this.load(signal);
        take();
        this.meanwhile.forEach(this.apply);
        this.pause.reset();
        this.told(false, undefined);
      } catch (thrown) {
        const problem = problemOf(thrown);
        this.told(false, problem);
        if (!problem.temporary) break;
        this.wanted = true;
        await this.pause.failed(problem, signal);
      }
    }
    this.meanwhile = [];
  }
}

export interface LoadedState {
  loaded: boolean;
  problem?: Problem;
}

/** A store that is loaded when somebody asks for it, and kept up to date from then on. */
export abstract class Loaded<S extends LoadedState> implements Store<S> {
  private readonly value: Value<S>;
  private readonly reload: Reload<StreamEvent>;
  readonly subscribe: Store<S>["subscribe"];
  readonly getSnapshot: Store<S>["getSnapshot"];

  /** `load` asks, and gives what is then to be set. */
  constructor(empty: S, load: (signal: AbortSignal) => Promise<() => Partial<S>>) {
    this.value = new Value(empty);
    this.subscribe = this.value.subscribe;
    this.getSnapshot = this.value.getSnapshot;
    this.reload = new Reload<StreamEvent>(
      async (signal) => {
        const take = await load(signal);
        return () => this.set({ loaded: true, ...take() } as Partial<S>);
      },
      (event) => this.apply(event),
      (_, problem) => {
        const { problem: _was, ...rest } = this.getSnapshot();
        this.value.set({ ...rest, ...(problem && { problem }) } as S);
      },
    );
  }

  /** Done when it is there. */
  load(): Promise<void> {
    return this.reload.now();
  }

  event(event: StreamEvent): void {
    this.reload.event(event);
  }

  /** Something was lost: whoever has looked at this sees it as it is now. */
  resync(): void {
    if (this.getSnapshot().loaded) void this.load();
  }

  wake(): void {
    this.reload.wake();
  }

  close(): void {
    this.reload.close();
  }

  protected abstract apply(event: StreamEvent): void;

  protected set(change: Partial<S>): void {
    this.value.set({ ...this.getSnapshot(), ...change });
  }
}
