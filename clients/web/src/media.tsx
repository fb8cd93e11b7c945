import { useEffect, useRef, useState } from "preact/hooks";
import type { Message } from "../../typescript/src/index.js";
import { problemOf } from "../../typescript/src/problem.js";
import { useSession, useTexts } from "./context.js";
import { Icon } from "./parts.js";

interface MediaBody {
  mediaId?: string;
  mediaUrl?: string;
  mediaType?: string;
  mimeType?: string;
  altText?: string;
  fileName?: string;
  size?: number;
  width?: number;
  height?: number;
}

export function isMedia(message: Message): message is Message & { msgBody: MediaBody } {
  return message.msgType === "Media";
}

/** What a message shows. Only what the media service keeps is loaded; what is elsewhere is a link. */
export function MediaContent({ body }: { body: MediaBody }) {
  const texts = useTexts();
  const name = body.altText || body.fileName || texts.text(body.mediaType === "image" ? "media.picture" : "media.file");
  if (body.mediaId === undefined) {
    const url = body.mediaUrl ?? "";
    const isLink = /^https?:\/\//i.test(url);
    return (
      <p data-text>
        {isLink ? (
          <a href={url} target="_blank" rel="noopener noreferrer" title={texts.text("media.link")}>
            {body.altText || url}
          </a>
        ) : (
          name
        )}
      </p>
    );
  }
  const isPicture = body.mediaType === "image" && /^image\/(png|jpeg|gif|webp|avif)$/.test(body.mimeType ?? "image/png");
  return isPicture ? <Picture id={body.mediaId} name={name} body={body} /> : <FileLink id={body.mediaId} name={name} body={body} />;
}

/** Pixels. */
const WIDEST = 320;
const HIGHEST = 300;
/** How often a picture that is still looked at is asked for. */
const TRIES = 6;

function Picture({ id, name, body }: { id: string; name: string; body: MediaBody }) {
  const texts = useTexts();
  const { url, failed } = useBlob(id, "1024");
  const { width = WIDEST, height = HIGHEST * 0.7 } = body;
  const scale = Math.min(1, WIDEST / width, HIGHEST / height);
  const size = { width: Math.round(width * scale), height: Math.round(height * scale) };
  return (
    <figure class="picture" data-media={id}>
      {url ? (
        <a href={url} target="_blank" rel="noopener noreferrer" aria-label={texts.text("media.open", { name })}>
          <img src={url} alt={name} {...size} />
        </a>
      ) : (
        <span class="placeholder" style={{ width: `${size.width}px`, height: `${size.height}px` }} role="img" aria-label={name}>
          {texts.text(failed ? "media.failed" : "loading")}
        </span>
      )}
      {body.altText && <figcaption data-text dir="auto">{body.altText}</figcaption>}
    </figure>
  );
}

function useBlob(id: string, variant: "256" | "1024"): { url?: string; failed: boolean } {
  const session = useSession();
  const [state, setState] = useState<{ url?: string; failed: boolean }>({ failed: false });
  useEffect(() => {
    const ended = new AbortController();
    let url: string | undefined;
    const load = async () => {
      for (let tries = 1; ; tries++) {
        try {
          const blob = await session.media.download(id, variant, ended.signal).catch((thrown: unknown) => {
            // A small picture has no smaller one.
            if (problemOf(thrown).status !== 404) throw thrown;
            return session.media.download(id, undefined, ended.signal);
          });
          if (ended.signal.aborted) return;
          url = URL.createObjectURL(blob);
          return setState({ url, failed: false });
        } catch (thrown) {
          if (ended.signal.aborted) return;
          if (!problemOf(thrown).temporary || tries >= TRIES) return setState({ failed: true });
          await new Promise((resolve) => setTimeout(resolve, 500 * 2 ** tries));
        }
      }
    };
    void load();
    return () => {
      ended.abort();
      if (url) URL.revokeObjectURL(url);
    };
  }, [id, variant]);
  return state;
}

function FileLink({ id, name, body }: { id: string; name: string; body: MediaBody }) {
  const session = useSession();
  const texts = useTexts();
  const [busy, setBusy] = useState(false);
  const link = useRef<HTMLAnchorElement>(null);
  const download = async () => {
    setBusy(true);
    await session.attempt(
      session.media.download(id).then((blob) => {
        // Whatever it says that it is: it is saved, and not shown.
        const url = URL.createObjectURL(new Blob([blob], { type: "application/octet-stream" }));
        const { current } = link;
        if (current) {
          current.href = url;
          current.click();
          current.removeAttribute("href");
        }
        setTimeout(() => URL.revokeObjectURL(url), 60_000);
      }),
    );
    setBusy(false);
  };
  return (
    <div class="file" data-media={id}>
      <button type="button" name="download" disabled={busy} title={texts.text("media.download", { name })} onClick={() => void download()}>
        <Icon name="file" />
        <span data-text dir="auto">
          {name}
        </span>
        {body.size !== undefined && <span class="quiet">{texts.bytes(body.size)}</span>}
      </button>
      <a ref={link} download={body.fileName ?? "file"} hidden tabIndex={-1} />
    </div>
  );
}
