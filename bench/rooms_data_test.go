package main

import (
	"encoding/binary"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
)

// hall is what the benchmark of rooms fills the database with: users, Single rooms and Groups, each in the order of its number.
type hall struct {
	users, singles, groups int
	groupSize              int
	busiest                int // Groups of user 0
	at                     time.Time
}

// friends is how many each user has: those with the next numbers, and those with the numbers before.
const friends = 4

// kinds of numbered ids
const (
	userID byte = iota + 1
	singleID
	groupID
)

func numbered(kind byte, n int) (id uuid.UUID) {
	id[0], id[6], id[8] = kind, 0x70, 0x80
	binary.BigEndian.PutUint32(id[9:], uint32(n))
	id[15] = byte(n)
	return id
}

// single gives the two users of a Single room. No two rooms have the same two.
func (h hall) single(n int) (a, b int) {
	a = n % h.users
	return a, (a + 1 + n/h.users) % h.users
}

// members gives the users of a Group. The first Groups are those that the busiest user is in.
func (h hall) members(n int) []int {
	members := make([]int, h.groupSize)
	for i := range members {
		members[i] = (n*7919 + i*104_729) % h.users
	}
	if n < h.busiest {
		members[0] = 0
	}
	return members
}

// fill copies all of it into an empty database that rooms has migrated. References are not looked at: they are right.
func (h hall) fill(b *testing.B, url string) {
	b.Helper()
	conn, err := pgx.Connect(b.Context(), url)
	if err != nil {
		b.Fatal(err)
	}
	defer func() { _ = conn.Close(b.Context()) }()
	run := func(statement string) {
		b.Helper()
		if _, err := conn.Exec(b.Context(), statement); err != nil {
			b.Fatal(err)
		}
	}
	copied := func(table string, columns []string, count int, row func(n int) []any) {
		b.Helper()
		n := -1
		source := pgx.CopyFromFunc(func() ([]any, error) {
			if n++; n >= count {
				return nil, nil
			}
			return row(n), nil
		})
		if _, err := conn.CopyFrom(b.Context(), pgx.Identifier{table}, columns, source); err != nil {
			b.Fatalf("copy %s: %v", table, err)
		}
	}
	preview := map[string]string{"type": "New"}
	run("SET session_replication_role = replica")
	copied("users", []string{"id", "display_name", "search_name"}, h.users, func(n int) []any {
		return []any{numbered(userID, n), "somebody", "somebody"}
	})
	copied("rooms", []string{"id", "type", "created_by", "created_at", "latest_message", "preview", "pair_low", "pair_high"}, h.singles, func(n int) []any {
		low, high := h.single(n)
		if low > high {
			low, high = high, low
		}
		return []any{numbered(singleID, n), "Single", numbered(userID, low), h.at, h.at.Add(time.Duration(n) * time.Millisecond), preview, numbered(userID, low), numbered(userID, high)}
	})
	copied("rooms", []string{"id", "type", "created_by", "created_at", "latest_message", "preview"}, h.groups, func(n int) []any {
		return []any{numbered(groupID, n), "Group", numbered(userID, h.members(n)[0]), h.at, h.at.Add(time.Duration(n) * time.Millisecond), preview}
	})
	members := []string{"room_id", "user_id", "position", "status", "joined_at"}
	copied("members", members, 2*h.singles, func(n int) []any {
		low, high := h.single(n / 2)
		return []any{numbered(singleID, n/2), numbered(userID, []int{low, high}[n%2]), n % 2, "Joined", h.at}
	})
	copied("members", members, h.groupSize*h.groups, func(n int) []any {
		return []any{numbered(groupID, n/h.groupSize), numbered(userID, h.members(n / h.groupSize)[n%h.groupSize]), n % h.groupSize, "Joined", h.at}
	})
	copied("relationships", []string{"user_id", "other_id", "kind", "since"}, friends*h.users, func(n int) []any {
		offset := n%friends/2 + 1 // one side of a friendship, then the other
		if n%2 == 1 {
			offset = -offset
		}
		return []any{numbered(userID, n/friends), numbered(userID, (n/friends+offset+h.users)%h.users), "FRIEND", h.at}
	})
	run("VACUUM ANALYZE")
	run("CHECKPOINT") // else the disk is busy with it while the first load is measured
}
