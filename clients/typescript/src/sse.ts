/** Characters of one event: more is no event of ISM's. */
const MAX_EVENT = 4 << 20;

/** What an event stream says. */
export interface Heard {
  /** A block has ended. Without data it has only moved on: `id` is where to resume all the same. */
  block: (id: string | undefined, data: string | undefined) => void;
  /** Milliseconds to wait before coming back. */
  retry: (ms: number) => void;
}

/**
 * Parses an event stream as the HTML standard has it (section 9.2.6), fed with text as it comes. What is not ended by a blank line never
 * counts. It is our own because eventsource-parser keeps ids of blocks without data to itself, and ISM's idle streams move on by these.
 * Names of events are passed over: ISM has none. Throws where an event is too long.
 */
export function sseParser(heard: Heard): (text: string) => void {
  let rest = "";
  let id: string | undefined;
  let data: string | undefined;
  let begun = false;
  let afterCR = false;

  function line(text: string): void {
    if (text === "") {
      if (id !== undefined || data !== undefined) heard.block(id, data);
      id = data = undefined;
      return;
    }
    const colon = text.indexOf(":");
    const field = colon < 0 ? text : text.slice(0, colon);
    const value = colon < 0 ? "" : text.slice(text[colon + 1] === " " ? colon + 2 : colon + 1);
    if (field === "data") data = data === undefined ? value : `${data}\n${value}`;
    else if (field === "id" && !value.includes("\0")) id = value;
    else if (field === "retry" && /^\d+$/.test(value)) heard.retry(Number(value));
    if (data !== undefined && data.length > MAX_EVENT) throw new RangeError("an event of the stream is too long");
  }

  return (text) => {
    if (text === "") return;
    if (!begun) {
      begun = true;
      if (text.startsWith("\uFEFF")) text = text.slice(1);
    }
    const endsWithCR = text.endsWith("\r");
    if (afterCR && text.startsWith("\n")) text = text.slice(1); // the other half of a CRLF
    afterCR = endsWithCR;
    // Only what is new can have an end of a line: what is long is not searched again and again.
    const lines = text.split(/\r\n|\r|\n/);
    lines[0] = rest + lines[0];
    rest = lines.pop() as string;
    for (const each of lines) line(each);
    if (rest.length > MAX_EVENT) throw new RangeError("a line of the stream is too long");
  };
}
