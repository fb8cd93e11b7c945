package rooms

import (
	"net/url"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/google/uuid"

	"github.com/ism-chat/ism/libs/events"
	"github.com/ism-chat/ism/libs/httpapi"
	"github.com/ism-chat/ism/services/rooms/internal/changes"
)

// FuzzProfile holds whatever a backend's profile passes with to what other users are shown.
func FuzzProfile(f *testing.F) {
	id := uuid.MustParse("0192d3a0-0000-7000-8000-00000000000a")
	for _, seed := range []string{
		`{}`, `{"displayName":"Ada"}`, `{"displayName":" \u00a0"}`, `{"displayName":"Ada\u202e","profilePicture":"https://example.com/a.png"}`,
		`{"displayName":"Ada","profilePicture":"javascript:alert(1)","description":"a\nb","role":"","streetCredits":-1,"tenant":""}`,
		`{"displayName":"Ada","tenant":"acme"}`, `{"displayName":"Ada","tenant":"other"}`, `{"displayName":"Ada","profilePicture":"http://[::1","role":"\u0007"}`,
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		var body profileBody
		if httpapi.DecodeJSON(raw, &body) != nil {
			return
		}
		profile, err := body.profile(id, "acme")
		if err != nil {
			return
		}
		if profile.ID != id || profile.Tenant != "acme" || strings.TrimSpace(profile.DisplayName) == "" || !isLine(profile.DisplayName, maxDisplayName) {
			t.Errorf("%s passed as %+v", raw, profile)
		}
		if profile.Picture != nil {
			if u, err := url.Parse(*profile.Picture); err != nil || u.Scheme != "http" && u.Scheme != "https" || len(*profile.Picture) > maxPicture {
				t.Errorf("%s passed with the picture %q", raw, *profile.Picture)
			}
		}
		if profile.Description != nil && utf8.RuneCountInString(*profile.Description) > maxDescription || profile.Role != nil && !isLine(*profile.Role, maxRole) {
			t.Errorf("%s passed as %+v", raw, profile)
		}
	})
}

// FuzzMark holds a mark to naming one message, or none.
func FuzzMark(f *testing.F) {
	for _, seed := range []string{
		`{}`, `{"unread":true}`, `{"messageId":"0192d3a0-0000-7000-8000-00000000000a"}`, `{"messageId":"","position":""}`, `{"position":"0-0"}`,
		`{"position":"00000001-0000000000000001"}`, `{"messageId":null,"position":null}`,
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		var body markBody
		if httpapi.DecodeJSON(raw, &body) != nil {
			return
		}
		message, position, err := body.target()
		switch named := body.MessageID != nil || body.Position != nil; {
		case err != nil && !named:
			t.Errorf("%s is refused, and names nothing: %v", raw, err)
		case err == nil && named != (message != nil || position != nil), message != nil && position != nil:
			t.Errorf("%s passed as %v, %v", raw, message, position)
		case position != nil && *position == events.StartOfLog:
			t.Errorf("%s passed as the start of the log", raw)
		}
	})
}

// FuzzRenaming holds a name that passes to what lists of rooms show.
func FuzzRenaming(f *testing.F) {
	for _, seed := range []string{`{}`, `{"roomName":null}`, `{"roomName":" "}`, `{"roomName":"Lunch\u202e"}`, `{"roomImageUrl":"https://example.com/a.png"}`, `{"roomImageUrl":"data:,"}`} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		var body renamingBody
		if httpapi.DecodeJSON(raw, &body) != nil || body.check() != nil {
			return
		}
		if name := body.Name.Value; name != nil && (strings.TrimSpace(*name) == "" || !isLine(*name, changes.MaxRoomName)) {
			t.Errorf("%s passed with the name %q", raw, *name)
		}
		if picture := body.ImageURL.Value; picture != nil && !isPicture(*picture) {
			t.Errorf("%s passed with the picture %q", raw, *picture)
		}
	})
}
