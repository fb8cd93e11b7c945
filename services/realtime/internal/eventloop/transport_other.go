//go:build !linux || ism_goroutines

package eventloop

func newTransport(h *host) transport { return newGoroutines(h) }
