package doctor

import (
	"context"
	"fmt"
	"os"
	"strconv"
	"strings"
	"syscall"
)

const (
	hostGroup = "host"
	aioFile   = "/proc/sys/fs/aio-max-nr"
	mapsFile  = "/proc/sys/vm/max_map_count"

	leastAIO  = 1048576 // what ScyllaDB asks for
	leastMaps = 1048575 // what Cassandra asks for
	// otherDescriptors is what realtime opens beside its streams.
	otherDescriptors = 1000
)

func (d *doctor) hostChecks() []check {
	return []check{
		{group: hostGroup, name: "descriptors", look: d.lookAtDescriptors},
		{group: hostGroup, name: "aio-max-nr", look: func(_ context.Context, n *notes) { d.lookAtAIO(n, aioFile) }},
	}
}

// lookAtDescriptors compares the limit of this process, which Go raises as far as it may, with the streams of realtime.
func (d *doctor) lookAtDescriptors(_ context.Context, n *notes) {
	if !d.settings.inside() {
		n.add(NotChecked, "this need not be where realtime runs", "run it there: docker compose run --rm doctor")
		return
	}
	var allowed syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &allowed); err != nil {
		n.add(NotChecked, err.Error(), "")
		return
	}
	judgeDescriptors(n, allowed.Cur, uint64(max(0, d.settings.realtime.Realtime.MaxStreams)))
}

func judgeDescriptors(n *notes, allowed, streams uint64) {
	found := fmt.Sprintf("a process here may have %d open, ISM_REALTIME_MAX_STREAMS is %d", allowed, streams)
	do := fmt.Sprintf("raise the limit to %d or more (compose: ulimits: { nofile: … }; systemd: LimitNOFILE=), or lower ISM_REALTIME_MAX_STREAMS", streams+otherDescriptors)
	switch {
	case allowed < streams:
		n.add(Fault, found+": streams beyond it are refused without an answer", do)
	case allowed < streams+otherDescriptors:
		n.add(Warning, found+", which leaves less than 1000 for connections to Kafka and requests", do)
	default:
		n.add(OK, found, "")
	}
}

// lookAtAIO sees whether ScyllaDB can have the requests in flight that it needs.
func (d *doctor) lookAtAIO(n *notes, file string) {
	if !d.settings.given("ISM_MESSAGES_CASSANDRA_") {
		n.add(NotChecked, "this need not be where ScyllaDB runs", "run it there: docker compose run --rm doctor")
		return
	}
	value, err := readNumber(file)
	switch {
	case err != nil:
		n.add(NotChecked, "it cannot be read here: "+err.Error(), fmt.Sprintf("on the machine of ScyllaDB: sysctl fs.aio-max-nr; it must be %d or more", leastAIO))
	case value < leastAIO:
		n.add(Warning, fmt.Sprintf("fs.aio-max-nr is %d; ScyllaDB needs %d, or it does not start", value, leastAIO), fmt.Sprintf("on the machine itself: sysctl -w fs.aio-max-nr=%d, and the same line in /etc/sysctl.d", leastAIO))
	default:
		n.ok("fs.aio-max-nr is %d", value)
	}
}

// lookAtMaps sees whether Cassandra can map its files.
func lookAtMaps(n *notes, file string) {
	const name = "max_map_count"
	if value, err := readNumber(file); err == nil && value < leastMaps {
		n.addAs(name, Warning, fmt.Sprintf("vm.max_map_count is %d here; Cassandra asks for %d, and may end when it has many tables' files", value, leastMaps),
			fmt.Sprintf("on the machine of Cassandra: sysctl -w vm.max_map_count=%d, and the same line in /etc/sysctl.d", leastMaps))
	}
}

func readNumber(file string) (uint64, error) {
	content, err := os.ReadFile(file)
	if err != nil {
		return 0, err
	}
	return strconv.ParseUint(strings.TrimSpace(string(content)), 10, 64)
}
