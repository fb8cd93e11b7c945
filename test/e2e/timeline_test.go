package e2e

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/ism-chat/ism/libs/servicetest"
	"github.com/ism-chat/ism/libs/wire"
	"github.com/ism-chat/ism/test/deployment"
)

func timelineIsPaged(t *testing.T, d *deployment.Deployment) {
	user, other := d.SignIn(t, "u10"), d.SignIn(t, "u11")
	room := createRoom(t, user, wire.Group, "Long", other)
	if page, err := user.Timeline(t.Context(), room.ID, ""); err != nil || len(page.Messages) != 0 || page.Older != "" {
		t.Fatalf("the timeline of a new room: %+v, %v", page, err)
	}
	const total = 63
	var sent []uuid.UUID
	for i := range total {
		sent = append(sent, send(t, user, room.ID, fmt.Sprint(i)).ID)
	}
	slices.Reverse(sent)
	history(t, user, room.ID, total) // pages are of what is there

	var byCursor []uuid.UUID
	for cursor, pages := "", 0; ; pages++ {
		page, err := other.Timeline(t.Context(), room.ID, cursor)
		if err != nil {
			t.Fatal(err)
		}
		if pages == 0 && len(page.Messages) != 25 {
			t.Errorf("the first page has %d messages", len(page.Messages))
		}
		byCursor = append(byCursor, ids(page.Messages)...)
		if pages == 0 {
			send(t, user, room.ID, "while paging")
		}
		if cursor = page.Older; cursor == "" {
			break
		}
	}
	if !slices.Equal(byCursor, sent) {
		t.Errorf("paging by cursor gave %d messages, not the %d sent", len(byCursor), total)
	}

	history(t, user, room.ID, total+1)
	timelineIsWalkedUpwards(t, other, room.ID, sent)
	var byTimestamp []uuid.UUID
	for before := time.Now().Add(time.Hour); ; {
		path := "/api/rooms/" + room.ID.String() + "/timeline?timestamp=" + url.QueryEscape(before.UTC().Format(time.RFC3339Nano))
		status, body := get(t, d, other.Name, path)
		if status != http.StatusOK {
			t.Fatalf("status %d: %s", status, body)
		}
		var page []wire.Message
		if err := json.Unmarshal(body, &page); err != nil {
			t.Fatal(err)
		}
		if len(page) == 0 {
			break
		}
		byTimestamp = append(byTimestamp, ids(page)...)
		before = page[len(page)-1].CreatedAt.Time
	}
	if !slices.Equal(byTimestamp[1:], sent) {
		t.Errorf("paging by timestamp gave %d messages, not the %d sent", len(byTimestamp), total+1)
	}
}

// timelineIsWalkedUpwards goes from a message in the middle to the newest, which came after all that was sent, newest first. Upwards a timeline ends where
// something may be missing, as right behind a send.
func timelineIsWalkedUpwards(t *testing.T, user *deployment.User, room uuid.UUID, sent []uuid.UUID) {
	t.Helper()
	middle := sent[len(sent)/2]
	servicetest.AwaitSuccess(t, "the timeline is walked to its end", func() error {
		page, err := user.TimelineAround(t.Context(), room, middle)
		if err != nil {
			return err
		}
		if !slices.Contains(ids(page.Messages), middle) || len(page.Messages) != 25 {
			return fmt.Errorf("around %s there are %v", middle, ids(page.Messages))
		}
		walked := page.Messages
		for cursor := page.Newer; cursor != ""; cursor = page.Newer {
			if page, err = user.TimelineSince(t.Context(), room, cursor); err != nil {
				return err
			}
			walked = append(page.Messages, walked...)
		}
		if got := ids(walked); len(got) < 2 || !slices.Equal(got[1:], sent[:len(got)-1]) || slices.Contains(sent, got[0]) {
			return fmt.Errorf("upwards from the middle there are %v, want one more and then %v", got, sent)
		}
		return nil
	})
}

func get(t *testing.T, d *deployment.Deployment, user, path string) (status int, body []byte) {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, d.BaseURL+path, nil)
	if err != nil {
		t.Fatal(err)
	}
	if user != "" {
		request.Header.Set("Authorization", "Bearer "+d.Token(t, user))
	}
	response, err := d.HTTP().Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	body, err = io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return response.StatusCode, body
}
