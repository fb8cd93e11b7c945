/** Something that changes. Both functions may be handed on as they are: to React's useSyncExternalStore, or, with a line around them, to Svelte and Vue. */
export interface Store<T> {
  /** Has the listener called after each change, and gives what ends that. */
  readonly subscribe: (listener: () => void) => () => void;
  /** What it is now: the same object for as long as nothing changes, never changed afterwards. */
  readonly getSnapshot: () => T;
}

export class Value<T> implements Store<T> {
  private readonly listeners = new Set<() => void>();

  constructor(private value: T) {}

  readonly getSnapshot = (): T => this.value;

  readonly subscribe = (listener: () => void): (() => void) => {
    const own = () => listener(); // so that the same function may subscribe twice
    this.listeners.add(own);
    return () => this.listeners.delete(own);
  };

  set(value: T): void {
    if (Object.is(value, this.value)) return;
    this.value = value;
    tell(this.listeners, undefined);
  }
}

/** Calls listeners of the app's. One that fails must not keep others from what happened, nor end the stream: the app sees it, as an error that nobody catches. */
export function tell<T>(listeners: Iterable<(what: T) => void>, what: T): void {
  for (const listener of [...listeners]) {
    try {
      listener(what);
    } catch (thrown) {
      queueMicrotask(() => {
        throw thrown;
      });
    }
  }
}
