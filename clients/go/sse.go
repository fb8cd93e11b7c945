package client

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"
)

const (
	// maxEvent bounds what is kept of an event, bytes.
	maxEvent = 4 << 20
	// maxPassed bounds what is read of one without an end, bytes.
	maxPassed = 64 << 20
	// maxID bounds an id, bytes: it comes back in a header.
	maxID = 4 << 10
)

// UnreadableEvent is one that is whole and not to be read: too large, no JSON, or without a type. The stream goes on behind it. What has happened
// is not known, so it is to be treated as a Resync.
type UnreadableEvent struct {
	ID     string // where to resume behind it
	Reason string
}

func (u *UnreadableEvent) Error() string { return "decode event: " + u.Reason }

// Next waits for the next event, as the HTML standard parses them (section 9.2.6). io.EOF is the server's end of the stream; behind an
// [UnreadableEvent] it may be called again.
func (s *Stream) Next() (StreamEvent, error) {
	var event unfinished
	for {
		line, whole, err := s.readLine(maxPassed - event.passed)
		if err != nil {
			return StreamEvent{}, err
		}
		event.passed += len(line) + 1
		switch {
		case !whole:
			event.tooLarge = true
		case len(line) > 0:
			s.take(line, &event)
		default:
			s.lastID = s.idLine
			s.blocks++
			if event.data.Len() > 0 || event.tooLarge {
				return event.finish(s.lastID)
			}
			event = unfinished{}
		}
	}
}

// take reads a line that is not blank.
func (s *Stream) take(line []byte, event *unfinished) {
	field, rest, _ := bytes.Cut(line, []byte(":"))
	value := string(bytes.TrimPrefix(rest, []byte(" ")))
	switch string(field) {
	case "data":
		event.add(value)
	case "id":
		if len(value) <= maxID && !strings.ContainsFunc(value, func(r rune) bool { return r < ' ' || r > '~' }) {
			s.idLine = value
		}
	case "retry":
		if ms, err := strconv.ParseUint(value, 10, 31); err == nil {
			s.retry = min(time.Duration(ms)*time.Millisecond, longestWait)
		}
	}
}

// readLine reads a line without its end. Of one longer than an event may be it gives nothing, and says so; it fails on one longer than the limit.
func (s *Stream) readLine(limit int) (line []byte, whole bool, err error) {
	for length := 0; ; {
		part, err := s.lines.ReadSlice('\n')
		if length += len(part); length <= maxEvent {
			line = append(line, part...)
		}
		switch {
		case length > limit:
			return nil, false, errors.New("an event of the stream does not end")
		case errors.Is(err, bufio.ErrBufferFull):
			continue
		case err != nil:
			return nil, false, err //nolint:wrapcheck // io.EOF and the context's errors as they are
		case length > maxEvent:
			return nil, false, nil
		}
		return bytes.TrimRight(line, "\r\n"), true, nil
	}
}

// unfinished is an event whose blank line has not come.
type unfinished struct {
	data     strings.Builder
	tooLarge bool
	passed   int // bytes read
}

func (u *unfinished) add(value string) {
	if u.data.Len()+len(value) >= maxEvent {
		u.tooLarge = true
		u.data.Reset()
	}
	if u.tooLarge {
		return
	}
	if u.data.Len() > 0 {
		u.data.WriteByte('\n')
	}
	u.data.WriteString(value)
}

func (u *unfinished) finish(id string) (StreamEvent, error) {
	if u.tooLarge {
		return StreamEvent{}, &UnreadableEvent{ID: id, Reason: fmt.Sprintf("it has more than %d bytes", maxEvent)}
	}
	event := StreamEvent{ID: id, Data: json.RawMessage(u.data.String()), At: time.Now()}
	var tag struct {
		Type string `json:"type"`
	}
	if err := json.Unmarshal(event.Data, &tag); err != nil {
		return StreamEvent{}, &UnreadableEvent{ID: id, Reason: err.Error()}
	}
	if tag.Type == "" {
		return StreamEvent{}, &UnreadableEvent{ID: id, Reason: "it has no type"}
	}
	event.Type = tag.Type
	return event, nil
}
