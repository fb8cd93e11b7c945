//go:build !linux

package eventloop

func transports() map[string]func(*host) transport {
	return map[string]func(*host) transport{"goroutines": func(h *host) transport { return newGoroutines(h) }}
}
