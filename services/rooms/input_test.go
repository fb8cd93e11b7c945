package rooms

import (
	"encoding/json"
	"slices"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/ism-chat/ism/libs/wire"
	"github.com/ism-chat/ism/services/rooms/internal/changes"
)

// FuzzNewRoom holds whatever passes the checks to what the store relies on.
func FuzzNewRoom(f *testing.F) {
	caller := uuid.MustParse("0192d3a0-0000-7000-8000-00000000000a")
	const other = "0192d3a0-0000-7000-8000-00000000000b"
	for _, seed := range []string{
		`{"roomType":"Single","invitedUsers":["` + caller.String() + `","` + other + `"]}`,
		`{"roomType":"Group","roomName":"Lunch 🥗","invitedUsers":["` + caller.String() + `","` + other + `","` + other + `"]}`,
		`{"roomType":"Group","roomName":"  ","invitedUsers":["` + caller.String() + `","` + other + `"]}`,
		`{"roomType":"Single","invitedUsers":["` + caller.String() + `","` + "urn:uuid:" + caller.String() + `"]}`,
		`{"roomType":"group","roomName":null,"invitedUsers":[]}`,
		`{}`,
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		var body newRoomBody
		if json.Unmarshal(raw, &body) != nil {
			return
		}
		const most = 3
		room, err := body.room(caller, Config{MaxMembers: most}, time.Now())
		if err != nil {
			return
		}
		distinct := slices.Clone(room.Users)
		slices.SortFunc(distinct, func(a, b uuid.UUID) int { return slices.Compare(a[:], b[:]) })
		distinct = slices.Compact(distinct)
		switch {
		case !room.Type.Valid(), room.Creator != caller, !slices.Contains(room.Users, caller), len(distinct) != len(room.Users):
			t.Errorf("%s passed as %+v", raw, room)
		case len(room.Users) < 2, len(room.Users) > most, room.Type == wire.Single && (len(room.Users) != 2 || room.Name != nil):
			t.Errorf("%s passed as %+v", raw, room)
		case room.Name != nil && (*room.Name == "" || !isLine(*room.Name, changes.MaxRoomName)):
			t.Errorf("%s passed with the name %q", raw, *room.Name)
		}
	})
}
