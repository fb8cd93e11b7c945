// Small things that are used all over.
import type { ComponentChildren } from "preact";
import { useEffect, useRef, useState } from "preact/hooks";
import { useTexts } from "./context.js";

const PATHS = {
  chats: "M4 5h16v11H9l-5 4z",
  friends: "M9 11a3.5 3.5 0 1 0 0-7 3.5 3.5 0 0 0 0 7zM2.5 20a6.5 6.5 0 0 1 13 0M16 4.5a3.5 3.5 0 0 1 0 6.5M18 14.5a6.5 6.5 0 0 1 3.5 5.5",
  bell: "M6 16V11a6 6 0 0 1 12 0v5l2 2H4zM10 21h4",
  settings: "M4 7h9M17 7h3M4 17h3M11 17h9M15 4.5v5M9 14.5v5",
  plus: "M12 5v14M5 12h14",
  back: "M15 5l-7 7 7 7",
  send: "M4 12l16-7-5 16-3.5-6.5z",
  attach: "M20 11l-8.5 8.5a5 5 0 0 1-7-7L13 4a3.3 3.3 0 0 1 4.7 4.7L9.5 17a1.7 1.7 0 0 1-2.4-2.4L14.5 7",
  close: "M6 6l12 12M18 6L6 18",
  reply: "M10 6l-6 6 6 6M4 12h9a7 7 0 0 1 7 7",
  edit: "M5 19l1-4L16 5l3 3L9 18z",
  trash: "M5 7h14M10 7V4h4v3M7 7l1 13h8l1-13",
  eye: "M2.5 12S6 5.5 12 5.5 21.5 12 21.5 12 18 18.5 12 18.5 2.5 12 2.5 12zM12 15a3 3 0 1 0 0-6 3 3 0 0 0 0 6z",
  down: "M6 10l6 6 6-6",
  file: "M6 3h8l4 4v14H6zM14 3v5h5",
  invite: "M10 11a3.5 3.5 0 1 0 0-7 3.5 3.5 0 0 0 0 7zM3.5 20a6.5 6.5 0 0 1 13 0M19 8v6M16 11h6",
  leave: "M14 4H5v16h9M10 12h11M17 8l4 4-4 4",
} as const;

export type IconName = keyof typeof PATHS;

export function Icon({ name }: { name: IconName }) {
  return (
    <svg class={`icon icon-${name}`} viewBox="0 0 24 24" aria-hidden="true">
      <path d={PATHS[name]} />
    </svg>
  );
}

interface IconButtonProps {
  icon: IconName;
  label: string;
  onClick?: () => void;
  name?: string;
  disabled?: boolean;
  type?: "button" | "submit";
  class?: string;
}

export function IconButton({ icon, label, type = "button", ...rest }: IconButtonProps) {
  return (
    <button {...rest} type={type} class={`icon-button ${rest.class ?? ""}`} aria-label={label} title={label}>
      <Icon name={icon} />
    </button>
  );
}

/** Two letters and a colour that stay with who or what they stand for; or a picture, while it can be had. */
export function Avatar({ id, name, small, picture }: { id: string; name: string; small?: boolean; picture?: string | undefined }) {
  const [missing, setMissing] = useState<string>();
  const hue = [...id].reduce((sum, char) => (sum * 31 + char.charCodeAt(0)) % 8, 0);
  return (
    <span class={`avatar hue-${hue} ${small ? "small" : ""}`} aria-hidden="true">
      {picture !== undefined && picture !== missing ? <img src={picture} alt="" loading="lazy" onError={() => setMissing(picture)} /> : initialsOf(name)}
    </span>
  );
}

export function initialsOf(name: string): string {
  const words = name.trim().split(/\s+/).filter(Boolean);
  const letters = words.length > 1 ? [words[0], words[words.length - 1]] : words;
  return letters.map((word) => [...word!][0]!.toLocaleUpperCase()).join("") || "?";
}

/** A dialog that keeps the focus, and is closed by Escape. */
export function Dialog({ title, onClose, children }: { title: string; onClose: () => void; children: ComponentChildren }) {
  const dialog = useRef<HTMLDialogElement>(null);
  const texts = useTexts();
  useEffect(() => {
    const { current } = dialog;
    const before = document.activeElement;
    current?.showModal();
    return () => {
      current?.close();
      if (before instanceof HTMLElement) before.focus();
    };
  }, []);
  return (
    <dialog
      ref={dialog}
      aria-label={title}
      onCancel={(event) => {
        event.preventDefault();
        onClose();
      }}
      onKeyDown={(event) => {
        if (event.key !== "Escape") return;
        event.preventDefault(); // a field for searching would only be emptied
        event.stopPropagation();
        onClose();
      }}
      onClick={(event) => {
        if (event.target === event.currentTarget) onClose();
      }}
    >
      <div class="dialog">
        <header>
          <h2>{title}</h2>
          <IconButton icon="close" label={texts.text("close")} onClick={onClose} />
        </header>
        {children}
      </div>
    </dialog>
  );
}

export function Ask({ title, text, onYes, onClose }: { title: string; text: string; onYes: () => void; onClose: () => void }) {
  const texts = useTexts();
  return (
    <Dialog title={title} onClose={onClose}>
      <p>{text}</p>
      <footer>
        <button type="button" class="button" onClick={onClose}>
          {texts.text("cancel")}
        </button>
        <button
          type="button"
          name="confirm"
          class="button danger"
          onClick={() => {
            onClose();
            onYes();
          }}
        >
          {title}
        </button>
      </footer>
    </Dialog>
  );
}

/** Says that what is shown is what was seen last; not where what is so now comes at once. */
export function Seen({ at, children }: { at: number; children?: ComponentChildren }) {
  const texts = useTexts();
  return (
    <p class="seen" role="status" data-seen={at}>
      {texts.text("seen", { time: texts.fullTime(new Date(at).toISOString()) })}
      {children}
    </p>
  );
}

const LINK = /https?:\/\/[^\s<>"'`]+[^\s<>"'`.,;:!?)\]}]/g;

/** Text as text; only addresses of http and https become links. */
export function Words({ text }: { text: string }) {
  const parts: ComponentChildren[] = [];
  let end = 0;
  for (const found of text.matchAll(LINK)) {
    const [url] = found;
    parts.push(
      text.slice(end, found.index),
      <a href={url} target="_blank" rel="noopener noreferrer">
        {url}
      </a>,
    );
    end = found.index + url.length;
  }
  return <>{[...parts, text.slice(end)]}</>;
}
