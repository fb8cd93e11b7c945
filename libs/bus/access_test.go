package bus

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/ism-chat/ism/libs/config"
	"github.com/ism-chat/ism/libs/servicetest"
)

const (
	itsTopic    = "ism.users"
	itsUser     = "ism-tests"
	itsPassword = "of-a-test"
)

// guarded is a world at a broker that lets in only a user, who may do what the rights say.
func guarded(t *testing.T, rights ...kfake.ACL) *world {
	t.Helper()
	broker := startBroker(t, kfake.EnableSASL(), kfake.EnableACLs(), kfake.SeedTopics(1, itsTopic), kfake.User("PLAIN", itsUser, itsPassword, rights...))
	w := newWorld(t, broker.addresses())
	w.cfg.SecurityProtocol = "sasl_plaintext"
	w.cfg.SASLMechanism, w.cfg.SASLUsername, w.cfg.SASLPassword = "PLAIN", itsUser, itsPassword
	return w
}

func right(resource kmsg.ACLResourceType, name string, operation kmsg.ACLOperation) kfake.ACL {
	return kfake.ACL{Resource: resource, Name: name, Pattern: kmsg.ACLResourcePatternTypeLiteral, Operation: operation, Allow: true}
}

func TestMissingRightsOnTopicsAreNamed(t *testing.T) {
	t.Parallel()
	w := guarded(t, right(kmsg.ACLResourceTypeTopic, itsTopic, kmsg.ACLOperationRead))
	w.access.uses("Read", itsTopic)
	if err := w.Access(t.Context()); err != nil {
		t.Fatalf("what is allowed: %v", err)
	}
	w.access.uses("Write", itsTopic, "ism.hidden")
	err := w.Access(t.Context())
	if !errors.Is(err, ErrDenied) || !IsDenied(err) {
		t.Fatalf("what is not allowed: %v", err)
	}
	for _, missing := range []string{"Write on the topic ism.users", "Write on the topic ism.hidden"} {
		if !strings.Contains(err.Error(), missing) || !strings.Contains(w.log.String(), missing) {
			t.Errorf("%q is not told: %v", missing, err)
		}
	}
	if strings.Contains(err.Error(), "Read on") {
		t.Errorf("what is allowed is told to be missing: %v", err)
	}
}

func TestBrokersWithoutACLsAllowAll(t *testing.T) {
	t.Parallel()
	w := newWorld(t, startBroker(t).addresses())
	w.access.uses("Write", w.topic(1), "ism.not-there")
	if err := w.Access(within(t, timeout)); err != nil {
		t.Error(err)
	}
}

func TestGroupThatMayNotReadIsNamed(t *testing.T) {
	t.Parallel()
	w := guarded(t, right(kmsg.ACLResourceTypeTopic, itsTopic, kmsg.ACLOperationRead), right(kmsg.ACLResourceTypeTopic, "ism.dead-letters", kmsg.ACLOperationAll))
	consumer := w.consumer(ConsumerConfig{Group: "ism.tests", Topics: []string{itsTopic}, Handler: func(context.Context, []Record) error { return nil }})
	running := run(t, consumer)
	servicetest.Await(t, "it says what is missing", func() bool {
		err := w.Access(t.Context())
		return errors.Is(err, ErrDenied) && strings.Contains(err.Error(), "Read on the group ism.tests")
	})
	running.stop()
}

// A client is let in with the password that its file has by now.
func TestPasswordIsReadAgain(t *testing.T) {
	t.Parallel()
	w := guarded(t)
	w.statisticsEvery = 100 * time.Millisecond
	file := filepath.Join(t.TempDir(), "password")
	put := func(password string) {
		t.Helper()
		if err := os.WriteFile(file, []byte(password), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	put("a former one")
	w.cfg.SASLPassword, w.cfg.SASLPasswordFile = "a former one", config.SecretFile(file)
	ready := func() bool {
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		return w.Ready(ctx) == nil
	}
	if ready() {
		t.Fatal("it is let in with a former password")
	}
	put("")
	servicetest.Await(t, "it says that the file cannot be used", func() bool { return strings.Contains(w.log.String(), "the file of Kafka's password cannot be used") })
	put(itsPassword)
	servicetest.Await(t, "it is let in", ready)
}
