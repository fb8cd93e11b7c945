/** What the server says is unread in a room, as of a position of its log. */
export interface Counted {
  unreadCount: number;
  unreadAsOf: string;
}

/**
 * How many messages of a room are unread. A count of the server's holds up to its position; messages of others behind that add one each, an own one makes it
 * nothing. So it is right in whatever order answers and events come, and however often (docs/architecture.md, "A client that counts").
 */
export class Unread {
  /** Positions of others' messages behind `base.unreadAsOf`. */
  private readonly behind = new Set<string>();
  private base: Counted;

  constructor(base: Counted) {
    this.base = { unreadCount: base.unreadCount, unreadAsOf: base.unreadAsOf };
  }

  get count(): number {
    return this.base.unreadCount + this.behind.size;
  }

  get asOf(): string {
    return this.base.unreadAsOf;
  }

  /** A count of the server's takes the place of all up to there, unless it is older than what is known. */
  counted({ unreadCount, unreadAsOf }: Counted): void {
    if (unreadAsOf >= this.base.unreadAsOf) this.rebase({ unreadCount, unreadAsOf });
  }

  /** A message at a position, of the user's own or of somebody else. */
  message(position: string, own: boolean): void {
    if (position <= this.base.unreadAsOf) return;
    if (own) this.rebase({ unreadCount: 0, unreadAsOf: position });
    else this.behind.add(position);
  }

  private rebase(base: Counted): void {
    this.base = base;
    for (const position of this.behind) if (position <= base.unreadAsOf) this.behind.delete(position);
  }
}
