package cassandra

import (
	"time"

	"github.com/gocql/gocql"

	"github.com/ism-chat/ism/services/messages/store"
)

// revisedBody stands where the body of a message was that has been revised. Builds that know no revisions show it.
const revisedBody = `{}`

// revisions are the contents of a message that its revisions made, as the column of that name has them.
type revisions map[revisionKey]revisedContent

// revisedMentions are whom these contents mention. The column mentions is one cell for all of a message's revisions, and they have one write time: it would not
// do for a revision that mentions fewer. What is there of a deletion, or of builds before the column, is nothing.
type revisedMentions map[revisionKey][]gocql.UUID

// revisionKey is the position of the record that made a content: tuple<int, bigint>.
type revisionKey struct {
	Epoch  int
	Offset int64
}

// revisedContent is tuple<text, bigint, bigint>. Its times are microseconds since 1970.
type revisedContent struct {
	Body                string
	EditedAt, DeletedAt *int64
}

func keyOf(entry store.Entry) revisionKey {
	return revisionKey{Epoch: int(entry.Revision.Epoch), Offset: entry.Revision.Offset}
}

func contentOf(entry store.Entry) revisedContent {
	return revisedContent{Body: string(entry.Message.Body), EditedAt: micros(entry.EditedAt), DeletedAt: micros(entry.DeletedAt)}
}

// on gives the entry with one of the revisions as its content.
func (c revisedContent) on(entry store.Entry, by revisionKey) store.Entry {
	entry.Revision.Epoch, entry.Revision.Offset = int32(by.Epoch), by.Offset
	entry.Message.Body = []byte(c.Body)
	entry.EditedAt, entry.DeletedAt = timeOf(c.EditedAt), timeOf(c.DeletedAt)
	if !entry.DeletedAt.IsZero() { // an edit that was late may have written them again
		entry.Message.Mentions = nil
	}
	return entry
}

// newest gives the original with its newest content.
func (r revisions) newest(original store.Entry) store.Entry {
	newest := original
	for by, content := range r {
		if revised := content.on(original, by); revised.Supersedes(newest) {
			newest = revised
		}
	}
	return newest
}

// supersededBy gives the keys of what the entry replaces.
func (r revisions) supersededBy(entry store.Entry) []revisionKey {
	var superseded []revisionKey
	for by, content := range r {
		if entry.Supersedes(content.on(entry, by)) {
			superseded = append(superseded, by)
		}
	}
	return superseded
}

const (
	// The statement makes the row where the original is not there yet.
	updateRevisions = `
UPDATE messages USING TIMESTAMP ? AND TTL ?
SET message_id = ?, sender_id = ?, type = ?, body = ?, created_at = ?, client_id = ?, mentions = ?, revisions = revisions + ?
WHERE room_id = ? AND bucket = ? AND epoch = ? AND log_offset = ?`
	updateMentions = `
UPDATE messages USING TIMESTAMP ? AND TTL ?
SET revised_mentions = revised_mentions + ?
WHERE room_id = ? AND bucket = ? AND epoch = ? AND log_offset = ?`
	removeRevisions = `
UPDATE messages USING TIMESTAMP ?
SET revisions = revisions - ?, revised_mentions = revised_mentions - ?
WHERE room_id = ? AND bucket = ? AND epoch = ? AND log_offset = ?`
)

// revise gives the statements that write a revision and remove what it supersedes of the given revisions, all with the same
// write time: at equal times a removal wins, so a removed revision that is written again stays removed.
func revise(entry store.Entry, superseded []revisionKey, written int64, ttl int) []gocql.BatchEntry {
	var (
		m        = entry.Message
		created  = m.CreatedAt.UnixMicro()
		key      = []any{gocql.UUID(m.RoomID), slotOf(entry), entry.Position.Epoch, entry.Position.Offset}
		content  = revisions{keyOf(entry): contentOf(entry)}
		mentions = mentionsOf(m)
	)
	if !entry.DeletedAt.IsZero() {
		mentions = nil // removes what is there
	}
	revising := []any{written, ttl, gocql.UUID(m.ID), gocql.UUID(m.SenderID), string(m.Type), revisedBody, created, orUnset(m.ClientID), mentions, content}
	statements := []gocql.BatchEntry{{Stmt: updateRevisions, Args: append(revising, key...), Idempotent: true}}
	if entry.DeletedAt.IsZero() {
		mentioned := revisedMentions{keyOf(entry): idsOf(m.Mentions)}
		statements = append(statements, gocql.BatchEntry{Stmt: updateMentions, Args: append([]any{written, ttl, mentioned}, key...), Idempotent: true})
	}
	if len(superseded) > 0 {
		statements = append(statements, gocql.BatchEntry{
			Stmt: removeRevisions, Args: append([]any{written, superseded, superseded}, key...), Idempotent: true,
		})
	}
	return statements
}

// micros is a time in microseconds since 1970, nil for the zero time.
func micros(at time.Time) *int64 {
	if at.IsZero() {
		return nil
	}
	micros := at.UnixMicro()
	return &micros
}

func timeOf(micros *int64) time.Time {
	if micros == nil {
		return time.Time{}
	}
	return time.UnixMicro(*micros).UTC()
}
