package postgres

import (
	"context"
	"errors"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/ism-chat/ism/services/notifications/store"
)

const (
	// lockDevices has registrations wait for each other: a target is one device's, and a user's devices are counted.
	lockDevices  = `SELECT pg_advisory_xact_lock(hashtext('devices'))`
	deleteOthers = `DELETE FROM devices WHERE kind = $1 AND target = $2 AND NOT (user_id = $3 AND id = $4)`
	upsertDevice = `
INSERT INTO devices AS d (user_id, id, kind, target, p256dh, auth, made_at, registered_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $7)
ON CONFLICT (user_id, id) DO UPDATE SET
    kind = excluded.kind, target = excluded.target, p256dh = excluded.p256dh, auth = excluded.auth, registered_at = excluded.registered_at,
    made_at = CASE WHEN d.kind = excluded.kind AND d.target = excluded.target THEN d.made_at ELSE excluded.made_at END`
	deleteTooMany = `
DELETE FROM devices WHERE user_id = $1 AND id IN (SELECT id FROM devices WHERE user_id = $1 ORDER BY registered_at DESC, id DESC OFFSET $2)`
)

// PutDevice implements [store.Devices].
func (s *Store) PutDevice(ctx context.Context, d store.Device, limit int) error {
	return s.transact(ctx, "put a device", func(tx pgx.Tx) error {
		if _, err := tx.Exec(ctx, lockDevices); err != nil {
			return err
		}
		if _, err := tx.Exec(ctx, deleteOthers, d.Kind, d.Target, d.UserID, d.ID); err != nil {
			return err
		}
		if _, err := tx.Exec(ctx, upsertDevice, d.UserID, d.ID, d.Kind, d.Target, d.P256dh, d.Auth, d.RegisteredAt); err != nil {
			return err
		}
		_, err := tx.Exec(ctx, deleteTooMany, d.UserID, limit)
		return err
	})
}

const selectDevices = `
SELECT user_id, id, kind, target, p256dh, auth, made_at, registered_at FROM devices WHERE user_id = ANY ($1) ORDER BY user_id, registered_at, id`

// Devices implements [store.Devices].
func (s *Store) Devices(ctx context.Context, users []uuid.UUID) (devices []store.Device, err error) {
	err = s.do(ctx, "read devices", func(ctx context.Context, pool *pgxpool.Pool) error {
		rows, err := pool.Query(ctx, selectDevices, users)
		if err != nil {
			return err
		}
		devices, err = pgx.CollectRows(rows, func(row pgx.CollectableRow) (d store.Device, err error) {
			err = row.Scan(&d.UserID, &d.ID, &d.Kind, &d.Target, &d.P256dh, &d.Auth, &d.MadeAt, &d.RegisteredAt)
			d.MadeAt, d.RegisteredAt = d.MadeAt.UTC(), d.RegisteredAt.UTC()
			return d, err
		})
		return err
	})
	return devices, err
}

const deleteDevice = `DELETE FROM devices WHERE user_id = $1 AND id = $2 AND ($3 = '' OR target = $3)`

// DeleteDevice implements [store.Devices].
func (s *Store) DeleteDevice(ctx context.Context, user uuid.UUID, id, target string) (deleted bool, err error) {
	err = s.do(ctx, "delete a device", func(ctx context.Context, pool *pgxpool.Pool) error {
		result, err := pool.Exec(ctx, deleteDevice, user, id, target)
		deleted = result.RowsAffected() > 0
		return err
	})
	return deleted, err
}

// HasDevices implements [store.Devices].
func (s *Store) HasDevices(ctx context.Context, kind string) (has bool, err error) {
	err = s.do(ctx, "look for devices", func(ctx context.Context, pool *pgxpool.Pool) error {
		return pool.QueryRow(ctx, `SELECT EXISTS (SELECT FROM devices WHERE kind = $1)`, kind).Scan(&has)
	})
	return has, err
}

