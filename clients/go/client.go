package client

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/ism-chat/ism/libs/authn/subject"
	"github.com/ism-chat/ism/libs/wire"
)

// TokenSource gives the access token of the user that a client acts for.
type TokenSource func(ctx context.Context) (string, error)

// Token is the source of one fixed token.
func Token(token string) TokenSource {
	return func(context.Context) (string, error) { return token, nil }
}

// Client speaks to an ISM as one user. It is safe for concurrent use.
type Client struct {
	base    string
	http    *http.Client
	token   TokenSource
	kept    *keptToken // nil: the source is asked for each request
	keeping *Client    // the same client, that keeps its token; nil where it is itself
}

// New makes a client of the ISM at the base URL, for example http://localhost:5403. The HTTP client must have no Timeout of
// its own, which would end streams: deadlines are the contexts'. Its requests ask the token source each, but for those of Follow, SendOnce
// and CatchUp, which keep the token; all of [Client.KeepingToken]'s do.
func New(base string, httpClient *http.Client, token TokenSource) *Client {
	client := Client{base: strings.TrimRight(base, "/"), http: httpClient, token: token}
	keeping := client
	keeping.kept = keep(token)
	client.keeping = &keeping
	return &client
}

// KeepingToken is the client that keeps its access token. The source is asked when there is none, shortly before it expires (the claims exp and iat of a JWT),
// and once when the server refuses it (401), never twice at a time. A refusal of the new one is the request's error.
func (c *Client) KeepingToken() *Client {
	if c.keeping == nil {
		return c
	}
	return c.keeping
}

// NewRoom is what a room is created from.
type NewRoom struct {
	Type    wire.RoomType `json:"roomType"`
	Name    string        `json:"roomName,omitempty"`
	Invited []uuid.UUID   `json:"invitedUsers"`
}

// RoomDetails is a room with its members.
type RoomDetails struct {
	wire.Room
	Users []wire.Member `json:"users"`
}

// CreateRoom creates a room; the caller must be among the invited.
func (c *Client) CreateRoom(ctx context.Context, room NewRoom) (wire.Room, error) {
	var created wire.Room
	_, err := c.call(ctx, http.MethodPost, "/api/rooms/create-room", room, &created)
	return created, err
}

// Rooms lists the caller's rooms, the one with the newest message first.
func (c *Client) Rooms(ctx context.Context) ([]wire.Room, error) {
	var rooms []wire.Room
	_, err := c.call(ctx, http.MethodGet, "/api/rooms", nil, &rooms)
	return rooms, err
}

// Room gives a room as the caller sees it.
func (c *Client) Room(ctx context.Context, id uuid.UUID) (wire.Room, error) {
	var room wire.Room
	_, err := c.call(ctx, http.MethodGet, "/api/rooms/"+id.String(), nil, &room)
	return room, err
}

// RoomDetails gives a room with its members.
func (c *Client) RoomDetails(ctx context.Context, id uuid.UUID) (RoomDetails, error) {
	var room RoomDetails
	_, err := c.call(ctx, http.MethodGet, "/api/rooms/"+id.String()+"/detailed", nil, &room)
	return room, err
}

// Members lists a room's members, those who left too.
func (c *Client) Members(ctx context.Context, id uuid.UUID) ([]wire.Member, error) {
	var members []wire.Member
	_, err := c.call(ctx, http.MethodGet, "/api/rooms/"+id.String()+"/users", nil, &members)
	return members, err
}

// MarkRead marks all that is in a room as read.
func (c *Client) MarkRead(ctx context.Context, id uuid.UUID) error {
	_, err := c.call(ctx, http.MethodPost, "/api/rooms/"+id.String()+"/mark-read", nil, nil)
	return err
}

// Leave takes the caller out of a room. A Single room ends with that for both.
func (c *Client) Leave(ctx context.Context, id uuid.UUID) error {
	_, err := c.call(ctx, http.MethodPost, "/api/rooms/"+id.String()+"/leave", nil, nil)
	return err
}

// Invite makes a user a member of a Group.
func (c *Client) Invite(ctx context.Context, room, user uuid.UUID) error {
	_, err := c.call(ctx, http.MethodPost, "/api/rooms/"+room.String()+"/invite/"+user.String(), nil, nil)
	return err
}

// RenameRoom gives a Group another name.
func (c *Client) RenameRoom(ctx context.Context, room uuid.UUID, name string) (wire.PublicRoom, error) {
	var renamed wire.PublicRoom
	_, err := c.call(ctx, http.MethodPatch, "/api/rooms/"+room.String(), map[string]string{"roomName": name}, &renamed)
	return renamed, err
}

