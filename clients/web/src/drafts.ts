// What is written and not sent, by room. It outlives the page, and goes at sign-out.

/** How many rooms have a draft, and how long one is at most, in UTF-16 units: five messages of the longest. */
export const MOST_DRAFTS = 50;
export const LONGEST_DRAFT = 20_000;

/** How long a text rests until it is kept, milliseconds. */
const RESTED = 300;

interface Kept {
  text: string;
  /** When it was written, as Date.now(). */
  at: number;
}

/** One user's. localStorage it is because that still writes while the page is left. Where it is full or forbidden drafts live as long as the page. */
export class Drafts {
  private readonly written = new Map<string, string>();
  private readonly waiting = new Set<string>();
  private readonly prefix: string;
  private timer: ReturnType<typeof setTimeout> | undefined;
  private ended = false;

  constructor(
    user: string,
    private readonly storage: () => Storage,
    private readonly now: () => number = Date.now,
  ) {
    this.prefix = `ism.draft:${encodeURIComponent(user)}:`;
  }

  get(room: string): string {
    return this.written.get(room) ?? this.kept(room)?.text ?? "";
  }

  /** Takes what is written; "": nothing any more. */
  set(room: string, text: string): void {
    this.written.set(room, text);
    this.waiting.add(room);
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.flush(), RESTED);
  }

  /** Keeps at once what has not rested yet: the page may be left. */
  flush(): void {
    clearTimeout(this.timer);
    if (this.ended) return;
    for (const room of this.waiting) this.keep(room, this.written.get(room) ?? "");
    this.waiting.clear();
  }

  /** Deletes all of them, and keeps none from then on. */
  clear(): void {
    this.ended = true;
    clearTimeout(this.timer);
    this.written.clear();
    for (const key of this.keys()) this.attempt((storage) => storage.removeItem(key));
  }

  private keep(room: string, text: string): void {
    const key = this.prefix + room;
    if (text.trim() === "") return this.attempt((storage) => storage.removeItem(key));
    this.attempt((storage) => storage.setItem(key, JSON.stringify({ text: text.slice(0, LONGEST_DRAFT), at: this.now() } satisfies Kept)));
    const rooms = this.keys().map((each) => each.slice(this.prefix.length));
    if (rooms.length <= MOST_DRAFTS) return;
    const oldest = rooms.map((each) => ({ each, at: this.kept(each)?.at ?? 0 })).sort((a, b) => a.at - b.at);
    for (const { each } of oldest.slice(0, rooms.length - MOST_DRAFTS)) this.attempt((storage) => storage.removeItem(this.prefix + each));
  }

  private kept(room: string): Kept | undefined {
    let found: Kept | null = null;
    this.attempt((storage) => (found = JSON.parse(storage.getItem(this.prefix + room) ?? "null") as Kept | null));
    const { text, at } = (found ?? {}) as Partial<Kept>;
    return typeof text === "string" && typeof at === "number" ? { text: text.slice(0, LONGEST_DRAFT), at } : undefined;
  }

  private keys(): string[] {
    let found: string[] = [];
    this.attempt((storage) => (found = Object.keys(storage).filter((key) => key.startsWith(this.prefix))));
    return found;
  }

  private attempt(work: (storage: Storage) => void): void {
    try {
      work(this.storage());
    } catch {
      // It is forbidden, or full, or somebody has written something else there.
    }
  }
}
