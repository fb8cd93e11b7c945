// Package observed measures a store's operations, whichever its backend.
package observed

import (
	"context"
	"slices"
	"time"

	"github.com/google/uuid"

	"github.com/ism-chat/ism/libs/bus"
	"github.com/ism-chat/ism/libs/events"
	"github.com/ism-chat/ism/libs/outbox"
	"github.com/ism-chat/ism/libs/telemetry"
	"github.com/ism-chat/ism/libs/wire"
	"github.com/ism-chat/ism/services/rooms/internal/relationships"
	"github.com/ism-chat/ism/services/rooms/store"
	"github.com/ism-chat/ism/services/rooms/store/people"
)

// New gives the store with the golden signals of each operation.
func New(s store.Store, tel *telemetry.Telemetry) store.Store {
	return observed{Store: s, metrics: tel.Store("rooms", slices.Concat(store.Refusals(), relationships.Refusals())...)}
}

type observed struct {
	store.Store
	metrics *telemetry.StoreMetrics
}

func (o observed) Ping(ctx context.Context) (err error) {
	defer o.metrics.Observe("ping")(&err)
	return o.Store.Ping(ctx)
}

func (o observed) PutUser(ctx context.Context, user store.User, issued time.Time) (err error) {
	defer o.metrics.Observe("put_user")(&err)
	return o.Store.PutUser(ctx, user, issued)
}

func (o observed) Rooms(ctx context.Context, user uuid.UUID, query store.RoomQuery) (rooms []wire.Room, err error) {
	defer o.metrics.Observe("list_rooms")(&err)
	return o.Store.Rooms(ctx, user, query)
}

func (o observed) Unread(ctx context.Context, user uuid.UUID) (totals store.Totals, err error) {
	defer o.metrics.Observe("sum_unread")(&err)
	return o.Store.Unread(ctx, user)
}

func (o observed) ReadReceipts(ctx context.Context, user uuid.UUID) (on bool, err error) {
	defer o.metrics.Observe("get_settings")(&err)
	return o.Store.ReadReceipts(ctx, user)
}

func (o observed) SetReadReceipts(ctx context.Context, user uuid.UUID, on bool) (err error) {
	defer o.metrics.Observe("put_settings")(&err)
	return o.Store.SetReadReceipts(ctx, user, on)
}

func (o observed) Progress(ctx context.Context) (progress map[int32]events.Position, err error) {
	defer o.metrics.Observe("get_progress")(&err)
	return o.Store.Progress(ctx)
}

func (o observed) SetProgress(ctx context.Context, partition int32, next events.Position) (err error) {
	defer o.metrics.Observe("put_progress")(&err)
	return o.Store.SetProgress(ctx, partition, next)
}

func (o observed) Room(ctx context.Context, room, user uuid.UUID) (found wire.Room, err error) {
	defer o.metrics.Observe("get_room")(&err)
	return o.Store.Room(ctx, room, user)
}

func (o observed) Membership(ctx context.Context, room uuid.UUID) (membership store.Membership, err error) {
	defer o.metrics.Observe("get_membership")(&err)
	return o.Store.Membership(ctx, room)
}

func (o observed) Audience(ctx context.Context, room uuid.UUID) (membership events.Membership, err error) {
	defer o.metrics.Observe("get_audience")(&err)
	return o.Store.Audience(ctx, room)
}

func (o observed) Standing(ctx context.Context, room, user uuid.UUID) (standing events.Standing, err error) {
	defer o.metrics.Observe("get_standing")(&err)
	return o.Store.Standing(ctx, room, user)
}

func (o observed) SingleRoom(ctx context.Context, a, b uuid.UUID) (room uuid.UUID, err error) {
	defer o.metrics.Observe("find_single_room")(&err)
	return o.Store.SingleRoom(ctx, a, b)
}

