package events

// Pace says how close together a room's messages stand in its partition of the log: [PaceMessages] of them have taken at most 2^Pace offsets. The
// busier the room, the lower. Zero is that of a room whose messages have taken more than 2^26, and of one of which it is not known.
type Pace int

// PaceMessages is how many messages a pace is measured by.
const PaceMessages = 8192

// paces are those that rooms have: few, so that the pace of a room seldom changes.
var paces = [...]Pace{17, 20, 23, 26}

// PaceOf gives the pace of a room whose messages have taken so many offsets.
func PaceOf(offsets int64) Pace {
	for _, pace := range paces {
		if offsets <= 1<<pace {
			return pace
		}
	}
	return 0
}
