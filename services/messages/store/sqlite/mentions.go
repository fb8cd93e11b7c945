package sqlite

import (
	"fmt"
	"slices"

	"github.com/google/uuid"
)

// joinIDs is what the column mentions has of ids; empty, not NULL, of none.
func joinIDs(ids []uuid.UUID) []byte {
	joined := make([]byte, 0, len(ids)*len(uuid.UUID{}))
	for _, id := range ids {
		joined = append(joined, id[:]...)
	}
	return joined
}

// splitIDs reads the column; nil where it has none.
func splitIDs(joined []byte) ([]uuid.UUID, error) {
	var ids []uuid.UUID
	for raw := range slices.Chunk(joined, len(uuid.UUID{})) {
		id, err := uuid.FromBytes(raw)
		if err != nil {
			return nil, fmt.Errorf("read whom a message mentions: %w", err)
		}
		ids = append(ids, id)
	}
	return ids, nil
}
