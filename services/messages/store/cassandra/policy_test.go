package cassandra

import (
	"testing"

	"github.com/gocql/gocql"
)

// The driver's own policy panics without a host. When it does no longer, anyRing is to go.
func TestNoHostIsNotLocal(t *testing.T) {
	own := gocql.DCAwareRoundRobinPolicy("datacenter1")
	if (anyRing{own}).IsLocal(nil) {
		t.Error("no host is local")
	}
	defer func() {
		if recover() == nil {
			t.Error("the driver's policy bears a ring without hosts: anyRing is not needed any more")
		}
	}()
	own.IsLocal(nil)
}
