/** Does something soon after it was wanted, once for all that want it meanwhile. */
export class Soon {
  private timer: ReturnType<typeof setTimeout> | undefined;

  constructor(
    private readonly work: () => void,
    /** Milliseconds. */
    private readonly after = 1_000,
  ) {}

  want(): void {
    this.timer ??= setTimeout(() => this.now(), this.after);
  }

  /** Does it at once, if it is wanted. */
  now(): void {
    if (this.timer === undefined) return;
    clearTimeout(this.timer);
    this.timer = undefined;
    this.work();
  }
}
