package doctor

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"
)

// patience is how long the parts of a stream are waited for.
type patience struct {
	first   time.Duration // its beginning; the service sends it at once
	late    time.Duration // what a keep-alive may take on its way
	longest time.Duration // a keep-alive, however rare it is configured to be
}

func usualPatience() patience {
	return patience{first: 3 * time.Second, late: 2 * time.Second, longest: 8 * time.Second}
}

const unbuffer = "switch buffering and compression off for /api/sse in whatever stands between: in nginx proxy_buffering off; and gzip off;"

// lookAtStream opens an event stream and waits for its first bytes and for a keep-alive.
func (d *doctor) lookAtStream(ctx context.Context, n *notes) {
	token, ok := d.identity.tokenOrNote(ctx, n)
	if !ok {
		return
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, d.at("/api/sse"), nil)
	if err != nil {
		n.add(Fault, err.Error(), "")
		return
	}
	request.Header.Set("Authorization", "Bearer "+token)
	request.Header.Set("Accept", "text/event-stream")
	began := time.Now()
	// A proxy that buffers may even keep the header back.
	beginning := time.AfterFunc(d.patience.first, cancel)
	defer beginning.Stop()
	response, err := d.http.Do(request)
	if err != nil {
		if time.Since(began) >= d.patience.first {
			n.add(Fault, fmt.Sprintf("nothing of a stream arrives within %s: it is held back on the way", d.patience.first), unbuffer)
			return
		}
		n.add(Fault, "GET /api/sse fails: "+explain(err), "look at the logs of the gateway and of realtime")
		return
	}
	defer response.Body.Close()
	if !goodHeader(response, n) {
		return
	}
	lines := bufio.NewReader(io.LimitReader(response.Body, maxAnswer))
	if _, err := lines.Peek(1); err != nil {
		n.add(Fault, fmt.Sprintf("the stream opens, but nothing of it arrives within %s: it is held back on the way", d.patience.first), unbuffer)
		return
	}
	beginning.Stop()
	first := time.Since(began)
	wait := min(d.settings.realtime.Realtime.KeepAlive+d.patience.late, d.patience.longest)
	ending := time.AfterFunc(wait, cancel)
	defer ending.Stop()
	for {
		line, err := lines.ReadString('\n')
		switch {
		case err != nil && ctx.Err() == nil:
			n.add(Fault, fmt.Sprintf("the stream ended after %s", rounded(time.Since(began))), "look at the logs of the gateway and of realtime; a proxy's read time-out must be longer than ISM_REALTIME_KEEP_ALIVE")
			return
		case err != nil:
			n.add(Fault, fmt.Sprintf("the stream begins, but no keep-alive arrives within %s: it is held back on the way", wait), unbuffer+" If ISM_REALTIME_KEEP_ALIVE is longer than 6s, that is the reason")
			return
		case strings.HasPrefix(line, ":"):
			n.ok("first bytes after %s, a keep-alive after %s", rounded(first), rounded(time.Since(began)))
			return
		}
	}
}

func rounded(d time.Duration) time.Duration { return d.Round(time.Millisecond) }

// goodHeader judges the header of a stream, and notes what is wrong.
func goodHeader(response *http.Response, n *notes) bool {
	kind, buffering := response.Header.Get("Content-Type"), response.Header.Get("X-Accel-Buffering")
	switch {
	case response.StatusCode == http.StatusUnauthorized:
		n.add(Fault, "GET /api/sse refuses the issuer's token", "see identity; the log of realtime says why at level debug")
	case response.StatusCode == http.StatusTooManyRequests:
		n.add(Warning, "the user has as many streams open as one may have", "close some, or give another -user")
	case response.StatusCode != http.StatusOK:
		n.add(Fault, fmt.Sprintf("GET /api/sse gives status %d", response.StatusCode), "look at the log of realtime, and at its /ready")
	case !strings.HasPrefix(kind, "text/event-stream"):
		n.add(Fault, fmt.Sprintf("a stream has the type %q, so that browsers give up on it", kind), "let what stands before realtime pass Content-Type on")
	case response.Header.Get("Content-Encoding") != "":
		n.add(Fault, "the stream is compressed on the way, which holds it back", unbuffer)
	case buffering != "" && buffering != "no": // nginx takes it away; who passes it on must leave it
		n.add(Fault, fmt.Sprintf("a stream has X-Accel-Buffering: %s", buffering), "let what stands before realtime leave the header alone, or take it away")
	default:
		return true
	}
	return false
}
