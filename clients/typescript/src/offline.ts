import { openDB, type IDBPDatabase } from "idb";
import type { OutboxEntry, OutboxStorage } from "./outbox.js";
import type { Locks } from "./shared.js";

const VERSION = 1;
const ENTRIES = "outbox";

/**
 * Keeps messages that are not sent yet in IndexedDB, so that they are sent after a reload, a restart or a crash. Give each user of this browser a name of
 * its own: whoever signs in next must not send what another has written. Tabs that have it at once take turns by Web Locks, where the browser has them: so what was
 * written in different tabs is sent in its order, too.
 */
export function indexedDBOutbox(name: string, options: { locks?: Locks } = {}): OutboxStorage {
  const locks = options.locks ?? (globalThis as { navigator?: { locks?: Locks } }).navigator?.locks;
  let opening: Promise<IDBPDatabase> | undefined;
  const database = () =>
    (opening ??= openDB(`ism-${name}`, VERSION, {
      upgrade: (db) => void db.createObjectStore(ENTRIES, { keyPath: "clientMsgId" }),
      // Another tab has a newer version of the app: this one lets go, and opens again when it writes next.
      blocking: (_, __, event) => {
        opening = undefined;
        (event.target as IDBDatabase).close();
      },
      terminated: () => (opening = undefined),
    }).catch((thrown: unknown) => {
      opening = undefined; // private mode, or no space: the next write tries again
      throw thrown;
    }));
  return {
    load: async () => ((await (await database()).getAll(ENTRIES)) as unknown[]).filter(isEntry),
    put: async (entry) => {
      const transaction = (await database()).transaction(ENTRIES, "readwrite");
      void transaction.store.put(entry).catch(() => {}); // `done` says so
      transaction.commit(); // at once: a page that goes now does not wait for an answer
      await transaction.done;
    },
    remove: async (clientMsgId) => (await database()).delete(ENTRIES, clientMsgId),
    ...(locks && { exclusive: (room, act, signal) => locks.request(`ism-${name} ${room}`, { signal }, act) }),
  };
}

/** What another version of the app has kept, or somebody has changed, must not end the outbox. */
function isEntry(found: unknown): found is OutboxEntry {
  const { clientMsgId, order, request } = (found ?? {}) as Partial<OutboxEntry>;
  return typeof clientMsgId === "string" && typeof order === "number" && typeof request?.chatRoomId === "string";
}

export type { OutboxEntry, OutboxStorage } from "./outbox.js";
