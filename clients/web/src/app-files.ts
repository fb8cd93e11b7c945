// The app's own files, kept by the service worker: the app starts without a network. Nothing else is kept, no answer of the API and no address with a sign-in's code in it.

/** The files of this build besides the worker: names, and what their content has to be (Subresource Integrity). The first is the page. */
export interface Build {
  version: string;
  files: Readonly<Record<string, string>>;
}

export interface AppFilesParts {
  build: Build;
  /** Where the app is, with a slash at its end. */
  scope: string;
  caches: Pick<CacheStorage, "open" | "keys" | "delete">;
  fetch: typeof globalThis.fetch;
  /** How long the network may take for what is kept too, milliseconds. */
  patience?: number;
}

const PAGE = "index.html";
const CONFIG = "config.json";
/** Caches of builds; another app of the origin may have some of its own. */
const OF_BUILDS = "ism-app-";
const OF_CONFIG = "ism-config";
const PATIENCE = 3_000;
const POLICY = "Content-Security-Policy";

export class AppFiles {
  private readonly name: string;

  constructor(private readonly parts: AppFilesParts) {
    this.name = OF_BUILDS + parts.build.version;
  }

  /** Keeps all files of this build, or fails: while servers of two versions answer, or something else does, the build before stays. */
  async install(): Promise<void> {
    const files = await Promise.all(Object.keys(this.parts.build.files).map(async (name) => [name, await this.fetched(name)] as const));
    const cache = await this.parts.caches.open(this.name);
    await Promise.all(files.map(([name, answer]) => cache.put(this.address(name), answer)));
    // The first page has asked for it before there was a worker.
    await this.config(new Request(this.address(CONFIG), { cache: "no-cache" })).catch(() => {});
  }

  /** Deletes what earlier builds have kept. */
  async activate(): Promise<void> {
    const { caches } = this.parts;
    const old = (await caches.keys()).filter((name) => name.startsWith(OF_BUILDS) && name !== this.name);
    await Promise.all(old.map((name) => caches.delete(name)));
  }

  /** Answers a request; undefined: it is not for this. `wait` is told of work that goes on afterwards. */
  answer(request: Request, wait: (work: Promise<unknown>) => void): Promise<Response> | undefined {
    const { scope, build } = this.parts;
    const address = request.url.split(/[?#]/)[0]!;
    if (request.method !== "GET" || !address.startsWith(scope)) return undefined;
    const name = address.slice(scope.length);
    if (request.mode === "navigate") return name === "" || name === PAGE ? this.page(request, wait) : undefined;
    if (request.cache === "no-store") return undefined; // who asks so wants to know whether the server is there
    if (name === CONFIG) return this.config(request);
    return Object.hasOwn(build.files, name) ? this.file(request, name) : undefined;
  }

  /** The page of the server's build, which may be a newer one; of this build where the server does not answer. */
  private async page(request: Request, wait: (work: Promise<unknown>) => void): Promise<Response> {
    const cache = await this.parts.caches.open(this.name);
    const kept = await cache.match(this.address(PAGE));
    const answer = await this.answered(request, kept);
    // The policy that comes with the page names the identity provider and the store of media, which may be others from now on.
    if (kept && answer !== kept && answer.ok && answer.headers.get(POLICY) !== kept.headers.get(POLICY)) {
      wait(this.fetched(PAGE).then((page) => cache.put(this.address(PAGE), page), () => {})); // of another build: that brings its own
    }
    return answer;
  }

  private async config(request: Request): Promise<Response> {
    const cache = await this.parts.caches.open(OF_CONFIG);
    const kept = await cache.match(this.address(CONFIG));
    const answer = await this.answered(request, kept);
    if (answer !== kept && answer.ok && (await isConfig(answer.clone()))) await cache.put(this.address(CONFIG), answer.clone()).catch(() => {}); // there may be no space
    return answer;
  }

  private async file(request: Request, name: string): Promise<Response> {
    const cache = await this.parts.caches.open(this.name);
    return (await cache.match(this.address(name))) ?? this.parts.fetch(request);
  }

  /** What the network answers in time; else what is kept, if anything is. */
  private async answered(request: Request, kept: Response | undefined): Promise<Response> {
    const fetched = this.parts.fetch(request);
    if (!kept) return fetched;
    let timer: ReturnType<typeof setTimeout> | undefined;
    const late = new Promise<Response>((resolve) => (timer = setTimeout(() => resolve(kept), this.parts.patience ?? PATIENCE)));
    const answer = await Promise.race([fetched.catch(() => kept), late]);
    clearTimeout(timer);
    return answer.status >= 500 ? kept : answer; // a proxy that does not reach its server
  }

  /** A file as this build has it, and nothing else. */
  private async fetched(name: string): Promise<Response> {
    const { build, fetch } = this.parts;
    const answer = await fetch(new Request(this.address(name), { integrity: build.files[name]!, cache: "no-cache", redirect: "error" }));
    if (!answer.ok) throw new Error(`${name}: ${answer.status}`);
    return answer;
  }

  private address(name: string): string {
    return this.parts.scope + name;
  }
}

/** Whether it is what the server says, and not a login page of the network's. */
async function isConfig(answer: Response): Promise<boolean> {
  const { issuer, clientId } = ((await answer.json().catch(() => undefined)) ?? {}) as { issuer?: unknown; clientId?: unknown };
  return typeof issuer === "string" && typeof clientId === "string";
}
