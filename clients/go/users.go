package client

import (
	"context"
	"net/http"
	"net/url"

	"github.com/google/uuid"

	"github.com/ism-chat/ism/libs/wire"
)

// User gives a user, and how the caller stands to it.
func (c *Client) User(ctx context.Context, id uuid.UUID) (wire.RelatedUser, error) {
	var user wire.RelatedUser
	_, err := c.call(ctx, http.MethodGet, "/api/users/"+id.String(), nil, &user)
	return user, err
}

// Me gives the user that the client's token is of.
func (c *Client) Me(ctx context.Context) (wire.User, error) {
	var me wire.User
	_, err := c.call(ctx, http.MethodGet, "/api/users/me", nil, &me)
	return me, err
}

// SearchUsers gives a page of the users whose names begin with the text, at the cursor, "" for the first.
func (c *Client) SearchUsers(ctx context.Context, name, cursor string) (wire.UserPage, error) {
	query := url.Values{"username": {name}}
	if cursor != "" {
		query.Set("cursor", cursor)
	}
	var page wire.UserPage
	_, err := c.call(ctx, http.MethodGet, "/api/users/search?"+query.Encode(), nil, &page)
	return page, err
}

// Friends lists the caller's friends, the latest first.
func (c *Client) Friends(ctx context.Context) ([]wire.User, error) {
	var friends []wire.User
	_, err := c.call(ctx, http.MethodGet, "/api/users/friends", nil, &friends)
	return friends, err
}

// FriendRequests lists those who have asked the caller to be friends, the latest first.
func (c *Client) FriendRequests(ctx context.Context) ([]wire.User, error) {
	var requests []wire.User
	_, err := c.call(ctx, http.MethodGet, "/api/users/friends/requests", nil, &requests)
	return requests, err
}

// AddFriend asks a user to be friends or, where the user has asked, accepts.
func (c *Client) AddFriend(ctx context.Context, user uuid.UUID) (wire.RelationshipState, error) {
	return c.relate(ctx, http.MethodPost, "friends/add/", user)
}

// AcceptFriend accepts the request of a user to be friends.
func (c *Client) AcceptFriend(ctx context.Context, user uuid.UUID) (wire.RelationshipState, error) {
	return c.relate(ctx, http.MethodPost, "friends/accept-request/", user)
}

// RejectFriend rejects the request of a user to be friends.
func (c *Client) RejectFriend(ctx context.Context, user uuid.UUID) (wire.RelationshipState, error) {
	return c.relate(ctx, http.MethodDelete, "friends/reject-request/", user)
}

// RemoveFriend ends a friendship, or takes the caller's own request back.
func (c *Client) RemoveFriend(ctx context.Context, user uuid.UUID) (wire.RelationshipState, error) {
	return c.relate(ctx, http.MethodDelete, "friends/", user)
}

// IgnoreUser blocks a user.
func (c *Client) IgnoreUser(ctx context.Context, user uuid.UUID) (wire.RelationshipState, error) {
	return c.relate(ctx, http.MethodPost, "ignore/", user)
}

// UnignoreUser ends the caller's block of a user.
func (c *Client) UnignoreUser(ctx context.Context, user uuid.UUID) (wire.RelationshipState, error) {
	return c.relate(ctx, http.MethodDelete, "ignore/", user)
}

func (c *Client) relate(ctx context.Context, method, path string, user uuid.UUID) (wire.RelationshipState, error) {
	var state wire.RelationshipState
	_, err := c.call(ctx, method, "/api/users/"+path+user.String(), nil, &state)
	return state, err
}
