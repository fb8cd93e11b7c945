package oneprocess

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"syscall"

	"github.com/twmb/franz-go/pkg/kfake"
)

// broker speaks the Kafka protocol on a loopback port of its own and keeps its log on disk: what it has acknowledged is
// synced, so that it survives a kill.
type broker struct {
	cluster *kfake.Cluster
}

func startBroker(dir string, log *slog.Logger) (*broker, error) {
	cluster, err := kfake.NewCluster(
		kfake.NumBrokers(1),
		kfake.ClusterID("ism-one-process"),
		kfake.DataDir(dir),
		kfake.SyncWrites(),
		kfake.WithLogger(brokerLog{log}),
	)
	if err != nil {
		return nil, fmt.Errorf("start the broker on %s: %w", dir, err)
	}
	return &broker{cluster: cluster}, nil
}

// Addresses are the bootstrap brokers.
func (b *broker) Addresses() []string { return b.cluster.ListenAddrs() }

// Run closes the broker when ctx is done.
func (b *broker) Run(ctx context.Context) error {
	<-ctx.Done()
	b.Close()
	return nil
}

// Close writes what is left to disk and ends the broker.
func (b *broker) Close() { b.cluster.Close() }

// brokerLog carries the broker's own log lines into ours.
type brokerLog struct{ log *slog.Logger }

func (l brokerLog) Logf(level kfake.LogLevel, format string, args ...any) {
	to := slog.LevelDebug
	switch level {
	case kfake.LogLevelError:
		to = slog.LevelError
	case kfake.LogLevelWarn:
		to = slog.LevelWarn
	default:
	}
	if l.log.Enabled(context.Background(), to) {
		l.log.Log(context.Background(), to, "broker: "+strings.TrimSpace(fmt.Sprintf(format, args...)))
	}
}

// lockDir keeps a second process off the same data directory for as long as this one lives, however it ends.
func lockDir(dir string) (release func() error, err error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("make data directory: %w", err)
	}
	file, err := os.OpenFile(filepath.Join(dir, "lock"), os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, fmt.Errorf("open lock of data directory: %w", err)
	}
	if err := syscall.Flock(int(file.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		_ = file.Close()
		if errors.Is(err, syscall.EWOULDBLOCK) {
			return nil, fmt.Errorf("another ism runs on the data directory %s", dir)
		}
		return nil, fmt.Errorf("lock data directory: %w", err)
	}
	return file.Close, nil
}
