// Package outboxtest holds every backend of an outbox, and every store that has one, to what package outbox says.
package outboxtest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/ism-chat/ism/libs/outbox"
)

// Store is what has the outbox under test.
type Store interface {
	outbox.Outbox
	// Transact runs change in one transaction, in which it can append rows, and commits it if change gives nil. Its error is change's.
	Transact(ctx context.Context, change func(add func(row outbox.Row) (int64, error)) error) error
}

// Run runs the suite. Open gives a store with an empty outbox, which ends with the test.
func Run(t *testing.T, open func(t *testing.T) Store) {
	for _, c := range []struct {
		name string
		test func(t *testing.T, s Store)
	}{
		{"rows stay as they were appended", rowsStay},
		{"the oldest are bounded in rows and in bytes", oldestAreBounded},
		{"rows are taken away by their ids", rowsAreDeleted},
		{"a change that fails leaves no row", failureLeavesNothing},
		{"rows are counted up to a limit", rowsAreCounted},
		{"the lead is one's at a time", leadIsOnes},
		{"the leader is woken", leaderIsWoken},
		{"every operation ends with its context", operationsEnd},
		{"100 at once append, and none is missed", parallelRows},
	} {
		t.Run(c.name, func(t *testing.T) { c.test(t, open(t)) })
	}
}

// Row is a row with a key, and with headers and a value that are made of it.
func Row(key string) outbox.Row {
	return outbox.Row{
		Topic:   "ism.rooms",
		Key:     key,
		Headers: map[string]string{"ce_id": "id of " + key, "quoted": `"\ 🐙`},
		Value:   []byte("\x00\xff value of " + key),
		At:      time.Now().UTC().Truncate(time.Microsecond),
	}
}

// Append appends rows with the keys, each in a transaction of its own, and gives their ids.
func Append(t testing.TB, s Store, keys ...string) []int64 {
	t.Helper()
	ids := make([]int64, len(keys))
	for i, key := range keys {
		err := s.Transact(t.Context(), func(add func(row outbox.Row) (int64, error)) (err error) {
			ids[i], err = add(Row(key))
			return err
		})
		if err != nil {
			t.Fatalf("append a row: %v", err)
		}
	}
	return ids
}

// Lead gets the lead, for the rest of the test.
func Lead(t testing.TB, s outbox.Outbox) outbox.Lead {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	lead, err := s.Lead(ctx)
	if err != nil {
		t.Fatalf("get the lead: %v", err)
	}
	t.Cleanup(lead.Release)
	return lead
}

// Drain takes all that is in the outbox.
func Drain(t testing.TB, lead outbox.Lead) []outbox.Row {
	t.Helper()
	var all []outbox.Row
	for {
		batch, err := lead.Oldest(t.Context(), 7, 1<<20)
		if err != nil {
			t.Fatalf("read the outbox: %v", err)
		}
		if len(batch) == 0 {
			return all
		}
		ids := make([]int64, len(batch))
		for i, row := range batch {
			ids[i] = row.ID
		}
		deleteRows(t, lead, ids)
		all = append(all, batch...)
	}
}

// deleteRows deletes rows as a relay does: once more where it took too long, as behind many writers on a slow disk.
func deleteRows(t testing.TB, lead outbox.Lead, ids []int64) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	for {
		err := lead.Delete(ctx, ids)
		if err == nil {
			return
		}
		if ctx.Err() != nil || !errors.Is(err, context.DeadlineExceeded) {
			t.Fatalf("delete from the outbox: %v", err)
		}
	}
}

func same(a, b outbox.Row) bool {
	return a.ID == b.ID && a.Topic == b.Topic && a.Key == b.Key && a.At.Equal(b.At) && bytes.Equal(a.Value, b.Value) && maps.Equal(a.Headers, b.Headers)
}

