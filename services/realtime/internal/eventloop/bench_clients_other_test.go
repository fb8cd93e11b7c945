//go:build !linux

package eventloop

const clientAddress = "ISM_BENCH_ADDRESS"

func runClients() {}
