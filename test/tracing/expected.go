package tracing

const (
	server   = "server"
	client   = "client"
	producer = "producer"
	consumer = "consumer"
	internal = "internal"
)

// Attributes by which traces are found, and those that say where a record stands.
const (
	MessageID = "ism.message.id"
	RoomID    = "ism.room.id"

	group     = "messaging.consumer.group.name"
	partition = "messaging.destination.partition.id"
	offset    = "messaging.kafka.offset"
	eventID   = "messaging.message.id"
	statement = "db.query.text"
)

// Send is the trace of POST /api/send-msg, of a message of which at least one recipient has a stream. The gateway's span is
// above it where the gateway traces.
func Send() Expectation {
	return Expectation{
		Service: "messages", Name: "POST /api/send-msg", Kind: server, Keys: []string{MessageID, RoomID},
		Below: []Expectation{
			{
				Service: "messages", Name: "GET /internal/rooms/{room_id}/members", Kind: client, Keys: []string{RoomID}, Optional: true, Engines: true,
				Below: []Expectation{
					{Service: "rooms", Name: "GET /internal/rooms/:room_id/members", Kind: server},
				},
			},
			{
				Service: "messages", Name: "send ism.rooms", Kind: producer, Keys: []string{partition, offset, eventID},
				Below: []Expectation{
					edge(MessageID, RoomID),
					{
						Service: "messages", Name: "process ism.rooms", Kind: consumer, Group: "ism.messages.timeline",
						Keys: []string{MessageID, RoomID, partition, offset, eventID, "ism.timeline"},
						Below: []Expectation{
							{Service: "messages", Name: "store append", Kind: internal, Optional: true},
						},
					},
					{
						Service: "rooms", Name: "process ism.rooms", Kind: consumer, Group: "ism.rooms.previews",
						Keys: []string{MessageID, RoomID, partition, offset, eventID},
						Below: []Expectation{
							{Service: "rooms", Name: "UPDATE", Kind: client, Keys: []string{statement}, Engines: true},
						},
					},
				},
			},
			{
				Service: "messages", Name: "store append", Kind: internal,
				Below: []Expectation{
					{
						Service: "messages", Name: "BATCH INSERT messages message_times message_ids", Kind: client,
						Keys: []string{statement, "db.namespace", "server.address"}, Engines: true,
					},
				},
			},
		},
	}
}

// CreateRoom is the trace of POST /api/rooms/create-room, of a room with a member who has a stream. Between the request and
// the record stands the outbox.
func CreateRoom() Expectation {
	return Expectation{
		Service: "rooms", Name: "POST /api/rooms/create-room", Kind: server,
		Below: []Expectation{
			{Service: "rooms", Name: "INSERT", Kind: client, Keys: []string{statement}, Engines: true},
			{
				Service: "rooms", Name: "send ism.rooms", Kind: producer, Keys: []string{partition, offset, eventID},
				Below: []Expectation{
					edge(RoomID),
					{
						Service: "notifications", Name: "process ism.rooms", Kind: consumer, Group: "ism.notifications.inbox",
						Keys: []string{partition, offset, eventID},
						Below: []Expectation{
							{Service: "notifications", Name: "INSERT", Kind: client, Keys: []string{statement}, Engines: true},
						},
					},
				},
			},
		},
	}
}

// edge is what becomes of a record at each edge, which writes it to the streams that it has. An edge reads without a group.
func edge(about ...string) Expectation {
	return Expectation{
		Service: "realtime", Name: "process ism.rooms", Kind: consumer, Each: true,
		Keys: append(about, partition, offset, eventID, "ism.streams"),
		Below: []Expectation{
			{Service: "realtime", Name: "write stream", Kind: internal, Keys: []string{"enduser.id"}},
		},
	}
}