const (
	deleteSetting = `DELETE FROM push_settings WHERE user_id = $1 AND room_id = $2`
	countSettings = `SELECT count(*) FROM push_settings WHERE user_id = $1 AND room_id <> $2`
	lockSettings  = `SELECT pg_advisory_xact_lock(hashtext('push settings'), hashtext($1))`
	upsertSetting = `
INSERT INTO push_settings (user_id, room_id, level, muted_until) VALUES ($1, $2, $3, $4)
ON CONFLICT (user_id, room_id) DO UPDATE SET level = excluded.level, muted_until = excluded.muted_until`
	selectSettings = `
SELECT user_id, room_id, level, muted_until FROM push_settings WHERE user_id = ANY ($1) AND ($2::uuid[] IS NULL OR room_id = ANY ($2))`
)

// PutPushSetting implements [store.Devices].
func (s *Store) PutPushSetting(ctx context.Context, p store.PushSetting, limit int) error {
	tooMany := false
	err := s.transact(ctx, "put a push setting", func(tx pgx.Tx) error {
		if p.Level == "" && p.MutedUntil.IsZero() {
			_, err := tx.Exec(ctx, deleteSetting, p.UserID, p.RoomID)
			return err
		}
		if _, err := tx.Exec(ctx, lockSettings, p.UserID.String()); err != nil {
			return err
		}
		var others int
		if err := tx.QueryRow(ctx, countSettings, p.UserID, p.RoomID).Scan(&others); err != nil {
			return err
		}
		if tooMany = others >= limit; tooMany {
			return nil
		}
		var muted *time.Time
		if !p.MutedUntil.IsZero() {
			muted = &p.MutedUntil
		}
		_, err := tx.Exec(ctx, upsertSetting, p.UserID, p.RoomID, p.Level, muted)
		return err
	})
	if err == nil && tooMany {
		return store.ErrTooManySettings
	}
	return err
}

// PushSettings implements [store.Devices].
func (s *Store) PushSettings(ctx context.Context, users, rooms []uuid.UUID) (settings []store.PushSetting, err error) {
	err = s.do(ctx, "read push settings", func(ctx context.Context, pool *pgxpool.Pool) error {
		rows, err := pool.Query(ctx, selectSettings, users, rooms)
		if err != nil {
			return err
		}
		settings, err = pgx.CollectRows(rows, func(row pgx.CollectableRow) (p store.PushSetting, err error) {
			var muted *time.Time
			err = row.Scan(&p.UserID, &p.RoomID, &p.Level, &muted)
			if muted != nil {
				p.MutedUntil = muted.UTC()
			}
			return p, err
		})
		return err
	})
	return settings, err
}

// ErasePush implements [store.Devices].
func (s *Store) ErasePush(ctx context.Context, user uuid.UUID) (erased int, err error) {
	err = s.transact(ctx, "erase devices", func(tx pgx.Tx) error {
		devices, err := tx.Exec(ctx, `DELETE FROM devices WHERE user_id = $1`, user)
		if err != nil {
			return err
		}
		settings, err := tx.Exec(ctx, `DELETE FROM push_settings WHERE user_id = $1`, user)
		erased = int(devices.RowsAffected() + settings.RowsAffected())
		return err
	})
	return erased, err
}

const selectVAPID = `SELECT public_key, private_key FROM vapid_keys`

// VAPIDKeys implements [store.Devices].
func (s *Store) VAPIDKeys(ctx context.Context, fresh store.VAPIDKeys) (keys store.VAPIDKeys, err error) {
	err = s.do(ctx, "keep the VAPID keys", func(ctx context.Context, pool *pgxpool.Pool) error {
		err := pool.QueryRow(ctx, selectVAPID).Scan(&keys.Public, &keys.Private)
		if !errors.Is(err, pgx.ErrNoRows) {
			return err
		}
		_, err = pool.Exec(ctx, `INSERT INTO vapid_keys (public_key, private_key) VALUES ($1, $2) ON CONFLICT DO NOTHING`, fresh.Public, fresh.Private)
		if err != nil {
			return err
		}
		return pool.QueryRow(ctx, selectVAPID).Scan(&keys.Public, &keys.Private)
	})
	return keys, err
}
