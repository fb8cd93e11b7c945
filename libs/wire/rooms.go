// Package wire has the JSON shapes that clients of the ISM wire see: in answers, in the data of server-sent events and, since events
// carry them unchanged, in the log. Names and shapes are a contract with existing clients: fields may be added, never renamed.
//
// Each type has the schema of its name in schemas.yaml, which the services' OpenAPI documents and the events' AsyncAPI document refer to.
package wire

import (
	"unicode/utf8"

	"github.com/google/uuid"
	"github.com/rivo/uniseg"
)

// RoomType is the kind of a room: of exactly two users, or of a group.
type RoomType string

// The room types of the wire.
const (
	Single RoomType = "Single"
	Group  RoomType = "Group"
)

// Valid reports whether t is a room type of the wire.
func (t RoomType) Valid() bool { return t == Single || t == Group }

// Room is a room as one of its members sees it, in the shape of the ISM wire.
type Room struct {
	ID                uuid.UUID `json:"id"`
	Type              RoomType  `json:"roomType"`
	ImageURL          *string   `json:"roomImageUrl"`
	Name              *string   `json:"roomName"`
	CreatedAt         Time      `json:"createdAt"`
	LatestMessage     Time      `json:"latestMessage"`
	Unread            bool      `json:"unread"`
	LatestMessageText *Preview  `json:"latestMessagePreviewText"`
	// UnreadCount is how many messages of others the member has not read, of those up to UnreadAsOf.
	UnreadCount int `json:"unreadCount"`
	// UnreadAsOf is the position that UnreadCount counts up to; empty in a room without messages.
	UnreadAsOf string `json:"unreadAsOf"`
}

// PublicRoom is what all members of a room see alike, whatever they have read.
type PublicRoom struct {
	ID        uuid.UUID `json:"id"`
	Type      RoomType  `json:"roomType"`
	ImageURL  *string   `json:"roomImageUrl"`
	Name      *string   `json:"roomName"`
	CreatedAt Time      `json:"createdAt"`
}

// RoomRetention is for how many days a room keeps its messages.
type RoomRetention struct {
	Days int  `json:"days"` // 0: for ever
	Own  bool `json:"own"`  // the room's, not the installation's
}

// For is the room as the given member sees it: a Single room carries the other member's name and picture.
func (r Room) For(user uuid.UUID, members []Member) Room {
	if r.Type != Single {
		return r
	}
	for _, m := range members {
		if m.ID != user {
			name := m.DisplayName
			r.Name, r.ImageURL = &name, m.ProfilePicture
			return r
		}
	}
	return r
}

// MembershipStatus says how a user stands to a room.
type MembershipStatus string

// The membership statuses of the wire.
const (
	Joined  MembershipStatus = "Joined"
	Left    MembershipStatus = "Left"
	Invited MembershipStatus = "Invited"
)

// DeletedName is the name of a user who was deleted.
const DeletedName = "deleted user"

// Member is a user in a room, in the shape of the ISM wire.
type Member struct {
	ID             uuid.UUID        `json:"id"`
	DisplayName    string           `json:"displayName"`
	ProfilePicture *string          `json:"profilePicture"`
	JoinedAt       Time             `json:"joinedAt"`
	LastReadAt     *Time            `json:"lastMessageReadAt"`
	Status         MembershipStatus `json:"membershipStatus"`
}

// Preview is the line that a room list shows of the latest message. It is tagged by Type; its other fields are snake_case
// on the wire, unlike everything else.
type Preview struct {
	Type           string `json:"type"`
	SenderUsername string `json:"sender_username,omitempty"`
	Text           string `json:"text,omitempty"`
	MediaType      string `json:"media_type,omitempty"`
	ReplyText      string `json:"reply_text,omitempty"`
	RoomChangeType Change `json:"room_change_type,omitempty"`
}

// Change is what a [RoomChange] tells of a user.
type Change string

// The changes of the wire. An invited user joins at once.
const (
	Join  Change = "JOIN"
	Leave Change = "LEAVE"
)

// Preview lengths, in characters: text longer than previewLimit is cut to previewCut and "...".
const (
	previewLimit = 50
	previewCut   = 40
)

// TextPreview is the preview of a [Text] message.
func TextPreview(senderUsername, text string) Preview {
	return Preview{Type: "Text", SenderUsername: senderUsername, Text: cut(text)}
}

// MediaPreview is the preview of a Media message.
func MediaPreview(senderUsername, mediaType string) Preview {
	return Preview{Type: "Media", SenderUsername: senderUsername, MediaType: mediaType}
}

// ReplyPreview is the preview of a Reply message.
func ReplyPreview(senderUsername, replyText string) Preview {
	return Preview{Type: "Reply", SenderUsername: senderUsername, ReplyText: cut(replyText)}
}

// RoomChangePreview is the preview of a [RoomChange] message.
func RoomChangePreview(username string, change Change) Preview {
	return Preview{Type: string(RoomChange), SenderUsername: username, RoomChangeType: change}
}

// NewRoomPreview is the preview of a room that has no message yet.
func NewRoomPreview() Preview { return Preview{Type: "New"} }

// DeletedPreview is the preview of a message that has been deleted: that of a room with nothing to show, which old clients know.
func DeletedPreview() Preview { return NewRoomPreview() }

// cut shortens a text. What a reader sees as one character, as an emoji of several, is kept whole or left out.
func cut(text string) string {
	if utf8.RuneCountInString(text) <= previewLimit {
		return text
	}
	kept, characters, state := 0, 0, -1
	for rest := text; rest != ""; {
		var cluster string
		cluster, rest, _, state = uniseg.FirstGraphemeClusterInString(rest, state)
		if characters += utf8.RuneCountInString(cluster); characters > previewCut {
			break
		}
		kept += len(cluster)
	}
	return text[:kept] + "..."
}