// Page is a part of a room's timeline, newest first. Older and Newer are the cursors of the pages on both sides; "" where nothing is there.
type Page struct {
	Messages     []wire.Message
	Older, Newer string
	// CompleteBefore is the position from which on messages may be missing for the moment; "" where none are.
	CompleteBefore string
}

// Timeline gives the page before the cursor, "" for the newest.
func (c *Client) Timeline(ctx context.Context, room uuid.UUID, cursor string) (Page, error) {
	query := url.Values{}
	if cursor != "" {
		query.Set("cursor", cursor)
	}
	return c.page(ctx, room, query)
}

// TimelineSince gives the page behind the cursor, "" for the oldest.
func (c *Client) TimelineSince(ctx context.Context, room uuid.UUID, cursor string) (Page, error) {
	query := url.Values{"direction": {"newer"}}
	if cursor != "" {
		query.Set("cursor", cursor)
	}
	return c.page(ctx, room, query)
}

// TimelineAround gives the page that has the message in its middle.
func (c *Client) TimelineAround(ctx context.Context, room, message uuid.UUID) (Page, error) {
	return c.page(ctx, room, url.Values{"around": {message.String()}})
}

func (c *Client) page(ctx context.Context, room uuid.UUID, query url.Values) (page Page, err error) {
	header, err := c.call(ctx, http.MethodGet, "/api/rooms/"+room.String()+"/timeline?"+query.Encode(), nil, &page.Messages)
	if err != nil {
		return Page{}, err
	}
	page.Older, page.Newer = header.Get("X-Next-Cursor"), header.Get("X-Previous-Cursor")
	page.CompleteBefore = header.Get("X-Complete-Before")
	if query.Get("direction") == "newer" {
		page.Older, page.Newer = page.Newer, page.Older
	}
	return page, nil
}

// Changes gives what has happened in a room since a position: that of a message or an event, or what an earlier answer says; "" for all.
func (c *Client) Changes(ctx context.Context, room uuid.UUID, since string) (wire.Changes, error) {
	var changes wire.Changes
	_, err := c.call(ctx, http.MethodGet, "/api/rooms/"+room.String()+"/changes?since="+url.QueryEscape(since), nil, &changes)
	return changes, err
}

// History gives a room's whole timeline, oldest first.
func (c *Client) History(ctx context.Context, room uuid.UUID) ([]wire.Message, error) {
	var newestFirst []wire.Message
	for cursor := ""; ; {
		page, err := c.Timeline(ctx, room, cursor)
		if err != nil {
			return nil, err
		}
		newestFirst = append(newestFirst, page.Messages...)
		if cursor = page.Older; cursor == "" {
			break
		}
	}
	oldestFirst := make([]wire.Message, 0, len(newestFirst))
	for i := len(newestFirst) - 1; i >= 0; i-- {
		oldestFirst = append(oldestFirst, newestFirst[i])
	}
	return oldestFirst, nil
}

// Poll waits until something has happened behind the event id, at most for the timeout, in whole seconds, and gives it. With "" it gives the
// id at once from which to poll on.
func (c *Client) Poll(ctx context.Context, lastEventID string, timeout time.Duration) (wire.Poll, error) {
	query := url.Values{"timeout": {strconv.Itoa(int(timeout.Seconds()))}}
	if lastEventID != "" {
		query.Set("last_event_id", lastEventID)
	}
	var answer wire.Poll
	_, err := c.call(ctx, http.MethodGet, "/api/poll?"+query.Encode(), nil, &answer)
	return answer, err
}

// StreamTicket gives a ticket with which one stream of the caller can be opened without a token, see [Client.StreamByTicket].
func (c *Client) StreamTicket(ctx context.Context) (wire.StreamTicket, error) {
	var ticket wire.StreamTicket
	_, err := c.call(ctx, http.MethodPost, "/api/sse/ticket", nil, &ticket)
	return ticket, err
}

// DisconnectUser ends all open streams of a user. The caller is a backend whose token has the role of administrators.
func (c *Client) DisconnectUser(ctx context.Context, user uuid.UUID) error {
	_, err := c.call(ctx, http.MethodPost, "/api/admin/users/"+user.String()+"/disconnect", nil, nil)
	return err
}

