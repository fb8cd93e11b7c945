package kafkain

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/ism-chat/ism/libs/bus"
	"github.com/ism-chat/ism/libs/config"
	"github.com/ism-chat/ism/libs/servicetest"
	"github.com/ism-chat/ism/libs/telemetry"
	"github.com/ism-chat/ism/libs/wire"
	"github.com/ism-chat/ism/services/notifications/internal/intake"
)

func TestMain(m *testing.M) { servicetest.VerifyNoLeaks(m) }

// double is an intake that notes what it is asked.
type double struct {
	asked    []intake.Asked
	vetErr   error
	refuse   uuid.UUID
	tellErrs map[string]error // by message
}

func (d *double) Vet(_ context.Context, tenant string, asked ...intake.Asked) ([]error, error) {
	refusals := make([]error, len(asked))
	for i, one := range asked {
		if tenant != "" || slices.Contains(one.Users, d.refuse) {
			refusals[i] = intake.UnknownUsersError{IDs: []uuid.UUID{d.refuse}}
		}
	}
	return refusals, d.vetErr
}

func (d *double) Tell(_ context.Context, asked ...intake.Asked) []intake.Told {
	d.asked = append(d.asked, asked...)
	told := make([]intake.Told, len(asked))
	for i, one := range asked {
		told[i] = intake.Told{Notifications: make([]wire.NotifiedUser, len(one.Users)), Err: d.tellErrs[string(one.Message)]}
	}
	return told
}

func reader(in Intake) *Reader {
	tel := telemetry.Discard(nil)
	return &Reader{intake: in, tracing: bus.New(bus.Config{}, tel).Tracing("group"), log: slog.New(slog.DiscardHandler)}
}

var (
	alice = uuid.MustParse("0192d3a0-0000-7000-8000-00000000000a")
	at    = time.Date(2026, 11, 23, 12, 30, 45, 0, time.UTC)
)

func object(message string) string {
	return `{"toUser":"` + alice.String() + `","type":"SystemMessage","message":` + message + `,"ttl":60,"createdAt":"2026-11-23T12:30:45Z"}`
}

func record(offset int64, value string, headers map[string]string) bus.Record {
	return bus.Record{Topic: "theirs", Partition: 1, Offset: offset, Time: at, Value: []byte(value), Headers: headers}
}

func TestRecordsAreToldInTheirOrder(t *testing.T) {
	in := &double{}
	binary := map[string]string{"ce_specversion": "1.0", "ce_id": "1", "ce_source": "/shop", "ce_type": "x"}
	records := []bus.Record{
		record(0, object(`{"n":0}`), nil),
		record(1, object(`{"n":1}`), binary),
		record(2, `{"specversion":"1.0","id":"1","source":"/shop","type":"x","data":`+object(`{"n":2}`)+`}`, map[string]string{"theirs": "yes"}),
		record(3, object(`{"n":0}`), nil),
	}
	for range 2 { // it may be handed them again
		if err := reader(in).take(t.Context(), records); err != nil {
			t.Fatal(err)
		}
	}
	var ids []uuid.UUID
	for i, one := range in.asked {
		if want := fmt.Sprintf(`{"n":%d}`, []int{0, 1, 2, 0}[i%4]); string(one.Message) != want || one.TTL != time.Minute || !one.Taken.Equal(at) {
			t.Errorf("%d is %+v", i, one)
		}
		ids = append(ids, one.IDs(alice))
	}
	if !slices.Equal(ids[:4], ids[4:]) || ids[1] != ids[2] || ids[0] == ids[3] || ids[0] == ids[1] {
		t.Errorf("the ids are %v", ids)
	}
}

