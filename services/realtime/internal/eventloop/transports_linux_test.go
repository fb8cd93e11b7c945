package eventloop

func transports() map[string]func(*host) transport {
	return map[string]func(*host) transport{
		"loops":      func(h *host) transport { return newLoops(h) },
		"goroutines": func(h *host) transport { return newGoroutines(h) },
	}
}
