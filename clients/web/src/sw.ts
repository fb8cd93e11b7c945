// The service worker: keeps the app's own files, shows what Web Push brings, and leads to the room when it is chosen.
import { AppFiles, type Build } from "./app-files.js";

/** What the build puts here. */
declare const BUILD: Build;

interface Push {
  type?: string;
  title?: string;
  text?: string;
  roomId?: string;
  badge?: number;
}
interface WorkerClient {
  url: string;
  visibilityState: string;
  focus(): Promise<unknown>;
  postMessage(message: unknown): void;
}
interface WorkerEvent extends Event {
  waitUntil(work: Promise<unknown>): void;
  data?: { json(): unknown };
  notification?: { close(): void; data?: { roomId?: string } };
  request?: Request;
  respondWith?(answer: Promise<Response>): void;
}
interface Worker {
  registration: { scope: string; showNotification(title: string, options: NotificationOptions): Promise<void> };
  clients: { matchAll(options: object): Promise<WorkerClient[]>; openWindow(url: string): Promise<unknown>; claim(): Promise<void> };
  navigator: { setAppBadge?(count: number): Promise<void>; clearAppBadge?(): Promise<void> };
  skipWaiting(): Promise<void>;
  addEventListener(type: string, listener: (event: WorkerEvent) => void): void;
}

const worker = self as unknown as Worker;

const files = new AppFiles({ build: BUILD, scope: worker.registration.scope, caches, fetch: (input, init) => fetch(input, init) });

worker.addEventListener("install", (event) => event.waitUntil(files.install().then(() => worker.skipWaiting())));
worker.addEventListener("activate", (event) => event.waitUntil(files.activate().then(() => worker.clients.claim())));
worker.addEventListener("fetch", (event) => {
  const answer = event.request && files.answer(event.request, (work) => event.waitUntil(work));
  if (answer) event.respondWith?.(answer);
});

worker.addEventListener("push", (event) => event.waitUntil(show(pushOf(event))));

worker.addEventListener("notificationclick", (event) => {
  event.notification?.close();
  event.waitUntil(open(event.notification?.data?.roomId));
});

function pushOf(event: WorkerEvent): Push {
  try {
    const data = event.data?.json();
    return typeof data === "object" && data !== null ? (data as Push) : {};
  } catch {
    return {}; // browsers take back the permission of who shows nothing
  }
}

async function show({ title, text, roomId, badge }: Push): Promise<void> {
  const { registration, navigator } = worker;
  if (typeof badge === "number") await (badge > 0 ? navigator.setAppBadge?.(badge) : navigator.clearAppBadge?.())?.catch(() => {});
  await registration.showNotification(title || "ISM", { body: text ?? "", icon: "icon.svg", tag: roomId ?? "ism", data: { roomId } });
}

async function open(roomId: string | undefined): Promise<void> {
  const hash = roomId ? `#/rooms/${encodeURIComponent(roomId)}` : "#/inbox";
  const [page] = await worker.clients.matchAll({ type: "window" });
  if (!page) return void (await worker.clients.openWindow(worker.registration.scope + hash));
  page.postMessage({ open: hash });
  await page.focus();
}
