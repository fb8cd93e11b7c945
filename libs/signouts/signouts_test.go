package signouts

import (
	"errors"
	"log/slog"
	"math/rand/v2"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/uuid"

	"github.com/ism-chat/ism/libs/authn"
	"github.com/ism-chat/ism/libs/bus"
	"github.com/ism-chat/ism/libs/events"
	"github.com/ism-chat/ism/libs/servicetest"
	"github.com/ism-chat/ism/libs/telemetry"
	"github.com/ism-chat/ism/libs/wire"
)

func TestMain(m *testing.M) { servicetest.VerifyNoLeaks(m) }

const (
	life   = time.Hour
	issuer = "https://id.example.com/realms/ism"
)

var (
	alice = uuid.MustParse("0192d3a0-0000-7000-8000-00000000000a")
	bob   = uuid.MustParse("0192d3a0-0000-7000-8000-00000000000b")
)

func known(limit int) (*SignOuts, *servicetest.Log) {
	log := &servicetest.Log{}
	s := newSignOuts(life, limit, telemetry.Discard(slog.New(slog.NewTextHandler(log, nil))), time.Now)
	s.CaughtUp()
	return s, log
}

func is(t *testing.T, s *SignOuts, of authn.Session, want bool) {
	t.Helper()
	if out := s.SignedOut(of); out != want {
		t.Errorf("%+v: signed out %t, want %t", of, out, want)
	}
}

func TestBeforeTheLogIsReadNobodyKnows(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSignOuts(life, 10, telemetry.Discard(nil), time.Now)
		begun := time.Now()
		if err := s.Await(t.Context()); !errors.Is(err, authn.ErrNoSignOuts) || time.Since(begun) != startTimeout || s.Ready(t.Context()) == nil {
			t.Errorf("%v after %v, ready: %v", err, time.Since(begun), s.Ready(t.Context()))
		}
		time.AfterFunc(time.Second, s.CaughtUp)
		if err := s.Await(t.Context()); err != nil || s.Ready(t.Context()) != nil {
			t.Errorf("%v, ready: %v", err, s.Ready(t.Context()))
		}
	})
}

func TestWhichTokensAreMeant(t *testing.T) {
	at := time.Now().Truncate(time.Second).Add(300 * time.Millisecond)
	before, same, after := at.Add(-time.Minute), at.Truncate(time.Second), at.Truncate(time.Second).Add(time.Second)
	session := func(user uuid.UUID, of, id string, issued time.Time) authn.Session {
		return authn.Session{UserID: user, Issuer: of, ID: id, IssuedAt: issued}
	}
	user := SignOut{UserID: alice, Before: at}
	one := SignOut{UserID: alice, Issuer: issuer, SessionID: "s-1", Before: at}
	alone := SignOut{Issuer: issuer, SessionID: "s-1", Before: at}
	for name, c := range map[string]struct {
		out  SignOut
		of   authn.Session
		want bool
	}{
		"a user, a token from before":                  {user, session(alice, issuer, "s-1", before), true},
		"a user, of the same second":                   {user, session(alice, issuer, "s-1", same), true},
		"a user, a token since":                        {user, session(alice, issuer, "s-1", after), false},
		"a user, no iat":                               {user, session(alice, issuer, "s-1", time.Time{}), true},
		"a user, no session":                           {user, session(alice, issuer, "", before), true},
		"a user, another":                              {user, session(bob, issuer, "s-1", before), false},
		"a session, its token":                         {one, session(alice, issuer, "s-1", before), true},
		"a session, its token of the same second":      {one, session(alice, issuer, "s-1", same), true},
		"a session, its token since":                   {one, session(alice, issuer, "s-1", after), false},
		"a session, its token without iat":             {one, session(alice, issuer, "s-1", time.Time{}), true},
		"a session, another of the user":               {one, session(alice, issuer, "s-2", before), false},
		"a session, another issuer's of the same name": {one, session(alice, "https://other.example.com", "s-1", before), false},
		"a session, the user's token that tells none":  {one, session(alice, issuer, "", before), true},
		"a session, such a token since":                {one, session(alice, issuer, "", after), false},
		"a session, another's token that tells none":   {one, session(bob, issuer, "", before), false},
		"a session alone, its token":                   {alone, session(alice, issuer, "s-1", before), true},
		"a session alone, whoever is said to be its":   {alone, session(bob, issuer, "s-1", before), true},
		"a session alone, a token that tells none":     {alone, session(alice, issuer, "", before), false},
		"a session alone, a token of nobody in it":     {alone, session(uuid.Nil, issuer, "", before), false},
		"a session, parts of names put together anew":  {one, session(alice, issuer+"s", "-1", before), false},
	} {
		t.Run(name, func(t *testing.T) {
			s, _ := known(10)
			s.add(t.Context(), c.out)
			is(t, s, c.of, c.want)
		})
	}
}