func TestWhatCanNeverBeToldIsRejectedAndAllElseWaits(t *testing.T) {
	good, bob := record(0, object(`{"n":0}`), nil), uuid.New()
	for name, c := range map[string]struct {
		in       *double
		bad      bus.Record
		rejected bool
		told     int // handed on
	}{
		"no JSON":         {&double{}, record(1, "hello", nil), true, 0},
		"nothing":         {&double{}, bus.Record{Topic: "theirs"}, true, 0},
		"another object":  {&double{}, record(1, `{"order":17}`, nil), true, 0},
		"an unknown user": {&double{refuse: bob}, record(1, `{"toUser":"`+bob.String()+`","type":"SystemMessage","message":{}}`, nil), true, 0},
		"rooms is down":   {&double{vetErr: intake.ErrRooms}, record(1, object(`{"n":1}`), nil), false, 0},
		"Kafka is down":   {&double{tellErrs: map[string]error{`{"n":1}`: bus.ErrUnavailable}}, record(1, object(`{"n":1}`), nil), false, 2},
		"Kafka is slow":   {&double{tellErrs: map[string]error{`{"n":1}`: bus.ErrOutcomeUnknown}}, record(1, object(`{"n":1}`), nil), false, 2},
		"it is too large": {&double{tellErrs: map[string]error{`{"n":1}`: bus.ErrRejected}}, record(1, object(`{"n":1}`), nil), true, 2},
	} {
		err := reader(c.in).take(t.Context(), []bus.Record{good, c.bad})
		if err == nil || errors.Is(err, bus.ErrRejected) != c.rejected || len(c.in.asked) != c.told {
			t.Errorf("%s: %v, %d were handed on", name, err, len(c.in.asked))
		}
	}
}

func TestATimeToLiveCountsFromWhenTheTopicGotTheRecord(t *testing.T) {
	for written, want := range map[time.Time]time.Time{{}: at, at.Add(-time.Hour): at.Add(-time.Hour), at.Add(time.Hour): at} {
		if got := taken(bus.Record{Time: written}, at); !got.Equal(want) {
			t.Errorf("written %s, it counts from %s", written, got)
		}
	}
}

func TestSettingsAreChecked(t *testing.T) {
	good := Config{Topic: "user-notification-events", Group: DefaultGroup, SecurityProtocol: "plaintext", ClientID: "ism"}
	secured := good
	secured.Brokers, secured.SecurityProtocol, secured.SASLMechanism, secured.SASLUsername, secured.SASLPassword = []string{"kafka:9092"}, "sasl_ssl", "PLAIN", "a", "b"
	for _, cfg := range []Config{good, secured, {Topic: "a", Group: "ism", SecurityProtocol: "plaintext"}} {
		if faults := cfg.Validate(); len(faults) != 0 {
			t.Errorf("%+v: %v", cfg, faults)
		}
	}
	for variable, change := range map[string]func(*Config){
		"TOPIC":             func(c *Config) { c.Topic = "ism.notifications" },
		"GROUP":             func(c *Config) { c.Group = "ism.rooms.previews" },
		"BROKERS":           func(c *Config) { c.Brokers = []string{"kafka"} },
		"SECURITY_PROTOCOL": func(c *Config) { c.Brokers, c.SecurityProtocol = []string{"kafka:9092"}, "tls" },
		"SASL_MECHANISM":    func(c *Config) { c.SASLMechanism = "PLAIN" },
		"SASL_PASSWORD":     func(c *Config) { c.SASLPassword = config.Secret("x") },
		"CA_FILE":           func(c *Config) { c.CAFile = "/ca.pem" },
		"SASL_USERNAME":     func(c *Config) { *c = secured; c.SASLUsername = "" },
	} {
		cfg := good
		change(&cfg)
		if faults := cfg.Validate(); len(faults) != 1 || faults[0].Variable != variable {
			t.Errorf("%s: %v", variable, faults)
		}
	}
	for _, topic := range []string{"", "a b", "ä"} {
		cfg := good
		cfg.Topic = topic
		if faults := cfg.Validate(); len(faults) != 1 {
			t.Errorf("topic %q: %v", topic, faults)
		}
	}
}
