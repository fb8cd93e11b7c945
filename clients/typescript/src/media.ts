import { Pause } from "./backoff.js";
import { known, Problem, problemOf } from "./problem.js";
import type { Client } from "./client.js";
import type { Requests } from "./request.js";
import type { RoomHandle } from "./room.js";
import type { CreatedMedium, Medium, SignedParts, UploadedParts } from "./types.js";

export interface UploadOptions {
  fileName?: string;
  mimeType?: string;
  /** Names the upload: with the same name it goes on where it was cut off, also after a reload. Without one it has a name of its own. */
  key?: string;
  /** How much is uploaded, bytes. */
  onProgress?: (sent: number, size: number) => void;
  signal?: AbortSignal;
}

/** How often one request of an upload is tried. */
const TRIES = 5;
/** Of parts that are signed at once. */
const SIGNED = 20;

/** Uploads and downloads of a client's. */
export function media(client: Client, fetch: typeof globalThis.fetch = (input, init) => globalThis.fetch(input, init)): Media {
  return new Media(client.requests, fetch);
}

/** Uploads that go straight to the object store, and downloads. */
export class Media {
  constructor(
    private readonly requests: Pick<Requests, "call" | "open">,
    private readonly fetch: typeof globalThis.fetch,
  ) {}

  /** Uploads a file to a room. When this is done messages may show it by its `mediaId`, as soon as the server has looked at it. */
  async upload(room: string, file: Blob & { name?: string }, options: UploadOptions = {}): Promise<Medium> {
    const { signal } = options;
    const key = options.key ?? crypto.randomUUID();
    const create = async () => {
      const body = {
        roomId: room,
        fileName: options.fileName ?? file.name ?? "file",
        mimeType: (options.mimeType ?? file.type) || "application/octet-stream",
        size: file.size,
      };
      return known((await this.requests.call<CreatedMedium>("POST", "/api/media", { body, headers: { "Idempotency-Key": key }, signal })).data, "mediaId");
    };
    const progress = (sent: number) => options.onProgress?.(Math.min(sent, file.size), file.size);
    const created = await persist(create, signal);
    if (created.state === "pending") {
      if (created.upload?.form) {
        await persist(async (first) => {
          // A form is good for a while: with the same name it is signed again.
          const form = first ? created.upload?.form : (await create()).upload?.form;
          if (form) await this.put("POST", form.url, {}, formOf(form.fields, file), progress, signal);
        }, signal);
      } else await this.uploadParts(created, file, progress, signal);
    }
    progress(file.size);
    const complete = async () => known((await this.requests.call<Medium>("POST", `/api/media/${created.mediaId}/complete`, { signal })).data, "mediaId");
    return persist(complete, signal);
  }

  /** Uploads a file, and sends a message that shows it. Done once it is uploaded, with the message's key: it is then sent as any. */
  async send(room: Pick<RoomHandle, "id" | "send">, file: Blob & { name?: string }, options: UploadOptions & { altText?: string } = {}): Promise<string> {
    const { mediaId } = await this.upload(room.id, file, options);
    return room.send({ msgType: "Media", msgBody: { mediaId, ...(options.altText && { altText: options.altText }) } });
  }

  /** How far a medium of the user's is. */
  async status(medium: string): Promise<Medium> {
    return (await this.requests.call<Medium>("GET", `/api/media/${medium}/status`)).data;
  }

  /** The content of a medium that a message shows, or a smaller variant of a picture. */
  async download(medium: string, variant?: "thumb" | "256" | "1024", signal?: AbortSignal): Promise<Blob> {
    try {
      return await (await this.requests.open("GET", `/api/media/${medium}`, { query: { variant }, redirect: "follow", signal })).blob();
    } catch (thrown) {
      throw problemOf(thrown);
    }
  }

  /** Gives a Group a picture, and gives its address. */
  async roomPicture(room: string, image: Blob): Promise<string> {
    const form = new FormData();
    form.append("image", image);
    return (await this.requests.call<{ imageUrl: string }>("POST", `/api/rooms/${room}/upload-img`, { form })).data.imageUrl;
  }

