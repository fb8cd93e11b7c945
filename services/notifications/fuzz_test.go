package notifications

import (
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/ism-chat/ism/libs/httpapi"
	"github.com/ism-chat/ism/services/notifications/internal/webhooks/guard"
	"github.com/ism-chat/ism/services/notifications/store"
)

// FuzzEndpoint holds a webhook that passes to an address of the public internet, and to what there is to subscribe to.
func FuzzEndpoint(f *testing.F) {
	for _, seed := range []string{
		`{}`, `{"url":"https://shop.example.com/hooks/ism","types":["dev.ism.message.created"]}`, `{"url":"http://127.0.0.1/","types":["dev.ism.room.ended"]}`,
		`{"url":"https://user@example.com/#a","types":["x"],"concurrency":0}`, `{"url":"https://[::1]/","types":["dev.ism.user.erased"],"rooms":["0192d3a0-0000-7000-8000-000000000001"]}`,
		`{"url":"https://example.com","types":["dev.ism.room.ended","dev.ism.room.ended"],"rooms":[],"ordered":true,"signature":"v1a","description":null}`,
	} {
		f.Add([]byte(seed))
	}
	w := &webhooks{policy: guard.Policy{}}
	f.Fuzz(func(t *testing.T, raw []byte) {
		var body endpointBody
		if httpapi.DecodeJSON(raw, &body) != nil {
			return
		}
		e := store.Endpoint{Concurrency: 5}
		if body.apply(w, &e) != nil {
			return
		}
		if w.policy.CheckURL(e.URL) != nil || len(e.Types) == 0 || len(e.Rooms) > 100 || e.Concurrency < 1 || e.Concurrency > maxConcurrency {
			t.Errorf("%s passed as %+v", raw, e)
		}
		if err := (endpointBody{}).apply(w, &e); err != nil {
			t.Errorf("%s passed, and what it is then does not: %v", raw, err)
		}
	})
}

// FuzzReplay holds a replay that passes to a span of time.
func FuzzReplay(f *testing.F) {
	for _, seed := range []string{
		`{}`, `{"since":"2026-11-23T00:00:00.000000Z"}`, `{"since":"2026-11-23T00:00:00.000000Z","until":"2026-11-22T00:00:00Z","state":"delivered"}`,
		`{"since":"0000-01-01T00:00:00+23:59","until":"9999-12-31T23:59:59.999999999-23:59","state":"pending"}`, `{"since":null,"until":null,"state":null}`,
	} {
		f.Add([]byte(seed))
	}
	endpoint, now := uuid.New(), time.Date(2026, 11, 30, 7, 0, 0, 0, time.UTC)
	f.Fuzz(func(t *testing.T, raw []byte) {
		var body replayBody
		if httpapi.DecodeJSON(raw, &body) != nil {
			return
		}
		query, err := body.query(endpoint, now)
		if err == nil && (!query.Since.Before(query.Until) || query.EndpointID != endpoint || query.Limit != maxReplayed || query.State.Pending()) {
			t.Errorf("%s passed as %+v", raw, query)
		}
	})
}

// FuzzPushSetting holds a setting that passes to what the store takes, and clients can be shown again.
func FuzzPushSetting(f *testing.F) {
	for _, seed := range []string{
		`{}`, `{"level":"mentions","mutedUntil":"2026-12-30T07:00:00Z"}`, `{"level":"default"}`, `{"roomId":"0192d3a0-0000-7000-8000-000000000001","level":"default"}`,
		`{"level":"none","mutedUntil":"9999-12-31T23:59:59.999999999-23:59"}`, `{"roomId":"00000000-0000-0000-0000-000000000000","level":"all","mutedUntil":null}`,
	} {
		f.Add([]byte(seed))
	}
	user, now := uuid.New(), time.Date(2026, 11, 30, 7, 0, 0, 0, time.UTC)
	f.Fuzz(func(t *testing.T, raw []byte) {
		var body settingBody
		if httpapi.DecodeJSON(raw, &body) != nil {
			return
		}
		p, err := body.parse(user, now)
		if err != nil {
			return
		}
		if p.UserID != user || !p.MutedUntil.IsZero() && (!p.MutedUntil.After(now) || p.MutedUntil.Year() > 9999 || p.MutedUntil.Location() != time.UTC) {
			t.Errorf("%s passed as %+v", raw, p)
		}
	})
}
