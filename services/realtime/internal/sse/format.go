// Package sse writes the text of an event stream, as the HTML standard defines it in section 9.2
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

// Data gives the data line of an event, and the blank line behind it, that ends the event. The data is JSON; line breaks between its tokens
// are taken out, so that it stands on one line.
func Data(data []byte) ([]byte, error) {
	if bytes.ContainsAny(data, "\r\n") {
		var line bytes.Buffer
		if err := json.Compact(&line, data); err != nil {
			return nil, fmt.Errorf("put the data of an event on one line: %w", err)
		}
		data = line.Bytes()
	}
	return DataOf(len(data), func(dst []byte) []byte { return append(dst, data...) }), nil
}

// Encode is [Data] of a value of package wire.
func Encode(event any) ([]byte, error) {
	data, err := json.Marshal(event)
	if err != nil {
		return nil, fmt.Errorf("encode a %T: %w", event, err)
	}
	return Data(data)
}

// JSONOf gives the JSON in what [Data] has made.
func JSONOf(text []byte) []byte { return bytes.TrimSpace(bytes.TrimPrefix(text, []byte("data: "))) }

// IDOf gives the id in what [AppendID] has appended.
func IDOf(line []byte) string { return string(bytes.TrimSpace(bytes.TrimPrefix(line, []byte("id: ")))) }

// DataOf is [Data] for a payload that stands on one line already, and appends itself. The size is about how many bytes that are.
func DataOf(size int, payload func(dst []byte) []byte) []byte {
	text := append(make([]byte, 0, len("data: \n\n")+size), "data: "...)
	return append(payload(text), "\n\n"...)
}

// AppendID appends the id of the event whose data follows. With a blank line behind it instead, the client resumes behind the id from now
// on and dispatches nothing.
func AppendID[T string | []byte](dst []byte, id T) []byte {
	dst = append(dst, "id: "...)
	dst = append(dst, id...)
	return append(dst, '\n')
}

// AppendRetry appends how long the client is to wait before it reconnects. It takes effect at once.
func AppendRetry(dst []byte, wait time.Duration) []byte {
	dst = append(dst, "retry: "...)
	dst = strconv.AppendInt(dst, wait.Milliseconds(), 10)
	return append(dst, '\n')
}

// AppendComment appends a line that clients pass over.
func AppendComment(dst []byte) []byte { return append(dst, ":\n"...) }

// AppendEnd appends the blank line that ends a block of lines.
func AppendEnd(dst []byte) []byte { return append(dst, '\n') }
