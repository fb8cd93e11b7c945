import { Problem, problemOf } from "../../typescript/src/problem.js";
import type { Media, RoomHandle } from "../../typescript/src/index.js";
import { Value } from "../../typescript/src/store.js";

/** A file on its way to a room. */
export interface Upload {
  id: number;
  room: string;
  file: File;
  /** Names it at the server, where it goes on when it is tried again. */
  key: string;
  /** Bytes. */
  sent: number;
  problem?: Problem;
}

/** How many files are on their way at once. */
const AT_ONCE = 2;

/** Files on their way. They go on when another room is shown. */
export class Uploads {
  private readonly value = new Value<readonly Upload[]>([]);
  private readonly controllers = new Map<number, AbortController>();
  private readonly waiting: (() => Promise<void>)[] = [];
  private running = 0;
  private last = 0;
  readonly subscribe = this.value.subscribe;
  readonly getSnapshot = this.value.getSnapshot;

  constructor(private readonly media: Pick<Media, "send">) {}

  /** Uploads files one after the other, and sends a message for each. */
  add(room: Pick<RoomHandle, "id" | "send">, files: readonly File[]): void {
    for (const file of files) {
      const upload: Upload = { id: ++this.last, room: room.id, file, key: crypto.randomUUID(), sent: 0 };
      this.value.set([...this.value.getSnapshot(), upload]);
      this.start(upload, room);
    }
  }

  retry(id: number, room: Pick<RoomHandle, "id" | "send">): void {
    const upload = this.value.getSnapshot().find((each) => each.id === id);
    if (!upload?.problem) return;
    const { problem, ...rest } = upload;
    // What was refused for good begins anew.
    const again = { ...rest, ...(!problem.temporary && { key: crypto.randomUUID(), sent: 0 }) };
    this.value.set(this.value.getSnapshot().map((each) => (each.id === id ? again : each)));
    this.start(again, room);
  }

  cancel(id: number): void {
    this.controllers.get(id)?.abort();
    this.remove(id);
  }

  private start(upload: Upload, room: Pick<RoomHandle, "id" | "send">): void {
    const controller = new AbortController();
    this.controllers.set(upload.id, controller);
    this.waiting.push(() => this.send(upload, room, controller.signal));
    void this.work();
  }

  private async work(): Promise<void> {
    if (this.running >= AT_ONCE) return;
    this.running++;
    for (let next = this.waiting.shift(); next; next = this.waiting.shift()) await next();
    this.running--;
  }

  private async send({ id, file, key }: Upload, room: Pick<RoomHandle, "id" | "send">, signal: AbortSignal): Promise<void> {
    if (signal.aborted) return;
    try {
      if (file.size === 0) throw new Problem("file-empty", 422, "the file has no content");
      await this.media.send(room, file, { key, signal, onProgress: (sent) => this.change(id, { sent }) });
      this.remove(id);
    } catch (thrown) {
      if (!signal.aborted) this.change(id, { problem: problemOf(thrown) });
    }
  }

  private change(id: number, change: Partial<Upload>): void {
    this.value.set(this.value.getSnapshot().map((each) => (each.id === id ? { ...each, ...change } : each)));
  }

  private remove(id: number): void {
    this.controllers.delete(id);
    this.value.set(this.value.getSnapshot().filter((each) => each.id !== id));
  }
}
