// Package checks gives what `ism doctor` checks of realtime: a stream through the gateway, and the machine's limit to streams.
package checks

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net/http"
	"strings"
	"syscall"
	"time"

	"github.com/ism-chat/ism/libs/examine"
	"github.com/ism-chat/ism/services/realtime"
)

const (
	limit = 30 * time.Second // of the look at a stream, its token included
	// maxStream is how many bytes of a stream are read before its keep-alive.
	maxStream = 1 << 20
	// otherDescriptors is what realtime opens beside its streams.
	otherDescriptors = 1000
)

// Part is the check of a stream through the gateway at the target, and of descriptors. here says that the doctor runs where the
// service does.
func Part(cfg realtime.Config, target examine.Target, withToken examine.WithToken, here bool) examine.Part {
	s := stream{url: target.String() + "/api/sse", firstTimeout: 3 * time.Second, aliveTimeout: min(cfg.KeepAlive+2*time.Second, 20*time.Second)}
	descriptors := func(_ context.Context, n *examine.Notes) { lookAtDescriptors(n, here, cfg.MaxStreams) }
	return examine.Part{Checks: []examine.Check{
		{Group: "gateway", Name: "stream", Limit: limit, Look: withToken(s.look)},
		{Group: "host", Name: "descriptors", Look: descriptors},
	}}
}

type stream struct {
	url          string
	firstTimeout time.Duration // for its beginning, which the service sends at once
	aliveTimeout time.Duration // for a keep-alive
}

const unbuffer = "switch buffering and compression off for /api/sse in whatever stands between: in nginx proxy_buffering off; and gzip off;"

// look opens an event stream and waits for its first bytes and for a keep-alive.
func (s stream) look(ctx context.Context, n *examine.Notes, token string) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, s.url, nil)
	if err != nil {
		n.Add(examine.Fault, err.Error(), "")
		return
	}
	request.Header.Set("Authorization", "Bearer "+token)
	request.Header.Set("Accept", "text/event-stream")
	began := time.Now()
	// A proxy that buffers may even keep the header back.
	beginning := time.AfterFunc(s.firstTimeout, cancel)
	defer beginning.Stop()
	response, err := examine.NewClient().Do(request)
	if err != nil {
		if time.Since(began) >= s.firstTimeout {
			n.Add(examine.Fault, fmt.Sprintf("nothing of a stream arrives within %s: it is held back on the way", s.firstTimeout), unbuffer)
			return
		}
		n.Add(examine.Fault, "GET /api/sse fails: "+examine.Explain(err), "look at the logs of the gateway and of realtime")
		return
	}
	defer response.Body.Close()
	if !goodHeader(response, n) {
		return
	}
	lines := bufio.NewReader(io.LimitReader(response.Body, maxStream))
	if _, err := lines.Peek(1); err != nil {
		n.Add(examine.Fault, fmt.Sprintf("the stream opens, but nothing of it arrives within %s: it is held back on the way", s.firstTimeout), unbuffer)
		return
	}
	beginning.Stop()
	first := time.Since(began)
	ending := time.AfterFunc(s.aliveTimeout, cancel)
	defer ending.Stop()
	for {
		line, err := lines.ReadString('\n')
		switch {
		case err != nil && ctx.Err() == nil:
			n.Add(examine.Fault, fmt.Sprintf("the stream ended after %s", rounded(time.Since(began))), "look at the logs of the gateway and of realtime; a proxy's read time-out must be longer than ISM_REALTIME_KEEP_ALIVE")
			return
		case err != nil:
			n.Add(examine.Fault, fmt.Sprintf("the stream begins, but no keep-alive arrives within %s: it is held back on the way", s.aliveTimeout), unbuffer+" If ISM_REALTIME_KEEP_ALIVE is longer than 18s, that is the reason")
			return
		case strings.HasPrefix(line, ":"):
			n.OK("first bytes after %s, a keep-alive after %s", rounded(first), rounded(time.Since(began)))
			return
		}
	}
}

func rounded(d time.Duration) time.Duration { return d.Round(time.Millisecond) }

// goodHeader reports whether the header is that of a stream, and notes what is wrong with it.
func goodHeader(response *http.Response, n *examine.Notes) bool {
	kind, buffering := response.Header.Get("Content-Type"), response.Header.Get("X-Accel-Buffering")
	switch {
	case response.StatusCode == http.StatusUnauthorized:
		n.Add(examine.Fault, "GET /api/sse refuses the issuer's token", "see identity; the log of realtime says why at level debug")
	case response.StatusCode != http.StatusOK:
		n.Add(examine.Fault, fmt.Sprintf("GET /api/sse gives status %d", response.StatusCode), "look at the log of realtime, and at its /ready")
	case !strings.HasPrefix(kind, "text/event-stream"):
		n.Add(examine.Fault, fmt.Sprintf("a stream has the type %q, so that browsers give up on it", kind), "let what stands before realtime pass Content-Type on")
	case response.Header.Get("Content-Encoding") != "":
		n.Add(examine.Fault, "the stream is compressed on the way, which holds it back", unbuffer)
	case buffering != "" && buffering != "no": // nginx takes it away; who passes it on must leave it
		n.Add(examine.Fault, fmt.Sprintf("a stream has X-Accel-Buffering: %s", buffering), "let what stands before realtime leave the header alone, or take it away")
	default:
		return true
	}
	return false
}

// lookAtDescriptors compares the limit of this process, which Go raises as far as it may, with the streams of realtime.
func lookAtDescriptors(n *examine.Notes, here bool, maxStreams int) {
	if !here {
		n.Add(examine.NotChecked, "this need not be where realtime runs", "run it there: docker compose run --rm doctor")
		return
	}
	var allowed syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &allowed); err != nil {
		n.Add(examine.NotChecked, err.Error(), "")
		return
	}
	compareDescriptors(n, allowed.Cur, uint64(max(0, maxStreams)))
}

func compareDescriptors(n *examine.Notes, allowed, streams uint64) {
	found := fmt.Sprintf("a process here may have %d open, ISM_REALTIME_MAX_STREAMS is %d", allowed, streams)
	do := fmt.Sprintf("raise the limit to %d or more (compose: ulimits: { nofile: … }; systemd: LimitNOFILE=), or lower ISM_REALTIME_MAX_STREAMS", streams+otherDescriptors)
	switch {
	case allowed < streams:
		n.Add(examine.Fault, found+": streams beyond it are refused without an answer", do)
	case allowed < streams+otherDescriptors:
		n.Add(examine.Warning, found+", which leaves less than 1000 for connections to Kafka and requests", do)
	default:
		n.Add(examine.OK, found, "")
	}
}
