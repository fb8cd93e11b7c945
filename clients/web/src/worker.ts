// The registration of the service worker, which keeps the app's files and shows what Web Push brings.
interface ScriptPolicy {
  createScriptURL(url: string): string;
}
interface PolicyFactory {
  createPolicy(name: string, rules: ScriptPolicy): ScriptPolicy;
}

let policy: ScriptPolicy | undefined;

/** The worker's address, which Trusted Types want to have been looked at: it is this one, and no other. */
function workerURL(): string {
  const factory = (globalThis as { trustedTypes?: PolicyFactory }).trustedTypes;
  if (!factory) return "sw.js";
  policy ??= factory.createPolicy("ism-worker", { createScriptURL: () => "sw.js" });
  return policy.createScriptURL("sw.js");
}

/** Registers the worker: one that is there already, of the same build, stays as it is. */
export function registerWorker(): Promise<ServiceWorkerRegistration> {
  return navigator.serviceWorker.register(workerURL());
}

/** Has the app start without a network from the next time on. It goes without where there are no service workers, or where they are forbidden. */
export function keepApp(): void {
  if (!("serviceWorker" in navigator)) return;
  const register = () => void registerWorker().catch(() => {});
  // What the first screen needs comes first.
  if (document.readyState === "complete") register();
  else addEventListener("load", register, { once: true });
}
