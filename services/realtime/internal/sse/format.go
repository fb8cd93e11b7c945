// Package sse writes and reads the text of an event stream, as the HTML standard defines it in section 9.2
// (https://html.spec.whatwg.org/multipage/server-sent-events.html).
package sse

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strconv"
	"time"
)

// ContentType is the media type of an event stream.
const ContentType = "text/event-stream"

// Event gives the text of one event. The data is JSON; line breaks between its tokens are taken out, so that it stands on
// one line.
func Event(id ID, data []byte) ([]byte, error) {
	if bytes.ContainsAny(data, "\r\n") {
		var line bytes.Buffer
		if err := json.Compact(&line, data); err != nil {
			return nil, fmt.Errorf("put the data of event %s on one line: %w", id, err)
		}
		data = line.Bytes()
	}
	return AppendEvent(make([]byte, 0, len("id: \ndata: \n\n")+maxIDLength+len(data)), id, data), nil
}

// AppendEvent appends an event whose data stands on one line already.
func AppendEvent[T string | []byte](dst []byte, id ID, line T) []byte {
	dst = AppendPosition(dst, id)
	dst = append(dst, "data: "...)
	dst = append(dst, line...)
	return append(dst, "\n\n"...)
}

// AppendRetry appends how long the client is to wait before it reconnects. It takes effect at once.
func AppendRetry(dst []byte, wait time.Duration) []byte {
	dst = append(dst, "retry: "...)
	dst = strconv.AppendInt(dst, wait.Milliseconds(), 10)
	return append(dst, '\n')
}

// AppendPosition appends an id without an event: the client resumes behind it from now on, and dispatches nothing.
func AppendPosition(dst []byte, id ID) []byte {
	dst = append(dst, "id: "...)
	dst = id.append(dst)
	return append(dst, '\n')
}

// AppendComment appends a line that clients pass over.
func AppendComment(dst []byte) []byte { return append(dst, ":\n"...) }

// AppendEnd appends the blank line that ends a block of lines.
func AppendEnd(dst []byte) []byte { return append(dst, '\n') }
