// What was seen last, for when there is no network: the list of rooms, and the newest messages of those that were opened last. It is bounded, and goes at sign-out.
import { deleteDB, openDB, type DBSchema, type IDBPDatabase } from "idb";
import type { Member, Message, Room } from "../../typescript/src/index.js";

export interface SeenRooms {
  /** The user's, in ISM. */
  userId: string;
  rooms: readonly Room[];
  /** When it was so, as Date.now(). */
  at: number;
}

export interface SeenTimeline {
  room: string;
  /** The newest, in their order. */
  messages: readonly Message[];
  /** Who is in the room, to name the senders by. */
  members: readonly Pick<Member, "id" | "displayName">[];
  at: number;
}

interface Kept extends DBSchema {
  rooms: { key: string; value: SeenRooms };
  timelines: { key: string; value: SeenTimeline };
}

export const MOST = {
  rooms: 200,
  timelines: 20,
  messages: 50,
  members: 200,
  /** Of the list of rooms, and of each timeline, as JSON. */
  bytes: 128 * 1024,
  /** Milliseconds. What is older is not shown any more: it may have expired. */
  age: 30 * 86_400_000,
};

const VERSION = 1;
const LIST = "list";

/** What one user has seen last in this browser. Nothing of it fails: where the storage is full or forbidden there is less of it, or nothing. */
export class LastSeen {
  private readonly name: string;
  private opening: Promise<IDBPDatabase<Kept>> | undefined;
  private ended = false;

  constructor(
    user: string,
    private readonly now: () => number = Date.now,
  ) {
    this.name = `ism.seen-${user}`; // no outbox is called so
  }

  async rooms(): Promise<SeenRooms | undefined> {
    const found = await this.read((db) => db.get("rooms", LIST));
    if (!Array.isArray(found?.rooms) || !this.fresh(found)) return undefined;
    return { ...found, rooms: found.rooms.filter(isRoom) };
  }

  async timeline(room: string): Promise<SeenTimeline | undefined> {
    const found = await this.read((db) => db.get("timelines", room));
    if (!Array.isArray(found?.messages) || !Array.isArray(found.members) || !this.fresh(found)) return undefined;
    return { ...found, messages: found.messages.filter(isMessage) };
  }

  /** Keeps the list of rooms, and of rooms that are not in it nothing. */
  async keepRooms(userId: string, rooms: readonly Room[]): Promise<void> {
    const of = new Set(rooms.map(({ id }) => id));
    await this.write(async (db) => {
      const tx = db.transaction(["rooms", "timelines"], "readwrite");
      const timelines = tx.objectStore("timelines");
      await tx.objectStore("rooms").put({ userId, rooms: within(rooms.slice(0, MOST.rooms), MOST.bytes), at: this.now() }, LIST);
      for (const id of await timelines.getAllKeys()) if (!of.has(id)) await timelines.delete(id);
      await tx.done;
    });
  }

  /** Keeps the newest messages of a room, in place of those of the room that was looked at longest ago where there are too many. */
  async keepTimeline(room: string, messages: readonly Message[], members: readonly Member[]): Promise<void> {
    const newest = within(messages.slice(-MOST.messages).reverse(), MOST.bytes).reverse();
    const names = members.slice(0, MOST.members).map(({ id, displayName }) => ({ id, displayName }));
    await this.write(async (db) => {
      const tx = db.transaction("timelines", "readwrite");
      await tx.store.put({ room, messages: newest, members: names, at: this.now() });
      if ((await tx.store.count()) > MOST.timelines) {
        const oldest = (await tx.store.getAll()).sort((a, b) => a.at - b.at).slice(0, -MOST.timelines);
        for (const { room } of oldest) await tx.store.delete(room);
      }
      await tx.done;
    });
  }

  /** Deletes all of it, and keeps nothing from then on; in other tabs of the user too. */
  async clear(): Promise<void> {
    this.ended = true;
    (await this.opening?.catch(() => undefined))?.close();
    await deleteDB(this.name).catch(() => {});
  }

  private fresh({ at }: { at: number }): boolean {
    return Math.abs(this.now() - at) < MOST.age;
  }

  private async read<T>(work: (db: IDBPDatabase<Kept>) => Promise<T>): Promise<T | undefined> {
    if (this.ended) return undefined;
    try {
      return await work(await this.open());
    } catch {
      return undefined;
    }
  }

  private async write(work: (db: IDBPDatabase<Kept>) => Promise<void>): Promise<void> {
    await this.read(work);
  }

  private open(): Promise<IDBPDatabase<Kept>> {
    return (this.opening ??= openDB<Kept>(this.name, VERSION, {
      upgrade: (db) => {
        db.createObjectStore("rooms");
        db.createObjectStore("timelines", { keyPath: "room" });
      },
      // Another tab signs out, or has a newer version of the app.
      blocking: (_, to, event) => {
        this.ended ||= to === null;
        this.opening = undefined;
        (event.target as IDBDatabase).close();
      },
      terminated: () => (this.opening = undefined),
    }).catch((thrown: unknown) => {
      this.opening = undefined;
      throw thrown;
    }));
  }
}

/** As many of the first as have so many bytes of JSON together. */
function within<T>(list: readonly T[], bytes: number): T[] {
  const encoder = new TextEncoder();
  let sum = 0;
  const end = list.findIndex((each) => (sum += encoder.encode(JSON.stringify(each)).length) > bytes);
  return end < 0 ? [...list] : list.slice(0, end);
}

/** What another version of the app has kept, or somebody has changed, is not shown. */
function isRoom(found: unknown): boolean {
  const { id, latestMessage, latestMessagePreviewText } = (found ?? {}) as Partial<Room>;
  return typeof id === "string" && typeof latestMessage === "string" && typeof latestMessagePreviewText === "object" && latestMessagePreviewText !== null;
}

function isMessage(found: unknown): boolean {
  const { messageId, senderId, createdAt, msgBody } = (found ?? {}) as Partial<Message>;
  return typeof messageId === "string" && typeof senderId === "string" && typeof createdAt === "string" && typeof msgBody === "object" && msgBody !== null;
}