// SignOutUser ends all sessions of a user: the tokens that it has got so far are refused, and its streams end. The caller is a backend, as of
// [Client.DisconnectUser].
func (c *Client) SignOutUser(ctx context.Context, user uuid.UUID) error {
	_, err := c.call(ctx, http.MethodPost, "/api/admin/users/"+user.String()+"/sign-out", nil, nil)
	return err
}

// EndRoom ends a room for all its members. The caller is a backend, as of [Client.DisconnectUser].
func (c *Client) EndRoom(ctx context.Context, room uuid.UUID) error {
	_, err := c.call(ctx, http.MethodDelete, "/api/admin/rooms/"+room.String(), nil, nil)
	return err
}

// UserID is the id of the user whom an issuer (the claim iss) knows by a subject (the claim sub), as an installation has it by default: a UUID is
// the id itself, of another text it is the UUID of version 5 in the issuer's namespace. For issuers whose subjects are configured otherwise
// (ISM_OIDC_SUBJECTS=derived, and issuers beside the first) there is [DerivedUserID].
func UserID(issuer, sub string) (uuid.UUID, error) { return subject.UserID(subject.AsIs, issuer, sub) }

// DerivedUserID is [UserID] where a UUID is a text like any other.
func DerivedUserID(issuer, sub string) (uuid.UUID, error) {
	return subject.UserID(subject.Derived, issuer, sub)
}

// Subject reads the user's id from an access token, see [UserID], without verifying it: that is the server's part.
func Subject(token string) (uuid.UUID, error) {
	parts := strings.Split(token, ".")
	if len(parts) != 3 {
		return uuid.Nil, errors.New("read token: it is no JWT")
	}
	raw, err := base64.RawURLEncoding.DecodeString(parts[1])
	if err != nil {
		return uuid.Nil, fmt.Errorf("read token: %w", err)
	}
	var claims struct {
		Issuer  string `json:"iss"`
		Subject string `json:"sub"`
	}
	if err := json.Unmarshal(raw, &claims); err != nil {
		return uuid.Nil, fmt.Errorf("read token: %w", err)
	}
	id, err := UserID(claims.Issuer, claims.Subject)
	if err != nil {
		return uuid.Nil, fmt.Errorf("read token: %w", err)
	}
	return id, nil
}

// PasswordToken gets a token from an OIDC issuer by the password grant (RFC 6749, section 4.3), which development realms
// allow, and the time at which it expires.
func PasswordToken(ctx context.Context, httpClient *http.Client, issuer, clientID, user, password string) (string, time.Time, error) {
	return requestToken(ctx, httpClient, issuer, url.Values{
		"grant_type": {"password"}, "client_id": {clientID}, "username": {user}, "password": {password}, "scope": {"openid"},
	})
}

// BackendToken gets a token for a backend itself, by the client credentials grant (RFC 6749, section 4.4), and the time at which it expires.
func BackendToken(ctx context.Context, httpClient *http.Client, issuer, clientID, secret string) (string, time.Time, error) {
	return requestToken(ctx, httpClient, issuer, url.Values{
		"grant_type": {"client_credentials"}, "client_id": {clientID}, "client_secret": {secret},
	})
}

func requestToken(ctx context.Context, httpClient *http.Client, issuer string, form url.Values) (string, time.Time, error) {
	endpoint := strings.TrimRight(issuer, "/") + "/protocol/openid-connect/token"
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, endpoint, strings.NewReader(form.Encode()))
	if err != nil {
		return "", time.Time{}, fmt.Errorf("make token request: %w", err)
	}
	request.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	response, err := httpClient.Do(request)
	if err != nil {
		return "", time.Time{}, fmt.Errorf("request token: %w", err)
	}
	defer response.Body.Close()
	if response.Header.Get("Retry-After") != "" {
		body, _ := io.ReadAll(io.LimitReader(response.Body, maxAnswer)) // what can be read of why
		return "", time.Time{}, problemOf(response, body)
	}
	var answer struct {
		Token     string `json:"access_token"`
		ExpiresIn int    `json:"expires_in"` // seconds
		Error     string `json:"error_description"`
	}
	if err := json.NewDecoder(io.LimitReader(response.Body, maxAnswer)).Decode(&answer); err != nil {
		return "", time.Time{}, fmt.Errorf("decode token answer (status %d): %w", response.StatusCode, err)
	}
	if response.StatusCode != http.StatusOK || answer.Token == "" {
		return "", time.Time{}, fmt.Errorf("no token by the %s grant: status %d: %s", form.Get("grant_type"), response.StatusCode, answer.Error)
	}
	return answer.Token, time.Now().Add(time.Duration(answer.ExpiresIn) * time.Second), nil
}
