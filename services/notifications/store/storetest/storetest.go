// Package storetest holds every backend of the notifications store to what package store says.
package storetest

import (
	"context"
	"errors"
	"testing"

	"github.com/google/uuid"

	"github.com/ism-chat/ism/libs/servicetest"
	"github.com/ism-chat/ism/services/notifications/store"
)

// Run runs the suite. Open gives an empty store that is running, see [Start].
func Run(t *testing.T, open func(t *testing.T) store.Store) {
	for _, c := range []struct {
		name string
		test func(t *testing.T, s store.Store)
	}{
		{"entries have positions in their order", entriesHavePositions},
		{"an inbox has what happened once", entriesAreThereOnce},
		{"many put into one inbox", manyPut},
		{"an inbox comes in pages", inboxComesInPages},
		{"what has expired is not shown", expiredIsNotShown},
		{"what is old is not shown", oldIsNotShown},
		{"what is read does not count", readDoesNotCount},
		{"unread entries are counted up to a limit", unreadIsBounded},
		{"a deleted user's inbox is erased", deletedIsErased},
		{"what is not shown any more is deleted", clearedIsGone},
		{"an inbox is nobody else's", inboxesAreApart},
		{"an endpoint is kept as it is", endpointIsKept},
		{"secrets are rotated", secretsAreRotated},
		{"deliveries are taken once, in their order", deliveriesAreTakenOnce},
		{"deliveries are claimed", deliveriesAreClaimed},
		{"a claim is bounded", claimsAreBounded},
		{"a lease that ends is handed out again", endedLeaseIsHandedOutAgain},
		{"what is not flushed is there", unflushedIsThere},
		{"a room's deliveries advance one after the other", roomsAdvance},
		{"what is stranded is found and loosened", strandedIsFound},
		{"what is settled is replayed", settledIsReplayed},
		{"what has waited the longest is found", oldestWaitingIsFound},
		{"what is old is found and removed", oldIsRemoved},
		{"an endpoint that is deleted leaves nothing", deletedEndpointLeavesNothing},
		{"a change that is refused leaves nothing", refusedChangeLeavesNothing},
		{"jobs are done when they are due, and again where that fails", jobsAreDone},
		{"a job that is broken off is done again", brokenOffIsDoneAgain},
		{"devices are kept", devicesAreKept},
		{"of too many devices the oldest goes", oldestDeviceGoes},
		{"push settings are kept", pushSettingsAreKept},
		{"VAPID keys stay", vapidKeysStay},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			c.test(t, open(t))
		})
	}
}

// Start runs a store for the rest of the test, and waits until it can be written to. Before that and afterwards it must be unavailable.
func Start(t testing.TB, s store.Store) store.Store {
	t.Helper()
	unavailable := func(when string) {
		t.Helper()
		if _, err := s.Put(context.WithoutCancel(t.Context()), []store.Entry{entry(uuid.New(), at)}); !errors.Is(err, store.ErrUnavailable) {
			t.Errorf("%s a write gives %v", when, err)
		}
	}
	unavailable("before it runs")
	stop := servicetest.Run(t, "store", s.Run)
	t.Cleanup(func() {
		stop()
		unavailable("when it has ended")
	})
	servicetest.AwaitSuccess(t, "the store", func() error { return s.Ping(t.Context()) })
	return s
}