func TestTheLaterOfTwoCounts(t *testing.T) {
	now := time.Now()
	for _, order := range [][]time.Duration{{0, -time.Minute}, {-time.Minute, 0}, {0, 0}} {
		s, _ := known(10)
		for _, ago := range order {
			s.add(t.Context(), SignOut{UserID: alice, Before: now.Add(ago)})
		}
		is(t, s, authn.Session{UserID: alice, IssuedAt: now.Add(-time.Second)}, true)
		is(t, s, authn.Session{UserID: alice, IssuedAt: now.Add(time.Second)}, false)
		if s.entries.len() != 1 {
			t.Errorf("%d entries", s.entries.len())
		}
	}
}

// An entry goes when no token from before can be valid, and not before.
func TestSignOutsAreKeptForAsLongAsATokenLives(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, _ := known(10)
		old := authn.Session{UserID: alice, IssuedAt: time.Now()}
		s.add(t.Context(), SignOut{UserID: alice, Before: time.Now()})
		time.Sleep(life - time.Second)
		s.add(t.Context(), SignOut{UserID: bob, Before: time.Now()})
		is(t, s, old, true)
		time.Sleep(2 * time.Second)
		s.add(t.Context(), SignOut{UserID: bob, Before: time.Now()})
		if s.entries.len() != 1 {
			t.Errorf("%d entries", s.entries.len())
		}
		s.add(t.Context(), SignOut{UserID: alice, Before: time.Now().Add(-life)})
		if s.entries.len() != 1 {
			t.Error("a sign-out from before all tokens is kept")
		}
	})
}

func TestAFullMapForgetsWhoseTokensExpireFirst(t *testing.T) {
	s, log := known(3)
	now := time.Now()
	var users []uuid.UUID
	for i := range 5 { // the oldest in the middle
		users = append(users, uuid.New())
		s.add(t.Context(), SignOut{UserID: users[i], Before: now.Add(-time.Duration([]int{5, 30, 50, 40, 10}[i]) * time.Minute)})
	}
	for i, want := range []bool{true, true, false, false, true} {
		is(t, s, authn.Session{UserID: users[i], IssuedAt: now.Add(-55 * time.Minute)}, want)
	}
	if text := log.String(); !strings.Contains(text, "more users have been signed out than are remembered") {
		t.Errorf("the log has %q", text)
	}
}

// naive says what counts in the plainest way: of all sign-outs, does one mean the token.
func naive(outs []SignOut, of authn.Session) bool {
	for _, out := range outs {
		if !of.IssuedAt.IsZero() && of.IssuedAt.Unix() > out.Before.Unix() {
			continue
		}
		switch {
		case out.SessionID == "" && out.UserID == of.UserID,
			out.SessionID != "" && of.ID == out.SessionID && of.Issuer == out.Issuer,
			out.SessionID != "" && of.ID == "" && of.UserID == out.UserID && of.UserID != uuid.Nil:
			return true
		}
	}
	return false
}

