package wire

import "github.com/google/uuid"

// User is a user as all others see it, in the shape of the ISM wire.
type User struct {
	ID             uuid.UUID `json:"id"`
	DisplayName    string    `json:"displayName"`
	StreetCredits  int       `json:"streetCredits"`
	ProfilePicture *string   `json:"profilePicture"`
	Description    *string   `json:"description"`
	FriendsCount   int       `json:"friendsCount"`
	Role           *string   `json:"role"`
}

// Relationship is how one user stands to another, as the first of them sees it.
type Relationship string

// The relationships of the wire. Two users who have nothing to do with each other have none.
const (
	Friend         Relationship = "FRIEND"
	InviteSent     Relationship = "INVITE_SENT"     // the user has asked the other to be friends
	InviteReceived Relationship = "INVITE_RECEIVED" // the other has asked
	Blocking       Relationship = "CLIENT_BLOCKED"  // the user has blocked the other, who may have done so, too
	BlockedBy      Relationship = "CLIENT_GOT_BLOCKED"
)

// OrNull is the relationship as it stands on the wire: nil where there is none.
func (r Relationship) OrNull() *Relationship {
	if r == "" {
		return nil
	}
	return &r
}

// RelatedUser is a user, and how the caller stands to it.
type RelatedUser struct {
	User         User          `json:"user"`
	Relationship *Relationship `json:"relationshipType"`
}

// UserPage is a page of users that were searched for.
type UserPage struct {
	NextCursor *string       `json:"nextCursor"` // nil: there are no more
	Content    []RelatedUser `json:"content"`
}

// RelationshipState is how the caller stands to a user after it has changed that.
type RelationshipState struct {
	State *Relationship `json:"state"`
}

// FriendRequestReceived is the server-sent event to a user whom another has asked to be friends, in the shape of the ISM wire.
type FriendRequestReceived struct {
	Type      string `json:"type"` // "FriendRequestReceived"
	FromUser  User   `json:"fromUser"`
	CreatedAt Time   `json:"createdAt"`
}

// FriendRequestAccepted is the server-sent event to a user whose request another has accepted, in the shape of the ISM wire.
type FriendRequestAccepted struct {
	Type      string `json:"type"` // "FriendRequestAccepted"
	FromUser  User   `json:"fromUser"`
	CreatedAt Time   `json:"createdAt"`
}
