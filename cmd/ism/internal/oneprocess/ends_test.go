package oneprocess

import (
	"context"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/sasl/scram"

	"github.com/ism-chat/ism/libs/bus"
	"github.com/ism-chat/ism/libs/servicetest"
	"github.com/ism-chat/ism/libs/telemetry"
)

func TestMain(m *testing.M) { servicetest.VerifyNoLeaks(m) }

const (
	nightly   = "ism.test" // a topic that keeps its records for a week
	retention = 7 * 24 * time.Hour
)

func open(t *testing.T, dir string) *broker {
	t.Helper()
	b, err := startBroker(dir, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(b.Close)
	return b
}

// newLog starts a broker with the topic in one partition.
func newLog(t *testing.T) *broker {
	t.Helper()
	b := open(t, t.TempDir())
	week := strconv.FormatInt(retention.Milliseconds(), 10)
	if err := b.cluster.CreateTopic(nightly, 1, map[string]string{"retention.ms": week}); err != nil {
		t.Fatal(err)
	}
	return b
}

func (b *broker) seeds() kgo.Opt { return kgo.SeedBrokers(b.cluster.ListenAddrs()...) }

func (b *broker) login() kgo.Opt {
	return kgo.SASL(scram.Auth{User: brokerUser, Pass: b.password.Reveal()}.AsSha256Mechanism())
}

// append writes a record of the given age, and gives its offset.
func (b *broker) append(t *testing.T, age time.Duration) int64 {
	t.Helper()
	client, err := kgo.NewClient(b.seeds(), b.login(), kgo.RecordPartitioner(kgo.ManualPartitioner()), kgo.DisableIdempotentWrite())
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	ctx, cancel := context.WithTimeout(t.Context(), servicetest.Timeout)
	defer cancel()
	written, err := client.ProduceSync(ctx, &kgo.Record{Topic: nightly, Value: []byte("a"), Timestamp: time.Now().Add(-age)}).First()
	if err != nil {
		t.Fatal(err)
	}
	return written.Offset
}

func (b *broker) mustClean(t *testing.T) {
	t.Helper()
	if err := b.clean(); err != nil {
		t.Fatal(err)
	}
}

// segments are those that the partition has on disk.
func (b *broker) segments(t *testing.T) []string {
	t.Helper()
	found, err := filepath.Glob(filepath.Join(b.dir, partitionsDir, nightly+"-0", "*"+segmentFiles))
	if err != nil {
		t.Fatal(err)
	}
	return found
}

// killed starts a broker with what another has on disk now, as a kill leaves it.
func (b *broker) killed(t *testing.T) *broker {
	t.Helper()
	dir := t.TempDir()
	if err := os.CopyFS(dir, os.DirFS(b.dir)); err != nil {
		t.Fatal(err)
	}
	b.Close()
	return open(t, dir)
}

func (b *broker) restarted(t *testing.T) *broker {
	t.Helper()
	b.Close()
	return open(t, b.dir)
}

// interrupted is a kill that comes when a segment has been begun and has no whole batch yet.
func (b *broker) interrupted(t *testing.T) *broker {
	t.Helper()
	end := b.cluster.PartitionInfo(nightly, 0).HighWatermark
	for ending, content := range map[string]string{segmentFiles: "\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x40half", indexFiles: ""} {
		path := filepath.Join(b.dir, partitionsDir, nightly+"-0", strconv.FormatInt(end, 10)+ending)
		if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return b.killed(t)
}

// Each week something is written, all of it expires, and the process begins anew, however it has ended.
func TestOffsetsGrowThroughAYear(t *testing.T) {
	b := newLog(t)
	last := int64(-1)
	for week := range 52 {
		for range 2 {
			at := b.append(t, retention+time.Minute)
			if at <= last {
				t.Fatalf("in week %d a record gets offset %d, after %d", week, at, last)
			}
			last = at
		}
		b.mustClean(t)
		if left := b.segments(t); len(left) > 0 {
			t.Fatalf("in week %d nothing expires: %v", week, left)
		}
		switch week % 4 {
		case 0:
			b = b.restarted(t)
		case 1:
			b = b.killed(t)
		case 2:
			b = b.interrupted(t)
		case 3: // killed, and then ended well before anything is written
			b = b.killed(t).restarted(t)
		}
	}
}

// Builds that noted no ends have left them in the snapshots of brokers that were closed.
func TestEndsAreThoseOfTheSnapshotWhereNoneIsNoted(t *testing.T) {
	b := newLog(t)
	last := b.append(t, retention+time.Minute)
	b.cluster.ApplyRetention()
	b.Close()
	if _, err := os.Stat(filepath.Join(b.dir, endsFile)); !errors.Is(err, os.ErrNotExist) {
		t.Fatalf("ends are noted: %v", err)
	}
	if next := open(t, b.dir).append(t, 0); next != last+1 {
		t.Errorf("the next record gets offset %d, after %d", next, last)
	}
}

// What has not expired stays as it is, with the offsets that it has.
func TestRecordsThatHaveNotExpiredStay(t *testing.T) {
	b := newLog(t)
	b.append(t, 0)
	b.append(t, 0)
	b.mustClean(t)
	b = b.killed(t)
	if info := b.cluster.PartitionInfo(nightly, 0); info.LogStartOffset != 0 || info.HighWatermark != 2 {
		t.Errorf("the partition has the offsets %d to %d", info.LogStartOffset, info.HighWatermark)
	}
}

// Nothing may expire whose end is not known from then on.
func TestNothingExpiresWhileEndsCannotBeNoted(t *testing.T) {
	b := newLog(t)
	b.append(t, retention+time.Minute)
	if err := os.Mkdir(filepath.Join(b.dir, endsFile), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := b.clean(); err == nil {
		t.Error("the ends could be noted")
	}
	if len(b.segments(t)) != 1 {
		t.Error("the record has expired")
	}
}

// A client of the suite reads over the batch that stands for the end, and is given what follows.
func TestReadersPassOverTheEnd(t *testing.T) {
	b := newLog(t)
	b.append(t, retention+time.Minute)
	b.mustClean(t)
	b = b.killed(t)
	if len(b.segments(t)) != 1 {
		t.Fatal("nothing stands for the end")
	}
	clients := bus.Config{ClientID: "test", Replication: 1}
	b.configure(&clients)
	kafka := bus.New(clients, telemetry.Discard(nil))
	t.Cleanup(kafka.Close)
	got, caughtUp := make(chan int64, 10), make(chan struct{})
	reader, err := kafka.NewReader(bus.ReaderConfig{
		Topics: []string{nightly}, Since: time.Now().Add(-time.Hour), CaughtUp: func() { close(caughtUp) },
		Handler: func(_ context.Context, records []bus.Record) error {
			for _, record := range records {
				got <- record.Offset
			}
			return nil
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	servicetest.Run(t, "reader", reader.Run)
	await(t, caughtUp)
	last := b.append(t, 0)
	if first := await(t, got); first != last || last != 1 {
		t.Errorf("the reader is given offset %d, of %d", first, last)
	}
}

func await[T any](t *testing.T, from <-chan T) T {
	t.Helper()
	select {
	case value := <-from:
		return value
	case <-time.After(servicetest.Timeout):
		t.Fatal("waited too long")
		panic("unreachable")
	}
}