  private async uploadParts(medium: CreatedMedium, file: Blob, progress: (sent: number) => void, signal?: AbortSignal): Promise<void> {
    const path = `/api/media/${medium.mediaId}/parts`;
    const there = async () => known((await this.requests.call<UploadedParts>("GET", path, { signal })).data, "uploaded");
    const { partSize, parts, uploaded } = await persist(there, signal);
    let sent = uploaded.reduce((sum, { size }) => sum + size, 0);
    const has = new Set(uploaded.map(({ number }) => number));
    const missing = Array.from({ length: parts }, (_, i) => i + 1).filter((number) => !has.has(number));
    while (missing.length > 0) {
      const numbers = missing.splice(0, SIGNED);
      const sign = async (which: number[]) => known((await this.requests.call<SignedParts>("POST", path, { body: { numbers: which }, signal })).data, "parts").parts;
      for (const part of await persist(() => sign(numbers), signal)) {
        const content = file.slice((part.number - 1) * partSize, part.number * partSize);
        await persist(async (first) => {
          const signed = first ? part : ((await sign([part.number]))[0] ?? part);
          await this.put(signed.method, signed.url, signed.headers, content, (bytes) => progress(sent + Math.min(bytes, part.size)), signal);
        }, signal);
        progress((sent += part.size));
      }
    }
  }

  /** Sends a body to the object store, which needs no token. Only XMLHttpRequest tells how far it is; in Node there is none. */
  private async put(method: string, url: string, headers: Record<string, string>, body: Blob | FormData, progress: (sent: number) => void, signal?: AbortSignal) {
    if (typeof XMLHttpRequest !== "undefined") return putByXHR(method, url, headers, body, progress, signal);
    const response = await this.fetch(url, { method, headers, body, signal: signal ?? null, credentials: "omit" }).catch((thrown: unknown) => {
      throw problemOf(thrown);
    });
    await response.body?.cancel();
    if (!response.ok) throw refused(response.status);
  }
}

function putByXHR(method: string, url: string, headers: Record<string, string>, body: Blob | FormData, progress: (sent: number) => void, signal?: AbortSignal) {
  return new Promise<void>((resolve, reject) => {
    const request = new XMLHttpRequest();
    const abort = () => request.abort();
    const done = (problem?: Problem) => {
      signal?.removeEventListener("abort", abort);
      if (problem) reject(problem);
      else resolve();
    };
    request.open(method, url);
    for (const [name, value] of Object.entries(headers)) request.setRequestHeader(name, value);
    request.upload.onprogress = ({ loaded }) => progress(loaded);
    request.onload = () => done(request.status >= 200 && request.status < 300 ? undefined : refused(request.status));
    request.onerror = () => done(new Problem("network", 0, "the object store does not answer"));
    request.onabort = () => done(new Problem("aborted", 0, "the upload was ended"));
    signal?.addEventListener("abort", abort);
    if (signal?.aborted) abort();
    request.send(body);
  });
}

function refused(status: number): Problem {
  return new Problem("upload-refused", status, `the object store answers ${status}`);
}

/** The file is the last field: what comes behind it the store does not read. */
function formOf(fields: Record<string, string>, file: Blob): FormData {
  const form = new FormData();
  for (const [name, value] of Object.entries(fields)) form.append(name, value);
  form.append("file", file);
  return form;
}

/** Does something until it succeeds, or fails for good; the first try is told to be it. */
async function persist<T>(act: (first: boolean) => Promise<T>, signal?: AbortSignal): Promise<T> {
  const pause = new Pause();
  for (let failures = 0; ; failures++) {
    try {
      return await act(failures === 0);
    } catch (thrown) {
      const problem = problemOf(signal?.aborted ? new DOMException("the upload was ended", "AbortError") : thrown);
      // An address that has expired is refused by 403: it is signed again.
      const again = problem.temporary || (problem.code === "upload-refused" && problem.status === 403);
      if (!again || failures + 1 >= TRIES) throw problem;
      await pause.failed(problem, signal);
    }
  }
}