func rowsStay(t *testing.T, s Store) {
	want := []outbox.Row{Row("a"), Row("b"), Row("c")}
	want[1].Value = []byte{} // of a tombstone
	err := s.Transact(t.Context(), func(add func(row outbox.Row) (int64, error)) (err error) {
		for i := range want {
			if want[i].ID, err = add(want[i]); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	lead := Lead(t, s)
	for range 2 {
		if rows, err := lead.Oldest(t.Context(), 10, 1<<20); err != nil || !slices.EqualFunc(rows, want, same) {
			t.Errorf("the outbox has %+v, %v, want %+v", rows, err, want)
		}
	}
	if rows, err := lead.Oldest(t.Context(), 2, 1<<20); err != nil || !slices.EqualFunc(rows, want[:2], same) {
		t.Errorf("the two oldest are %+v, %v", rows, err)
	}
}

func oldestAreBounded(t *testing.T, s Store) {
	sizes := []int{1000, 300, 300, 300, 5000, 100, 100}
	err := s.Transact(t.Context(), func(add func(row outbox.Row) (int64, error)) error {
		for i, size := range sizes {
			row := Row(fmt.Sprint(i))
			row.Value = bytes.Repeat([]byte{7}, size)
			if _, err := add(row); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	lead := Lead(t, s)
	for i, step := range []struct{ rows, bytes, want int }{
		{7, 999, 1}, {7, 0, 1}, {7, 1600, 3}, {7, 1599, 2}, {2, 1600, 2}, {7, 1 << 20, 7}, // of all
	} {
		if rows, err := lead.Oldest(t.Context(), step.rows, step.bytes); err != nil || len(rows) != step.want {
			t.Errorf("look %d, at %d rows of %d bytes together: %d rows, %v; want %d", i, step.rows, step.bytes, len(rows), err, step.want)
		}
	}
	// Batch by batch nothing is left out, and what is too large by itself does not stand in the way.
	for _, want := range []int{1, 3, 1, 2, 0} {
		rows, err := lead.Oldest(t.Context(), 7, 1000)
		if err != nil || len(rows) != want {
			t.Fatalf("a batch of %d rows, %v; want %d", len(rows), err, want)
		}
		ids := make([]int64, len(rows))
		for i, row := range rows {
			ids[i] = row.ID
			if row.Key != fmt.Sprint(len(sizes)-left(t, lead)+i) {
				t.Errorf("row %d of a batch has the key %s", i, row.Key)
			}
		}
		if err := lead.Delete(t.Context(), ids); err != nil {
			t.Fatal(err)
		}
	}
}

// left counts what is in the outbox.
func left(t testing.TB, lead outbox.Lead) int {
	t.Helper()
	rows, err := lead.Count(t.Context(), 1000)
	if err != nil {
		t.Fatal(err)
	}
	return rows
}

func rowsAreDeleted(t *testing.T, s Store) {
	ids := Append(t, s, "a", "b", "c")
	lead := Lead(t, s)
	if err := lead.Delete(t.Context(), []int64{ids[0], ids[2], 99}); err != nil {
		t.Fatal(err)
	}
	for _, step := range []struct{ asked, want []int64 }{{ids, ids[1:2]}, {ids[1:], ids[1:2]}, {ids[:1], nil}, {nil, nil}, {[]int64{99, ids[1]}, ids[1:2]}} {
		if pending, err := s.Pending(t.Context(), step.asked); err != nil || !slices.Equal(pending, step.want) {
			t.Errorf("of the rows %v are pending: %v, %v; want %v", step.asked, pending, err, step.want)
		}
	}
	Drain(t, lead)
	if again := Append(t, s, "d"); again[0] <= ids[2] {
		t.Errorf("row %d was appended after row %d", again[0], ids[2])
	}
}

func failureLeavesNothing(t *testing.T, s Store) {
	undone := errors.New("undone")
	var id int64
	err := s.Transact(t.Context(), func(add func(row outbox.Row) (int64, error)) (err error) {
		if id, err = add(Row("a")); err != nil {
			return err
		}
		return undone
	})
	if !errors.Is(err, undone) {
		t.Errorf("a change that fails: %v", err)
	}
	if pending, err := s.Pending(t.Context(), []int64{id}); err != nil || len(pending) != 0 {
		t.Errorf("its row is pending: %v, %v", pending, err)
	}
	if rows := Drain(t, Lead(t, s)); len(rows) != 0 {
		t.Errorf("the outbox has %+v", rows)
	}
}

func rowsAreCounted(t *testing.T, s Store) {
	lead := Lead(t, s)
	count := func(limit, want int) {
		t.Helper()
		if rows, err := lead.Count(t.Context(), limit); err != nil || rows != want {
			t.Errorf("counted up to %d: %d rows, %v; want %d", limit, rows, err, want)
		}
	}
	count(10, 0)
	Append(t, s, "a", "b", "c", "d", "e")
	count(10, 5)
	count(5, 5)
	count(3, 3)
	Drain(t, lead)
	count(10, 0)
	if _, err := lead.Count(expired(t), 10); err == nil {
		t.Error("a count without time succeeded")
	}
}

func leadIsOnes(t *testing.T, s Store) {
	lead, err := s.Lead(t.Context())
	if err != nil {
		t.Fatalf("get the lead: %v", err)
	}
	short, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if second, err := s.Lead(short); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("a second lead: %v, %v", second, err)
	}
	type result struct {
		lead outbox.Lead
		err  error
	}
	next := make(chan result, 1)
	go func() {
		second, err := s.Lead(context.Background())
		next <- result{second, err}
	}()
	select {
	case got := <-next:
		t.Fatalf("a second lead: %+v", got)
	case <-time.After(50 * time.Millisecond):
	}
	if _, err := lead.Oldest(t.Context(), 1, 1<<20); err != nil {
		t.Errorf("the leader cannot read: %v", err)
	}
	lead.Release()
	got := <-next
	if got.err != nil {
		t.Fatalf("the lead is not taken over: %v", got.err)
	}
	got.lead.Release()
}

func leaderIsWoken(t *testing.T, s Store) {
	lead := Lead(t, s)
	Append(t, s, "seen already")
	Drain(t, lead)
	began := time.Now()
	if err := lead.Wait(t.Context(), 20*time.Millisecond); err != nil {
		t.Errorf("waiting in vain: %v", err)
	}
	if waited := time.Since(began); waited < 20*time.Millisecond {
		t.Errorf("it was woken for nothing after %s", waited)
	}
	appended := make(chan error, 1)
	go func() {
		appended <- s.Transact(context.Background(), func(add func(row outbox.Row) (int64, error)) error {
			_, err := add(Row("a"))
			return err
		})
	}()
	soon, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	if err := lead.Wait(soon, time.Hour); err != nil {
		t.Errorf("it is not woken: %v", err)
	}
	if err := <-appended; err != nil {
		t.Fatalf("append a row: %v", err)
	}
	if rows := Drain(t, lead); len(rows) != 1 {
		t.Errorf("it finds %d rows", len(rows))
	}
	Append(t, s, "b")
	for range 2 {
		if err := lead.Wait(soon, time.Hour); err != nil {
			t.Errorf("what has been added already is waited for: %v", err)
		}
	}
	if err := lead.Wait(expired(t), time.Second); !errors.Is(err, context.Canceled) {
		t.Errorf("waiting without time: %v", err)
	}
}

func operationsEnd(t *testing.T, s Store) {
	ids := Append(t, s, "a")
	ended := expired(t)
	if _, err := s.Pending(ended, ids); err == nil {
		t.Error("Pending does not")
	}
	err := s.Transact(ended, func(add func(row outbox.Row) (int64, error)) error {
		_, err := add(Row("b"))
		return err
	})
	if err == nil {
		t.Error("Transact does not")
	}
	for name, do := range map[string]func(lead outbox.Lead) error{
		"Oldest": func(lead outbox.Lead) error { _, err := lead.Oldest(ended, 1, 1<<20); return err },
		"Delete": func(lead outbox.Lead) error { return lead.Delete(ended, ids) },
	} {
		lead, err := s.Lead(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if do(lead) == nil {
			t.Errorf("%s does not", name)
		}
		lead.Release() // a lead that has failed
	}
	if rows := Drain(t, Lead(t, s)); len(rows) != 1 || rows[0].ID != ids[0] {
		t.Errorf("the outbox has %+v", rows)
	}
}

// parallelRows reads and deletes while others append, each a few rows one after the other.
func parallelRows(t *testing.T, s Store) {
	const writers, each = 100, 3
	lead := Lead(t, s)
	var writing sync.WaitGroup
	defer writing.Wait() // also where the test ends before them
	for i := range writers {
		writing.Go(func() {
			for j := range each {
				err := s.Transact(t.Context(), func(add func(row outbox.Row) (int64, error)) error {
					_, err := add(Row(fmt.Sprintf("%d %d", i, j)))
					return err
				})
				if err != nil {
					t.Errorf("append a row: %v", err)
				}
			}
		})
	}
	written := make(chan struct{})
	go func() { writing.Wait(); close(written) }()
	next := [writers]int{}
	take := func() {
		for _, row := range Drain(t, lead) {
			var i, j int
			if _, err := fmt.Sscanf(row.Key, "%d %d", &i, &j); err != nil || next[i] != j {
				t.Errorf("row %q came when row %d of its writer was next, %v", row.Key, next[i], err)
			}
			next[i] = j + 1
		}
	}
	for waiting := true; waiting; {
		select {
		case <-written:
			waiting = false
		default:
		}
		take()
	}
	for i, n := range next {
		if n != each {
			t.Errorf("%d rows of writer %d came", n, i)
		}
	}
}

func expired(t testing.TB) context.Context {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	return ctx
}