func (o observed) Overviews(ctx context.Context, asked store.Asked, behind uuid.UUID, limit int) (rooms []store.Overview, err error) {
	defer o.metrics.Observe("list_overviews")(&err)
	return o.Store.Overviews(ctx, asked, behind, limit)
}

func (o observed) Overview(ctx context.Context, tenant string, room uuid.UUID) (found store.Overview, err error) {
	defer o.metrics.Observe("get_overview")(&err)
	return o.Store.Overview(ctx, tenant, room)
}

func (o observed) Erasure(ctx context.Context, tenant string, id uuid.UUID) (erasure store.Erasure, err error) {
	defer o.metrics.Observe("get_erasure")(&err)
	return o.Store.Erasure(ctx, tenant, id)
}

func (o observed) PendingErasures(ctx context.Context, limit int) (pending []store.Pending, err error) {
	defer o.metrics.Observe("pending_erasures")(&err)
	return o.Store.PendingErasures(ctx, limit)
}

func (o observed) User(ctx context.Context, viewer people.Viewer, id uuid.UUID) (user wire.RelatedUser, err error) {
	defer o.metrics.Observe("get_user")(&err)
	return o.Store.User(ctx, viewer, id)
}

func (o observed) Profile(ctx context.Context, tenant string, id uuid.UUID) (profile people.Profile, err error) {
	defer o.metrics.Observe("get_profile")(&err)
	return o.Store.Profile(ctx, tenant, id)
}

func (o observed) Tenants(ctx context.Context, ids []uuid.UUID) (tenants map[uuid.UUID]string, err error) {
	defer o.metrics.Observe("get_tenants")(&err)
	return o.Store.Tenants(ctx, ids)
}

func (o observed) Stays(ctx context.Context, user, behind uuid.UUID, limit int) (stays []store.Stay, err error) {
	defer o.metrics.Observe("list_stays")(&err)
	return o.Store.Stays(ctx, user, behind, limit)
}

func (o observed) SearchUsers(ctx context.Context, viewer people.Viewer, prefix string, behind people.MatchPoint, limit int) (matches []people.Match, err error) {
	defer o.metrics.Observe("search_users")(&err)
	return o.Store.SearchUsers(ctx, viewer, prefix, behind, limit)
}

func (o observed) Relatives(ctx context.Context, viewer people.Viewer, as wire.Relationship, behind people.RelativePoint, limit int) (relatives []people.Relative, err error) {
	defer o.metrics.Observe("list_relatives")(&err)
	return o.Store.Relatives(ctx, viewer, as, behind, limit)
}

func (o observed) PutProfiles(ctx context.Context, profiles []people.Profile, at time.Time) (ofOtherTenants []uuid.UUID, err error) {
	defer o.metrics.Observe("put_profiles")(&err)
	return o.Store.PutProfiles(ctx, profiles, at)
}

func (o observed) Transact(ctx context.Context, operation string, change func(ctx context.Context, tx store.Tx) error) (err error) {
	defer o.metrics.Observe(operation)(&err)
	return o.Store.Transact(ctx, operation, change)
}

func (o observed) Pending(ctx context.Context, rows []int64) (pending []int64, err error) {
	defer o.metrics.Observe("outbox_pending")(&err)
	return o.Store.Pending(ctx, rows)
}

func (o observed) RecordedLogs(ctx context.Context, topic string) (logs []bus.RecordedLog, err error) {
	defer o.metrics.Observe("read_epochs")(&err)
	return o.Store.RecordedLogs(ctx, topic)
}

func (o observed) RecordLog(ctx context.Context, found bus.Incarnation, least int32) (log bus.RecordedLog, err error) {
	defer o.metrics.Observe("record_epoch")(&err)
	return o.Store.RecordLog(ctx, found, least)
}

// Lead is not measured itself: to wait for the lead is what most processes do all the time.
func (o observed) Lead(ctx context.Context) (outbox.Lead, error) {
	lead, err := o.Store.Lead(ctx)
	if err != nil {
		return nil, err
	}
	return outbox.Observed(lead, o.metrics), nil
}
