package eventloop

import "math"

// maxReserve is how many descriptors are for everything but streams: requests, brokers, files, connections on their way to be streams.
const maxReserve = 512

// streamsWithin is how many streams fit into a limit of descriptors.
func streamsWithin(descriptors uint64) int {
	return int(min(descriptors-min(maxReserve, descriptors/4), math.MaxInt32))
}
