// Web Push: the browser subscribes with the installation's key, and the subscription is registered as a device of the user's.
import type { Client } from "../../typescript/src/index.js";
import { Problem, problemOf } from "../../typescript/src/problem.js";
import { registerWorker } from "./worker.js";

/** `unsupported`: this browser, or this page's origin, has no Web Push; `denied`: the user has forbidden it; `off-here`: the installation has none. */
export type PushState = "unsupported" | "denied" | "off-here" | "off" | "on";

const DEVICE = "ism.device";

export async function pushState(client: Client): Promise<PushState> {
  if (!("serviceWorker" in navigator) || !("PushManager" in globalThis) || !("Notification" in globalThis)) return "unsupported";
  if (Notification.permission === "denied") return "denied";
  try {
    await keyOf(client);
  } catch (thrown) {
    if (problemOf(thrown).code === "push-off") return "off-here";
    throw thrown;
  }
  const registration = await navigator.serviceWorker.getRegistration();
  return (await registration?.pushManager.getSubscription()) ? "on" : "off";
}

/** Asks the user, subscribes and registers. Call it where the user has done something: browsers ask at no other time. */
export async function pushOn(client: Client): Promise<PushState> {
  if ((await Notification.requestPermission()) !== "granted") return Notification.permission === "denied" ? "denied" : "off";
  const [registration, key] = await Promise.all([registerWorker(), keyOf(client)]);
  await navigator.serviceWorker.ready;
  const subscription = await registration.pushManager.subscribe({ userVisibleOnly: true, applicationServerKey: bytesOf(key) }).catch((thrown: unknown) => {
    throw new Problem("push-refused", 0, String(thrown)); // a browser in private mode, or one that does not reach its push service
  });
  await register(client, subscription);
  return "on";
}

export async function pushOff(client: Client): Promise<PushState> {
  const registration = await navigator.serviceWorker.getRegistration();
  const subscription = await registration?.pushManager.getSubscription();
  await client.request("DELETE", `/api/devices/${encodeURIComponent(deviceId())}`);
  await subscription?.unsubscribe();
  return "off";
}

/** Registers a subscription again, as each start of an app should: the server keeps those that were registered last. */
export async function pushAgain(client: Client): Promise<void> {
  const registration = await navigator.serviceWorker?.getRegistration();
  const subscription = await registration?.pushManager?.getSubscription();
  if (subscription) await register(client, subscription);
}

async function register(client: Client, subscription: PushSubscription): Promise<void> {
  const { endpoint, keys } = subscription.toJSON();
  await client.request("POST", "/api/devices", { body: { deviceId: deviceId(), kind: "WebPush", subscription: { endpoint, keys } } });
}

async function keyOf(client: Client): Promise<string> {
  return (await client.request<{ publicKey: string }>("GET", "/api/devices/vapid")).publicKey;
}

function deviceId(): string {
  const known = localStorage.getItem(DEVICE);
  if (known) return known;
  const made = crypto.randomUUID();
  localStorage.setItem(DEVICE, made);
  return made;
}

export function bytesOf(key: string): Uint8Array<ArrayBuffer> {
  return Uint8Array.from(atob(key.replace(/-/g, "+").replace(/_/g, "/")), (char) => char.charCodeAt(0));
}
