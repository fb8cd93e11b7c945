interface Block {
  id: string;
  data?: string | undefined;
}

/** Of blocks, and of characters of their events. */
const MAX_BLOCKS = 500;
const MAX_SIZE = 1 << 20;

/** What a stream gave last: events as JSON, each with the id behind it. */
export class Log {
  private blocks: Block[] = [];
  private size = 0;
  private base = "";

  /** The id behind all; "": there is none yet. */
  get end(): string {
    return this.blocks.at(-1)?.id ?? this.base;
  }

  append(id: string, data: string | undefined): void {
    this.blocks.push({ id, data });
    this.size += data?.length ?? 0;
    while (this.blocks.length > MAX_BLOCKS || (this.size > MAX_SIZE && this.blocks.length > 1)) {
      const { id, data } = this.blocks.shift() as Block;
      this.base = id;
      this.size -= data?.length ?? 0;
    }
  }

  /** What is behind an id; undefined: that is not known. */
  since(id: string): Block[] | undefined {
    const at = this.indexBehind(id);
    return at < 0 ? undefined : this.blocks.slice(at);
  }

  /** Forgets what is behind an id, and gives the events of that; undefined: the id is not known. */
  rewind(id: string): string[] | undefined {
    const at = this.indexBehind(id);
    if (at < 0) return undefined;
    const gone = this.blocks.splice(at).flatMap(({ data }) => data ?? []);
    for (const data of gone) this.size -= data.length;
    return gone;
  }

  /** Forgets all: an id is where it begins. */
  begin(id: string): void {
    this.blocks = [];
    this.size = 0;
    this.base = id;
  }

  private indexBehind(id: string): number {
    if (id === "") return -1; // whoever has just come knows nothing, and is not told what was before
    for (let at = this.blocks.length - 1; at >= 0; at--) if (this.blocks[at]?.id === id) return at + 1;
    return id === this.base ? 0 : -1;
  }
}
