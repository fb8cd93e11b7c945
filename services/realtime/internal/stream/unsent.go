package stream

import (
	"time"

	"github.com/ism-chat/ism/services/realtime/internal/sse"
)

// notice is what is written behind everything that was offered before it.
type notice uint8

const (
	noNotice  notice = iota
	keepAlive        // a comment
	ending           // the stream's last lines
)

// unsent is what the client does not have.
type unsent struct {
	text  []byte // of the stream's own
	batch []sse.Frame
	queue []sse.Frame
	one   [1]sse.Frame // where the first queue begins: most have one frame, and need no more memory

	queueBytes int

	position sse.Position // of the notice
	retry    time.Duration

	deadline    time.Duration // of the chunk under way; 0 where there is none
	chunkFrames int           // of the chunk under way, the first of the batch
	remaining   int           // bytes of the chunk under way
	sent        int           // bytes of the chunk under way

	notice     notice
	queueTaken bool // what was offered before the notice is no longer in the queue
	live       bool // the batch was offered, not missed
	oneTaken   bool // for good: whoever was given a chunk may still look at its frames
}

// offer queues a frame. It reports false where there is no room.
func (u *unsent) offer(frame sse.Frame, limits *Config) bool {
	size := frame.Size()
	if len(u.queue) >= limits.QueueEvents || u.queueBytes+size > limits.QueueBytes && len(u.queue) > 0 {
		return false
	}
	if !u.oneTaken {
		u.oneTaken, u.queue = true, u.one[:0]
	}
	u.queue = append(u.queue, frame)
	u.queueBytes += size
	return true
}

// size is how many events there are, and how many bytes.
func (u *unsent) size() (events, bytes int) {
	bytes = u.queueBytes
	for _, frame := range u.batch {
		bytes += frame.Size()
	}
	return len(u.batch) + len(u.queue), bytes - min(bytes, u.sent)
}

// setNotice replaces a notice that has not been written: the queue must be emptied anew, since the position is a newer one.
func (u *unsent) setNotice(notice notice, position sse.Position) {
	u.notice, u.position, u.queueTaken = notice, position, false
}

// take makes the queue the batch, unless what is in it was offered behind the notice.
func (u *unsent) take() {
	if u.queueTaken {
		return
	}
	u.batch, u.queue, u.queueBytes, u.live = u.queue, nil, 0, true
	u.queueTaken = u.notice != noNotice
}

// written reports whether text and batch are.
func (u *unsent) written() bool { return len(u.text) == 0 && len(u.batch) == 0 }

// empty reports whether the client has everything.
func (u *unsent) empty() bool { return u.written() && len(u.queue) == 0 && u.notice == noNotice }

// begin begins a chunk of the text or else the batch.
func (u *unsent) begin(deadline time.Duration) {
	u.deadline = deadline
	if u.remaining = len(u.text); u.remaining > 0 {
		return
	}
	for u.chunkFrames < min(len(u.batch), maxChunkFrames) {
		size := u.batch[u.chunkFrames].Size()
		if u.chunkFrames > 0 && u.remaining+size > maxChunkBytes {
			break
		}
		u.remaining += size
		u.chunkFrames++
	}
}

// chunk is what is left of the chunk under way.
func (u *unsent) chunk(dst [][]byte) Chunk {
	chunk := Chunk{Buffers: dst, Frames: u.batch[:u.chunkFrames], Live: u.live, Deadline: u.deadline}
	if len(u.text) > 0 {
		chunk.Buffers = append(chunk.Buffers, u.text[u.sent:])
		return chunk
	}
	skip := u.sent
	for _, frame := range chunk.Frames {
		for _, part := range [...][]byte{frame.ID, frame.Event.Data} {
			if skip >= len(part) {
				skip -= len(part)
				continue
			}
			chunk.Buffers = append(chunk.Buffers, part[skip:])
			skip = 0
		}
	}
	return chunk
}

// wrote counts bytes of the chunk under way. With the chunk done it gives the Seq of its newest id, 0 where it has none.
func (u *unsent) wrote(n int) (newest uint64, done bool) {
	u.sent, u.remaining = u.sent+n, u.remaining-n
	if u.remaining > 0 {
		return 0, false
	}
	if u.chunkFrames > 0 {
		newest = u.batch[u.chunkFrames-1].Seq
	}
	u.text, u.batch = nil, u.batch[u.chunkFrames:]
	if len(u.batch) == 0 {
		u.batch = nil
	}
	u.deadline, u.chunkFrames, u.sent = 0, 0, 0
	return newest, true
}
