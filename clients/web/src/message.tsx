import { useMemo, useState } from "preact/hooks";
import type { Message, RoomHandle, TimelineItem } from "../../typescript/src/index.js";
import { reasonOf, useSession, useTexts } from "./context.js";
import { MediaContent, isMedia } from "./media.js";
import { Ask, Avatar, Dialog, IconButton, Words } from "./parts.js";
import type { Writing } from "./room.js";
import type { Texts } from "./texts.js";

interface Props {
  item: TimelineItem;
  own: boolean;
  mentioned: boolean;
  /** The first of those that stand together. */
  first: boolean;
  /** Its day in words, of the first of a day. */
  day: string | undefined;
  /** The first that had not been read. */
  isNew: boolean;
  nameOf: (user: string) => string;
  handle: RoomHandle;
  /** Who has read it, where that is shown. */
  readers: readonly string[] | undefined;
  readersOf: (message: Message) => string[];
  onWriting: (writing: Writing) => void;
  onJump: (messageId: string) => void;
}

/** Is drawn again only when something of it has changed: of a long timeline that moves, or a room in which much happens, most has not. */
export function MessageRow(props: Props) {
  return useMemo(() => <Row {...props} />, Object.values(props));
}

function Row({ item, own, mentioned, first, day, isNew, nameOf, handle, readers, readersOf, onWriting, onJump }: Props) {
  const texts = useTexts();
  const { message, state, problem } = item;
  const isChange = message.msgType === "RoomChange";
  return (
    <li
      class={`message ${own ? "own" : ""} ${first || day ? "first" : ""} ${mentioned ? "mentioned" : ""} ${isChange ? "change" : ""}`}
      tabIndex={-1}
      data-message={message.messageId || undefined}
      data-client-id={message.clientMsgId}
      data-state={state}
    >
      {day && <h3 class="day">{day}</h3>}
      {isNew && <p class="new">{texts.text("room.newMessages")}</p>}
      {isChange ? (
        <p class="quiet" data-text>
          {plainText(texts, message)}
        </p>
      ) : (
        <div class="message-line">
          {!own && (first || day) && <Avatar id={message.senderId} name={nameOf(message.senderId)} small />}
          <div class="bubble-column">
            {(first || day) && (
              <p class="sender">
                <span dir="auto">{nameOf(message.senderId)}</span>
                <time dateTime={message.createdAt} title={texts.fullTime(message.createdAt)}>
                  {texts.time(message.createdAt)}
                </time>
              </p>
            )}
            <div class="bubble">
              <Content message={message} nameOf={nameOf} onJump={onJump} />
              {message.editedAt && !message.deletedAt && <span class="mark">{texts.text("message.edited")}</span>}
            </div>
            {state === "sending" && <p class="state">{texts.text(problem ? "message.waiting" : "message.sending")}</p>}
            {state === "failed" && (
              <p class="state failed" role="alert">
                {texts.text("message.failed", { reason: reasonOf(texts, problem) })}
                <button type="button" name="retry" class="link" onClick={() => handle.retry(item.key)}>
                  {texts.text("retry")}
                </button>
                <button type="button" name="discard" class="link" onClick={() => handle.discard(item.key)}>
                  {texts.text("message.discard")}
                </button>
              </p>
            )}
            {readers !== undefined && readers.length > 0 && <p class="state" data-read-by={readers.length}>{texts.text("message.seenBy", { names: texts.list(readers) })}</p>}
          </div>
          {state === "sent" && !message.deletedAt && <Tools message={message} own={own} handle={handle} readersOf={readersOf} onWriting={onWriting} />}
        </div>
      )}
    </li>
  );
}

function Tools({ message, own, handle, readersOf, onWriting }: { message: Message; own: boolean } & Pick<Props, "handle" | "readersOf" | "onWriting">) {
  const session = useSession();
  const texts = useTexts();
  const [opened, setOpened] = useState<"delete" | "readers">();
  const close = () => setOpened(undefined);
  const editable = own && (message.msgType === "Text" || message.msgType === "Reply");
  const readers = opened === "readers" ? readersOf(message) : [];
  return (
    <div class="tools" role="group" aria-label={texts.text("message.tools")}>
      <IconButton icon="reply" name="reply" label={texts.text("message.reply")} onClick={() => onWriting({ to: "reply", message })} />
      {editable && <IconButton icon="edit" name="edit" label={texts.text("message.edit")} onClick={() => onWriting({ to: "edit", message })} />}
      <IconButton icon="eye" name="readers" label={texts.text("message.readBy")} onClick={() => setOpened("readers")} />
      {own && <IconButton icon="trash" name="delete" label={texts.text("message.delete")} onClick={() => setOpened("delete")} />}
      {opened === "delete" && <Ask title={texts.text("message.delete")} text={texts.text("message.deleteAsk")} onYes={() => void session.attempt(handle.delete(message))} onClose={close} />}
      {opened === "readers" && (
        <Dialog title={texts.text("message.readBy")} onClose={close}>
          {readers.length === 0 ? (
            <p>{texts.text("message.nobody")}</p>
          ) : (
            <ul class="people">
              {readers.map((name) => (
                <li dir="auto">{name}</li>
              ))}
            </ul>
          )}
        </Dialog>
      )}
    </div>
  );
}

function Content({ message, nameOf, onJump }: { message: Message } & Pick<Props, "nameOf" | "onJump">) {
  const texts = useTexts();
  if (message.deletedAt)
    return (
      <p class="quiet" data-text>
        {texts.text("message.deleted")}
      </p>
    );
  if (isMedia(message)) return <MediaContent body={message.msgBody} />;
  return (
    <>
      {message.msgType === "Reply" && <Quote message={message} nameOf={nameOf} onJump={onJump} />}
      <p data-text dir="auto">
        <Words text={plainText(texts, message)} />
      </p>
    </>
  );
}

function Quote({ message, nameOf, onJump }: { message: Message } & Pick<Props, "nameOf" | "onJump">) {
  const texts = useTexts();
  const body = message.msgBody as { replyMsgId?: string; replySenderId?: string; replyMsgDetails?: Record<string, unknown> };
  const details = body.replyMsgDetails;
  const text = [details?.["text"], details?.["replyText"], details?.["altText"], details?.["fileName"], details?.["mediaType"]].find((each) => typeof each === "string" && each !== "");
  return (
    <button type="button" class="quote" onClick={() => body.replyMsgId && onJump(body.replyMsgId)}>
      {body.replySenderId && <strong dir="auto">{nameOf(body.replySenderId)}</strong>}
      {details && <span dir="auto">{String(text ?? texts.text("message.quoteGone"))}</span>}
    </button>
  );
}

/** What a message says, in words. */
export function plainText(texts: Texts, message: Message): string {
  if (message.deletedAt) return texts.text("message.deleted");
  const body = message.msgBody as Record<string, unknown>;
  switch (message.msgType) {
    case "Text":
    case "SystemMessage":
      return textOf(body["text"]);
    case "Reply":
      return textOf(body["replyText"]);
    case "Media":
      return textOf(body["altText"] || body["fileName"]) || texts.text(body["mediaType"] === "image" ? "media.picture" : "media.file");
    case "RoomChange": {
      const { displayName } = (body["related_user"] ?? {}) as { displayName?: string };
      return texts.text(body["type"] === "UserLeft" ? "message.left" : "message.joined", { name: displayName ?? "" });
    }
    default:
      return texts.text("message.unknown"); // a server that is newer
  }
}

function textOf(value: unknown): string {
  return typeof value === "string" ? value : "";
}
