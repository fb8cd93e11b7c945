// Web Push: the browser subscribes with the installation's key, and the subscription is registered as a device of the user's.
import { devices, type Client } from "../../typescript/src/index.js";
import { Problem, problemOf } from "../../typescript/src/problem.js";
import { registerWorker } from "./worker.js";

/** `unsupported`: this browser, or this page's origin, has no Web Push; `denied`: the user has forbidden it; `off-here`: the installation has none. */
export type PushState = "unsupported" | "denied" | "off-here" | "off" | "on";

const DEVICE = "ism.device";
/** Who has chosen to be notified in this browser: their id. */
const OWNER = "ism.push";

/** Whose push it is. */
interface User {
  client: Client;
  person: { sub: string };
}

export async function pushState({ client, person }: User): Promise<PushState> {
  if (!("serviceWorker" in navigator) || !("PushManager" in globalThis) || !("Notification" in globalThis)) return "unsupported";
  if (Notification.permission === "denied") return "denied";
  try {
    await devices(client).applicationServerKey();
  } catch (thrown) {
    if (problemOf(thrown).code === "push-off") return "off-here";
    throw thrown;
  }
  const registration = await navigator.serviceWorker.getRegistration();
  return (await registration?.pushManager.getSubscription()) && isOwner(person.sub) ? "on" : "off";
}

/** Asks the user, subscribes and registers. Call it where the user has done something: browsers ask at no other time. */
export async function pushOn(user: User): Promise<PushState> {
  if ((await Notification.requestPermission()) !== "granted") return Notification.permission === "denied" ? "denied" : "off";
  const registration = await registerWorker();
  await navigator.serviceWorker.ready;
  const subscription = await subscribe(user, registration);
  try {
    await devices(user.client).registerWebPush(deviceId(), subscription);
  } catch (thrown) {
    await end(registration); // the server does not know of it: it would be on in vain
    throw thrown;
  }
  localStorage.setItem(OWNER, user.person.sub);
  return "on";
}

export async function pushOff({ client }: User): Promise<PushState> {
  await devices(client).remove(deviceId());
  const registration = await navigator.serviceWorker.getRegistration();
  if (registration) await end(registration);
  return "off";
}

/**
 * Registers a subscription again, as each start of an app should: the server keeps those that were registered last. One of somebody else, who was here
 * before and has not signed out, is ended: what it brings is not for who is here now.
 */
export async function pushAgain(user: User): Promise<void> {
  const registration = await navigator.serviceWorker?.getRegistration();
  if (!registration || !(await registration.pushManager?.getSubscription())) return;
  if (isOwner(user.person.sub)) await devices(user.client).registerWebPush(deviceId(), await subscribe(user, registration));
  else await end(registration);
}

/**
 * Ends push as the user leaves, and takes away what is shown. Where the server cannot be told, the push service tells it that the subscription is no more.
 */
export async function pushEnd({ client, person }: User): Promise<void> {
  const registration = await navigator.serviceWorker?.getRegistration();
  if (!registration || !isOwner(person.sub)) return;
  await Promise.allSettled([devices(client).remove(deviceId()), end(registration)]);
}

function isOwner(user: string): boolean {
  return localStorage.getItem(OWNER) === user;
}

/** Subscribes with the installation's key. A subscription that is somebody else's, or by a key that the installation had before, is ended first. */
async function subscribe({ client, person }: User, { pushManager }: ServiceWorkerRegistration): Promise<PushSubscription> {
  const applicationServerKey = await devices(client).applicationServerKey();
  const known = await pushManager.getSubscription();
  if (known && isOwner(person.sub) && isBy(known, applicationServerKey)) return known;
  try {
    await known?.unsubscribe();
    return await pushManager.subscribe({ userVisibleOnly: true, applicationServerKey });
  } catch (thrown) {
    throw new Problem("push-refused", 0, String(thrown)); // a browser in private mode, or one that does not reach its push service
  }
}

function isBy({ options }: PushSubscription, key: Uint8Array): boolean {
  const by = options?.applicationServerKey; // null where the browser does not say
  return !by || String(new Uint8Array(by)) === String(key);
}

/** Ends the subscription, and all that was shown by it. The worker stays: one that goes while a page uses it is half there until that page is left. */
async function end(registration: ServiceWorkerRegistration): Promise<void> {
  localStorage.removeItem(OWNER);
  const shown = await registration.getNotifications();
  for (const notification of shown) notification.close();
  await (await registration.pushManager?.getSubscription())?.unsubscribe();
}

function deviceId(): string {
  const known = localStorage.getItem(DEVICE);
  if (known) return known;
  const made = crypto.randomUUID();
  localStorage.setItem(DEVICE, made);
  return made;
}
