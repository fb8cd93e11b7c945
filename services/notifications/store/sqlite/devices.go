package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strings"

	"github.com/google/uuid"

	"github.com/ism-chat/ism/libs/sqlite"
	"github.com/ism-chat/ism/services/notifications/store"
)

const (
	deleteOthers = `DELETE FROM devices WHERE kind = ? AND target = ? AND NOT (user_id = ? AND id = ?)`
	upsertDevice = `
INSERT INTO devices AS d (user_id, id, kind, target, p256dh, auth, made_at, registered_at) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?7)
ON CONFLICT (user_id, id) DO UPDATE SET
    kind = excluded.kind, target = excluded.target, p256dh = excluded.p256dh, auth = excluded.auth, registered_at = excluded.registered_at,
    made_at = CASE WHEN d.kind = excluded.kind AND d.target = excluded.target THEN d.made_at ELSE excluded.made_at END`
	deleteTooMany = `
DELETE FROM devices WHERE user_id = ?1 AND id IN (
    SELECT id FROM devices WHERE user_id = ?1 ORDER BY registered_at DESC, id DESC LIMIT -1 OFFSET ?2)`
)

// PutDevice implements [store.Devices].
func (s *Store) PutDevice(ctx context.Context, d store.Device, limit int) error {
	return s.do("put a device", func(db *sqlite.DB) error {
		return db.Transact(ctx, func(tx *sql.Tx) error {
			if _, err := tx.ExecContext(ctx, deleteOthers, d.Kind, d.Target, d.UserID[:], d.ID); err != nil {
				return err
			}
			_, err := tx.ExecContext(ctx, upsertDevice, d.UserID[:], d.ID, d.Kind, d.Target, d.P256dh, d.Auth, d.RegisteredAt.UnixMicro())
			if err != nil {
				return err
			}
			_, err = tx.ExecContext(ctx, deleteTooMany, d.UserID[:], limit)
			return err
		})
	})
}

// among gives the condition that a column has one of the ids, and its arguments.
func among(column string, ids []uuid.UUID) (condition string, args []any) {
	for _, id := range ids {
		args = append(args, id[:])
	}
	return column + ` IN (` + strings.TrimSuffix(strings.Repeat(`?, `, len(ids)), `, `) + `)`, args
}

// Devices implements [store.Devices].
func (s *Store) Devices(ctx context.Context, users []uuid.UUID) (devices []store.Device, err error) {
	condition, args := among("user_id", users)
	//nolint:gosec // the condition has placeholders alone
	statement := `SELECT user_id, id, kind, target, p256dh, auth, made_at, registered_at FROM devices WHERE ` + condition + ` ORDER BY user_id, registered_at, id`
	err = s.do("read devices", func(db *sqlite.DB) error {
		rows, err := db.Readers.QueryContext(ctx, statement, args...)
		if err != nil {
			return err
		}
		devices, err = scanDevices(rows)
		return err
	})
	return devices, err
}

func scanDevices(rows *sql.Rows) (devices []store.Device, err error) {
	defer func() { err = errors.Join(err, rows.Close()) }()
	for rows.Next() {
		var d store.Device
		var made, registered int64
		if err := rows.Scan(&d.UserID, &d.ID, &d.Kind, &d.Target, &d.P256dh, &d.Auth, &made, &registered); err != nil {
			return nil, fmt.Errorf("read a device: %w", err)
		}
		d.MadeAt, d.RegisteredAt = fromMicros(made), fromMicros(registered)
		devices = append(devices, d)
	}
	return devices, rows.Err()
}

const deleteDevice = `DELETE FROM devices WHERE user_id = ?1 AND id = ?2 AND (?3 = '' OR target = ?3)`

// DeleteDevice implements [store.Devices].
func (s *Store) DeleteDevice(ctx context.Context, user uuid.UUID, id, target string) (deleted bool, err error) {
	err = s.do("delete a device", func(db *sqlite.DB) error {
		n, err := affected(db.Writer.ExecContext(ctx, deleteDevice, user[:], id, target))
		deleted = n > 0
		return err
	})
	return deleted, err
}

// HasDevices implements [store.Devices].
func (s *Store) HasDevices(ctx context.Context, kind string) (has bool, err error) {
	err = s.do("look for devices", func(db *sqlite.DB) error {
		return db.Readers.QueryRowContext(ctx, `SELECT EXISTS (SELECT 1 FROM devices WHERE kind = ?)`, kind).Scan(&has)
	})
	return has, err
}

