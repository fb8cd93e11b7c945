package sqlite

import (
	"context"
	"database/sql"
	"errors"

	"github.com/ism-chat/ism/libs/sqlite"
	"github.com/ism-chat/ism/services/media/store"
)

// errNotAdmitted ends a transaction that is to write nothing.
var errNotAdmitted = errors.New("not admitted")

const admitTo = `
UPDATE usages SET bytes = bytes + ?, media = media + ? WHERE kind = ? AND id = ? AND closed_at IS NULL AND bytes <= ? AND media <= ?`

// Admit implements [store.Rows].
func (r *Rows) Admit(ctx context.Context, media []store.Media, additions []store.Addition) (bool, error) {
	db := r.open.Load()
	if db == nil {
		return false, store.ErrUnavailable
	}
	err := db.Transact(ctx, func(begun *sql.Tx) error {
		return admit(ctx, &tx{db: begun}, media, additions)
	})
	if errors.Is(err, errNotAdmitted) || sqlite.RefusesValue(err) {
		return false, nil
	}
	return err == nil, storeError("admit media", err)
}

func admit(ctx context.Context, t *tx, media []store.Media, additions []store.Addition) error {
	for _, a := range additions {
		n, err := t.exec(ctx, "add to a usage", admitTo, a.Bytes, a.Media, string(a.Kind), a.ID[:], a.MostBytes, a.MostMedia)
		if err != nil {
			return err
		}
		if n == 0 {
			return errNotAdmitted
		}
	}
	for _, m := range media {
		switch inserted, err := t.Insert(ctx, m); {
		case err != nil:
			return err
		case !inserted:
			return errNotAdmitted
		}
	}
	return nil
}
