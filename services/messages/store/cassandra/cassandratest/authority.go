package cassandratest

import (
	"path/filepath"
	"testing"

	"github.com/ism-chat/ism/libs/certificates/certificatestest"
	"github.com/ism-chat/ism/libs/enginetest"
)

// Authority is the one whose certificates the cluster takes on connections with TLS, and whose certificate its nodes have.
func Authority(tb testing.TB) *certificatestest.Authority {
	tb.Helper()
	folder := enginetest.CassandraTLS(tb)
	return certificatestest.Load(tb, filepath.Join(folder, "ca.crt"), filepath.Join(folder, "ca.key"))
}
