import { useLayoutEffect, useRef, useState } from "preact/hooks";
import type { Member, RoomHandle } from "../../typescript/src/index.js";
import { reasonOf, useSession, useTexts } from "./context.js";
import { useStore } from "./hooks.js";
import { plainText } from "./message.js";
import { IconButton } from "./parts.js";
import type { Writing } from "./room.js";

interface Props {
  handle: RoomHandle;
  people: readonly Pick<Member, "id" | "displayName">[];
  writing: Writing;
  onWriting: (writing: Writing) => void;
  onFiles: (files: readonly File[]) => void;
}

export function Composer({ handle, people, writing, onWriting, onFiles }: Props) {
  const session = useSession();
  const texts = useTexts();
  const [text, setText] = useState(session.drafts.get(handle.id));
  const unsent = useRef(text); // what is sent is gone at once: the button may be hit again before this is drawn anew
  unsent.current = text;
  const box = useRef<HTMLTextAreaElement>(null);
  const input = useRef<HTMLInputElement>(null);
  const write = (value: string) => {
    setText(value);
    if (writing.to !== "edit") session.drafts.set(handle.id, value);
  };
  useLayoutEffect(() => {
    // It grows with what is in it; the style sheet says how far.
    const { current } = box;
    if (!current) return;
    current.style.height = "auto";
    current.style.height = `${current.scrollHeight + 2}px`;
  }, [text]);
  // Before it is seen: else what is there from before could be sent as what it is not.
  useLayoutEffect(() => {
    if (writing.to === "edit") setText(plainText(texts, writing.message));
    else setText(session.drafts.get(handle.id));
    if (writing.to !== "new" || matchMedia("(hover: hover)").matches) box.current?.focus();
  }, [writing]);
  const submit = () => {
    const said = unsent.current.trim();
    if (said === "") return;
    unsent.current = "";
    if (writing.to === "edit") {
      const { message } = writing;
      void session.attempt(handle.edit(message, message.msgType === "Reply" ? { replyText: said } : { text: said }, { ifUnchanged: true }));
      return onWriting({ to: "new" });
    }
    if (writing.to === "reply") handle.reply(writing.message, said);
    else handle.send(said);
    session.drafts.set(handle.id, "");
    setText("");
    if (writing.to === "reply") onWriting({ to: "new" });
    box.current?.focus();
  };
  const pressed = (event: KeyboardEvent) => {
    // While an input method composes, Enter chooses what it offers.
    if (event.key === "Enter" && !event.shiftKey && !event.isComposing) {
      event.preventDefault();
      submit();
    }
    if (event.key === "Escape" && writing.to !== "new") {
      event.preventDefault();
      onWriting({ to: "new" });
    }
  };
  const pasted = (event: ClipboardEvent) => {
    const files = [...(event.clipboardData?.files ?? [])];
    const types = event.clipboardData?.types ?? [];
    // Text of an office program comes with a picture of it: the text is meant. A picture of a page has no plain text, a file no markup.
    if (files.length === 0 || (types.includes("text/plain") && types.includes("text/html"))) return;
    event.preventDefault();
    onFiles(files);
  };
  const chosen = () => {
    const files = [...(input.current?.files ?? [])];
    onFiles(files);
    if (input.current) input.current.value = "";
  };
  const to = writing.to === "reply" ? (people.find(({ id }) => id === writing.message.senderId)?.displayName ?? texts.text("message.system")) : "";
  return (
    <div class="composer">
      <UploadList handle={handle} />
      {writing.to !== "new" && (
        <div class="writing">
          <span>
            <strong>{texts.text(writing.to === "reply" ? "composer.replying" : "composer.editing", { name: to })}</strong>
            <span class="quiet" dir="auto">
              {plainText(texts, writing.message)}
            </span>
          </span>
          <IconButton icon="close" label={texts.text("cancel")} onClick={() => onWriting({ to: "new" })} />
        </div>
      )}
      <form
        onSubmit={(event) => {
          event.preventDefault();
          submit();
        }}
      >
        <input ref={input} type="file" name="file" multiple class="visually-hidden" tabIndex={-1} aria-label={texts.text("composer.attach")} onChange={chosen} />
        <IconButton icon="attach" name="attach" label={texts.text("composer.attach")} onClick={() => input.current?.click()} />
        <textarea
          ref={box}
          name="text"
          rows={1}
          dir="auto"
          aria-label={texts.text("composer.placeholder")}
          placeholder={texts.text("composer.placeholder")}
          value={text}
          onInput={(event) => write(event.currentTarget.value)}
          onKeyDown={pressed}
          onPaste={pasted}
        />
        <IconButton icon="send" name="send" type="submit" class="primary" label={texts.text(writing.to === "edit" ? "composer.save" : "composer.send")} disabled={text.trim() === ""} />
      </form>
    </div>
  );
}

function UploadList({ handle }: { handle: RoomHandle }) {
  const session = useSession();
  const texts = useTexts();
  const uploads = useStore(session.uploads).filter(({ room }) => room === handle.id);
  if (uploads.length === 0) return null;
  return (
    <ul class="uploads">
      {uploads.map(({ id, file, sent, problem }) => (
        <li key={id} data-upload={id}>
          <span dir="auto">{file.name}</span>
          {problem ? (
            <span role="alert">
              {texts.text("upload.failed", { name: file.name, reason: reasonOf(texts, problem) })}
              <button type="button" class="link" onClick={() => session.uploads.retry(id, handle)}>
                {texts.text("retry")}
              </button>
            </span>
          ) : (
            <>
              <progress max={Math.max(1, file.size)} value={sent} aria-label={file.name} />
              <span class="quiet">{texts.text("upload.progress", { sent: texts.bytes(sent), size: texts.bytes(file.size) })}</span>
            </>
          )}
          <IconButton icon="close" label={texts.text("upload.cancel", { name: file.name })} onClick={() => session.uploads.cancel(id)} />
        </li>
      ))}
    </ul>
  );
}
