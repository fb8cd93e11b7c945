package sqlite

import (
	"context"
	"database/sql"

	"github.com/google/uuid"

	"github.com/ism-chat/ism/libs/sqlite"
	"github.com/ism-chat/ism/services/media/store"
)

// Admit implements [store.Rows].
func (r *Rows) Admit(ctx context.Context, media []store.Media, additions []store.Addition) (admitted []uuid.UUID, err error) {
	db := r.open.Load()
	if db == nil {
		return nil, store.ErrUnavailable
	}
	err = db.Transact(ctx, func(begun *sql.Tx) error {
		admitted, err = admit(ctx, &tx{db: begun}, media, additions)
		return err
	})
	switch {
	case sqlite.RefusesValue(err):
		return nil, nil
	case err != nil:
		return nil, storeError("admit media", err)
	}
	return admitted, nil
}

const isAllowed = `SELECT closed_at IS NULL AND bytes <= ? AND media <= ? FROM usages WHERE kind = ? AND id = ?`

func admit(ctx context.Context, t *tx, media []store.Media, additions []store.Addition) (admitted []uuid.UUID, err error) {
	added := map[store.Scope]*store.Usage{} // of those that are allowed
	for _, a := range additions {
		allowed, err := rowsOf(ctx, t.db, scanBool, isAllowed, a.MostBytes, a.MostMedia, string(a.Kind), a.ID[:])
		if err != nil {
			return nil, err
		}
		if len(allowed) == 1 && allowed[0] {
			added[a.Scope] = &store.Usage{Scope: a.Scope}
		}
	}
	for _, m := range media {
		room, user := added[store.Scope{Kind: store.ScopeRoom, ID: m.Room}], added[store.Scope{Kind: store.ScopeUser, ID: m.Uploader}]
		if room == nil || user == nil {
			continue
		}
		inserted, err := t.Insert(ctx, m)
		if err != nil {
			return nil, err
		}
		if !inserted {
			continue
		}
		admitted = append(admitted, m.ID)
		for _, usage := range []*store.Usage{room, user} {
			usage.Bytes += m.Size
			usage.Media++
		}
	}
	var written store.Written
	for _, usage := range added {
		if usage.Media > 0 {
			written.Usages = append(written.Usages, *usage)
		}
	}
	return admitted, t.Write(ctx, written)
}

func scanBool(row scanner) (is bool, err error) {
	err = row.Scan(&is)
	return is, err
}