func TestRandomSignOutsCountAsThePlainRuleSays(t *testing.T) {
	users, issuers, sessions := []uuid.UUID{alice, bob, uuid.New()}, []string{issuer, "https://b.example.com"}, []string{"", "1", "2", "3"}
	seed := rand.Uint64()
	random := rand.New(rand.NewPCG(seed, 1))
	at := func() time.Time { return time.Now().Add(-time.Duration(random.IntN(1000)) * time.Second) }
	for range 200 {
		s, _ := known(1000)
		var outs []SignOut
		for range random.IntN(12) {
			out := SignOut{UserID: users[random.IntN(3)], Before: at()}
			if id := sessions[random.IntN(4)]; id != "" {
				out.Issuer, out.SessionID = issuers[random.IntN(2)], id
				if random.IntN(3) == 0 {
					out.UserID = uuid.Nil
				}
			}
			outs = append(outs, out)
			s.add(t.Context(), out)
		}
		for range 50 {
			of := authn.Session{UserID: users[random.IntN(3)], Issuer: issuers[random.IntN(2)], ID: sessions[random.IntN(4)], IssuedAt: at()}
			if random.IntN(8) == 0 {
				of.IssuedAt = time.Time{}
			}
			if out := s.SignedOut(of); out != naive(outs, of) {
				t.Fatalf("seed %d: %+v of %+v: %t", seed, of, outs, out)
			}
		}
	}
}

func recordOf(t *testing.T, at time.Time, data events.Data) bus.Record {
	t.Helper()
	headers, value, err := events.Encode(events.New("/ism/rooms", at, data))
	if err != nil {
		t.Fatal(err)
	}
	return bus.Record{Topic: data.Topic(), Key: data.PartitionKey(), Headers: headers, Value: value}
}

// Who asked to be told finds it known already, so that nothing can slip through between the two.
func TestSignOutsAndDeletionsAreTakenFromTheLog(t *testing.T) {
	s, _ := known(10)
	now := time.Now()
	var told []SignOut
	s.Tell(func(out SignOut) {
		told = append(told, out)
		is(t, s, authn.Session{UserID: out.UserID, Issuer: out.Issuer, ID: out.SessionID}, true)
	})
	broken := recordOf(t, now, events.UserSignedOut{UserID: uuid.New(), Before: wire.At(now)})
	broken.Value = []byte(`{}`)
	err := s.Take(t.Context(), []bus.Record{
		recordOf(t, now, events.FriendAccepted{UserID: bob, FromUser: wire.User{ID: alice}}),
		broken,
		recordOf(t, now, events.UserSignedOut{UserID: alice, Issuer: issuer, SessionID: "s-1", Before: wire.At(now)}),
		recordOf(t, now, events.UserDeleted{UserID: bob, ErasureID: uuid.New()}),
	})
	if err == nil {
		t.Error("a record that cannot be read is passed over in silence")
	}
	if len(told) != 2 || told[0].SessionID != "s-1" || told[1].UserID != bob {
		t.Errorf("told %+v", told)
	}
	is(t, s, authn.Session{UserID: bob, IssuedAt: now.Add(-time.Minute)}, true)
	is(t, s, authn.Session{UserID: bob, IssuedAt: now.Add(time.Minute)}, false)
}

func TestReadingThatIsBehindIsSaidOnce(t *testing.T) {
	log := &servicetest.Log{}
	l := &lateness{log: slog.New(slog.NewTextHandler(log, nil))}
	now := time.Now()
	l.look(t.Context(), now)
	l.asOf(now)
	for _, after := range []time.Duration{time.Second, time.Minute, 61 * time.Second, 2 * time.Minute} {
		l.look(t.Context(), now.Add(after))
	}
	if said := strings.Count(log.String(), "not known who was signed out lately"); said != 1 {
		t.Errorf("said %d times", said)
	}
	l.asOf(now.Add(2 * time.Minute))
	l.look(t.Context(), now.Add(2*time.Minute))
	if !strings.Contains(log.String(), "known again") {
		t.Error("its end is not said")
	}
}
