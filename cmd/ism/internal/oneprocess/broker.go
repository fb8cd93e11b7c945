package oneprocess

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/twmb/franz-go/pkg/kfake"

	"github.com/ism-chat/ism/libs/bus"
	"github.com/ism-chat/ism/libs/config"
)

// broker speaks the Kafka protocol on a loopback port of its own and keeps its log on disk: what it has acknowledged is
// synced, so that it survives a kill. Its offsets never go back, see [noteEnds]. It answers this process alone: whoever connects must know
// a password that is made anew at each start and is in memory only.
type broker struct {
	cluster  *kfake.Cluster
	dir      string
	password config.Secret
	log      *slog.Logger
}

const (
	brokerUser      = "ism"
	brokerMechanism = "SCRAM-SHA-256"
	// credentialsFile is where the broker keeps who may connect, and takes them from before it looks at what it is configured with.
	credentialsFile = "sasl.json"
)

const (
	// cleanEvery is how often what is due is expired and compacted.
	cleanEvery = time.Hour
	// never keeps the broker from cleaning by itself: that does not wait for the ends to be noted, and after a restart it never begins.
	never = "1000000000000" // ms
)

func startBroker(dir string, log *slog.Logger) (*broker, error) {
	if err := restoreEnds(dir, time.Now()); err != nil {
		return nil, fmt.Errorf("prepare the broker's data in %s: %w", dir, err)
	}
	if err := os.Remove(filepath.Join(dir, credentialsFile)); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("forget who could connect to the broker: %w", err)
	}
	password := config.Secret(rand.Text())
	cluster, err := kfake.NewCluster(
		kfake.NumBrokers(1),
		kfake.ClusterID("ism-one-process"),
		kfake.DataDir(dir),
		kfake.SyncWrites(),
		kfake.ListenFn(admit),
		kfake.EnableSASL(),
		kfake.Superuser(brokerMechanism, brokerUser, password.Reveal()),
		kfake.BrokerConfigs(map[string]string{"log.cleaner.backoff.ms": never}),
		kfake.WithLogger(brokerLog{log}),
	)
	if err != nil {
		return nil, fmt.Errorf("start the broker on %s: %w", dir, err)
	}
	return &broker{cluster: cluster, dir: dir, password: password, log: log}, nil
}

// configure has clients of this process connect to the broker.
func (b *broker) configure(clients *bus.Config) {
	clients.Brokers = b.cluster.ListenAddrs()
	clients.SecurityProtocol, clients.SASLMechanism = "sasl_plaintext", brokerMechanism
	clients.SASLUsername, clients.SASLPassword = brokerUser, b.password
}

// Run cleans the logs now and then, and closes the broker when ctx is done.
func (b *broker) Run(ctx context.Context) error {
	due := time.NewTicker(cleanEvery)
	defer due.Stop()
	for {
		select {
		case <-due.C:
			if err := b.clean(); err != nil {
				b.log.ErrorContext(ctx, "the broker's logs cannot be cleaned; they grow", "error", err.Error())
			}
		case <-ctx.Done():
			b.Close()
			return nil
		}
	}
}

// clean expires and compacts what is due, unless the ends of the logs cannot be noted.
func (b *broker) clean() error {
	if err := noteEnds(b.dir, b.cluster); err != nil {
		return err
	}
	b.cluster.Compact() // and expires
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
	file, err := os.OpenFile(filepath.Join(dir, lockFile), os.O_CREATE|os.O_RDWR, 0o600)
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
