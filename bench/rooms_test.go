package main

import (
	"encoding/json"
	"flag"
	"math/rand/v2"
	"net/http"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/ism-chat/ism/libs/authn/authntest"
	"github.com/ism-chat/ism/libs/enginetest"
	"github.com/ism-chat/ism/test/deployment"
)

var manyRooms = flag.Bool("rooms", false, "run BenchmarkRooms, which fills a database with a million rooms first")

const (
	listsASecond = 200
	longLists    = 20 // of the user with the most rooms
	checksSecond = 200
	createSecond = 20
)

// BenchmarkRooms measures rooms with 200,000 users and a million rooms, one of the users in five thousand of them: lists, membership checks, and
// the creation of rooms up to their event's acknowledgement. No request may scan a table.
func BenchmarkRooms(b *testing.B) {
	if !*manyRooms {
		b.Skip("-rooms runs it")
	}
	issuer, url := authntest.New(b), enginetest.PostgresDatabase(b)
	d := deployment.FiveProcesses(b, deployment.Settings{
		"ISM_OIDC_ISSUER": issuer.URL, "ISM_ROOMS_POSTGRES_URL": url, "ISM_OTLP_ENDPOINT": "", "ISM_LOG_LEVEL": "warn", "ISM_HTTP_RATE_REQUESTS": "0",
	})
	data := hall{users: 200_000, singles: 700_000, groups: 300_000, groupSize: 6, busiest: 5_000, at: time.Now().Add(-time.Hour)}
	begun := time.Now()
	data.fill(b, url)
	b.ReportMetric(time.Since(begun).Seconds(), "fill-s")
	m := &roomsBench{d: d, issuer: issuer, data: data, tokens: map[int]string{}, caller: newCaller()}
	defer m.CloseIdleConnections()
	for b.Loop() {
		before := m.scans(b, url)
		anybody := func() int { return rand.IntN(data.users) }
		paced(b, "list-anybody", listsASecond, func() error { return m.list(b, anybody()) })
		paced(b, "list-of-5000", longLists, func() error { return m.list(b, 0) })
		paced(b, "check", checksSecond, func() error { return m.check() })
		paced(b, "create", createSecond, func() error { return m.create(b) })
		for table, scans := range m.scans(b, url) {
			if more := scans - before[table]; more > 0 {
				b.Errorf("%s was read from one end to the other %d times", table, more)
			}
		}
	}
}

type roomsBench struct {
	d      *deployment.Deployment
	issuer *authntest.Issuer
	data   hall
	caller

	mu     sync.Mutex
	tokens map[int]string
}

func (m *roomsBench) token(b *testing.B, user int) string {
	m.mu.Lock()
	defer m.mu.Unlock()
	token, ok := m.tokens[user]
	if !ok {
		token = m.issuer.Token(b, numbered(userID, user), "somebody")
		m.tokens[user] = token
	}
	return token
}

func (m *roomsBench) list(b *testing.B, user int) error {
	return m.do(http.MethodGet, m.d.BaseURL+"/api/rooms?limit=50", m.token(b, user), nil)
}

// check asks as messages does, whether a member is in its room.
func (m *roomsBench) check() error {
	n := rand.IntN(m.data.groups)
	room, user := numbered(groupID, n), numbered(userID, m.data.members(n)[1])
	return m.do(http.MethodGet, "http://"+m.d.Internal["rooms"]+"/internal/rooms/"+room.String()+"/members/"+user.String(), deployment.InternalSecret, nil)
}

func (m *roomsBench) create(b *testing.B) error {
	a := rand.IntN(m.data.users)
	body, err := json.Marshal(map[string]any{
		"roomType": "Group", "roomName": "New", "invitedUsers": []uuid.UUID{numbered(userID, a), numbered(userID, (a+77)%m.data.users)},
	})
	if err != nil {
		return err
	}
	return m.do(http.MethodPost, m.d.BaseURL+"/api/rooms/create-room", m.token(b, a), body)
}

// scans is how often each of the tables that grow has been read from one end to the other.
func (m *roomsBench) scans(b *testing.B, url string) map[string]int64 {
	b.Helper()
	conn, err := pgx.Connect(b.Context(), url)
	if err != nil {
		b.Fatal(err)
	}
	defer func() { _ = conn.Close(b.Context()) }()
	const query = `SELECT relname, seq_scan FROM pg_stat_user_tables WHERE relname IN ('users', 'rooms', 'members', 'relationships')`
	rows, err := conn.Query(b.Context(), query)
	if err != nil {
		b.Fatal(err)
	}
	scans := map[string]int64{}
	var (
		table string
		count int64
	)
	if _, err := pgx.ForEachRow(rows, []any{&table, &count}, func() error { scans[table] = count; return nil }); err != nil {
		b.Fatal(err)
	}
	return scans
}