const (
	deleteSetting = `DELETE FROM push_settings WHERE user_id = ? AND room_id = ?`
	countSettings = `SELECT count(*) FROM push_settings WHERE user_id = ? AND room_id <> ?`
	upsertSetting = `
INSERT INTO push_settings (user_id, room_id, level, muted_until) VALUES (?, ?, ?, ?)
ON CONFLICT (user_id, room_id) DO UPDATE SET level = excluded.level, muted_until = excluded.muted_until`
)

// PutPushSetting implements [store.Devices].
func (s *Store) PutPushSetting(ctx context.Context, p store.PushSetting, limit int) error {
	tooMany := false
	err := s.do("put a push setting", func(db *sqlite.DB) error {
		return db.Transact(ctx, func(tx *sql.Tx) error {
			if p.Level == "" && p.MutedUntil.IsZero() {
				_, err := tx.ExecContext(ctx, deleteSetting, p.UserID[:], p.RoomID[:])
				return err
			}
			var others int
			if err := tx.QueryRowContext(ctx, countSettings, p.UserID[:], p.RoomID[:]).Scan(&others); err != nil {
				return err
			}
			if tooMany = others >= limit; tooMany {
				return nil
			}
			muted := sql.NullInt64{Int64: p.MutedUntil.UnixMicro(), Valid: !p.MutedUntil.IsZero()}
			_, err := tx.ExecContext(ctx, upsertSetting, p.UserID[:], p.RoomID[:], p.Level, muted)
			return err
		})
	})
	if err == nil && tooMany {
		return store.ErrTooManySettings
	}
	return err
}

// PushSettings implements [store.Devices].
func (s *Store) PushSettings(ctx context.Context, users, rooms []uuid.UUID) (settings []store.PushSetting, err error) {
	condition, args := among("user_id", users)
	if len(rooms) > 0 {
		of, more := among("room_id", rooms)
		condition, args = condition+` AND `+of, append(args, more...)
	}
	err = s.do("read push settings", func(db *sqlite.DB) error {
		//nolint:gosec // the condition has placeholders alone
		rows, err := db.Readers.QueryContext(ctx, `SELECT user_id, room_id, level, muted_until FROM push_settings WHERE `+condition, args...)
		if err != nil {
			return err
		}
		settings, err = scanSettings(rows)
		return err
	})
	return settings, err
}

func scanSettings(rows *sql.Rows) (settings []store.PushSetting, err error) {
	defer func() { err = errors.Join(err, rows.Close()) }()
	for rows.Next() {
		var p store.PushSetting
		var muted sql.NullInt64
		if err := rows.Scan(&p.UserID, &p.RoomID, &p.Level, &muted); err != nil {
			return nil, fmt.Errorf("read a push setting: %w", err)
		}
		if muted.Valid {
			p.MutedUntil = fromMicros(muted.Int64)
		}
		settings = append(settings, p)
	}
	return settings, rows.Err()
}

// ErasePush implements [store.Devices].
func (s *Store) ErasePush(ctx context.Context, user uuid.UUID) (erased int, err error) {
	err = s.do("erase devices", func(db *sqlite.DB) error {
		return db.Transact(ctx, func(tx *sql.Tx) error {
			erased = 0
			for _, statement := range []string{`DELETE FROM devices WHERE user_id = ?`, `DELETE FROM push_settings WHERE user_id = ?`} {
				n, err := affected(tx.ExecContext(ctx, statement, user[:]))
				if err != nil {
					return err
				}
				erased += n
			}
			return nil
		})
	})
	return erased, err
}

// VAPIDKeys implements [store.Devices].
func (s *Store) VAPIDKeys(ctx context.Context, fresh store.VAPIDKeys) (keys store.VAPIDKeys, err error) {
	err = s.do("keep the VAPID keys", func(db *sqlite.DB) error {
		return db.Transact(ctx, func(tx *sql.Tx) error {
			_, err := tx.ExecContext(ctx, `INSERT INTO vapid_keys (id, public_key, private_key) VALUES (1, ?, ?) ON CONFLICT DO NOTHING`, fresh.Public, fresh.Private)
			if err != nil {
				return err
			}
			return tx.QueryRowContext(ctx, `SELECT public_key, private_key FROM vapid_keys`).Scan(&keys.Public, &keys.Private)
		})
	})
	return keys, err
}
