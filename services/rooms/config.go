package rooms

import (
	"fmt"
	"slices"

	"github.com/ism-chat/ism/libs/config"
	"github.com/ism-chat/ism/libs/httpapi"
	"github.com/ism-chat/ism/services/rooms/internal/changes"
)

// Config is the service's own configuration.
type Config struct {
	MaxMembers          int             `envconfig:"MAX_MEMBERS" default:"10" desc:"most users that a room may have, 2 or more; ISM_HTTP_BODY_LIMIT must have room for their ids"`
	Invites             changes.Invites `envconfig:"INVITES" default:"anyone" desc:"whom a user may draw into rooms, by creating or inviting: anyone, friends, shared-room (who is in another room with the user), backend (nobody)"`
	CreationsPerHour    int             `envconfig:"CREATIONS_PER_HOUR" default:"1000" desc:"most rooms that a user may create in an hour; 0: any number"`
	InvitationsPerHour  int             `envconfig:"INVITATIONS_PER_HOUR" default:"10000" desc:"most users whom a user may draw into Groups in an hour, by creating or inviting; 0: any number"`
	ContactsPerHour     int             `envconfig:"CONTACTS_PER_HOUR" default:"1000" desc:"most first contacts of a user in an hour, Single rooms with users who are no friends and requests to be friends; 0: any number"`
	HistorySinceJoining bool            `envconfig:"HISTORY_SINCE_JOINING" default:"false" desc:"whether who joins a room sees only what was written since, unless the room says otherwise"`
	UnreadChanges       bool            `envconfig:"UNREAD_CHANGES" default:"false" desc:"whether messages of who joins and leaves count as unread; clients then count RoomChangeEvent as they do ChatMessage"`
	Receipts            string          `envconfig:"RECEIPTS" default:"on" desc:"on: members of a room are told what others have read, unless those keep it to themselves; off: nobody is"`
	ErasedBy            []string        `envconfig:"ERASED_BY" default:"messages,notifications,media" desc:"other services whose part the receipt of a deleted user waits for, comma-separated: those that this installation runs"`
}

const fewestMembers = 2

// Validate implements [config.Validator].
func (c Config) Validate() []config.Fault {
	var faults []config.Fault
	if c.MaxMembers < fewestMembers || c.MaxMembers > changes.MostUsers {
		faults = append(faults, config.Fault{
			Variable: "MAX_MEMBERS",
			Problem:  fmt.Sprintf("%d is out of range; allowed: %d to %d", c.MaxMembers, fewestMembers, changes.MostUsers),
		})
	}
	if !slices.Contains([]string{"", receiptsOn, receiptsOff}, c.Receipts) {
		faults = append(faults, config.Fault{Variable: "RECEIPTS", Problem: fmt.Sprintf("%q is unknown; allowed: on, off", c.Receipts)})
	}
	for variable, most := range map[string]int{
		"CREATIONS_PER_HOUR": c.CreationsPerHour, "INVITATIONS_PER_HOUR": c.InvitationsPerHour, "CONTACTS_PER_HOUR": c.ContactsPerHour,
	} {
		if most < 0 {
			faults = append(faults, config.Fault{Variable: variable, Problem: fmt.Sprintf("%d is negative; allowed: 0 or above", most)})
		}
	}
	if c.Invites != "" && !c.Invites.Valid() {
		faults = append(faults, config.Fault{
			Variable: "INVITES", Problem: fmt.Sprintf("%q is unknown; allowed: anyone, friends, shared-room, backend", c.Invites),
		})
	}
	for _, service := range c.ErasedBy {
		if !slices.Contains([]string{"messages", "notifications", "media"}, service) {
			faults = append(faults, config.Fault{Variable: "ERASED_BY", Problem: fmt.Sprintf("%q is unknown; allowed: messages, notifications, media", service)})
		}
	}
	return faults
}

// What [Config.Receipts] may be; empty is on.
const (
	receiptsOn  = "on"
	receiptsOff = "off"
)

// budgets are what each user may do in an hour.
func (c Config) budgets() changes.Budgets {
	return changes.Budgets{Creations: c.CreationsPerHour, Invitations: c.InvitationsPerHour, Contacts: c.ContactsPerHour}
}

// Within says where the settings do not go with those of the listener: a request must be able to name as many users as a room may have.
// Variables in the faults begin behind ISM_.
func (c Config) Within(listener httpapi.Config) []config.Fault {
	most := mostNamed(listener.BodyLimit)
	if c.MaxMembers <= most {
		return nil
	}
	return []config.Fault{{
		Variable: "ROOMS_MAX_MEMBERS",
		Problem: fmt.Sprintf("%d does not go with ISM_HTTP_BODY_LIMIT, %d: a request of that size names %d users at most; allowed: ISM_ROOMS_MAX_MEMBERS up to %d, or ISM_HTTP_BODY_LIMIT from %d on",
			c.MaxMembers, listener.BodyLimit, max(most, 0), max(most, 0), requestSize(c.MaxMembers)),
	}}
}

// What a request to create a room takes, bytes, without white space around its JSON.
const (
	requestFrame = len(`{"roomType":"Group","roomName":"","invitedUsers":[]}`)
	longestName  = changes.MaxRoomName * len(`\ud83e\udd57`) // a character may be written in two escapes
	eachUser     = len(`"0192d3a0-0000-7000-8000-00000000000a",`)
)

// requestSize is the size of a request that names so many users, at its largest.
func requestSize(users int) int { return requestFrame + longestName + users*eachUser - len(",") }

// mostNamed is how many users a request of the size can name.
func mostNamed(size int) int { return (size - requestFrame - longestName + len(",")) / eachUser }
