package cassandra

import (
	"github.com/gocql/gocql"
	"github.com/google/uuid"

	"github.com/ism-chat/ism/libs/wire"
)

// mentionsOf is what the column has of whom a message mentions. It writes nothing where that is nobody, as [orUnset] does.
func mentionsOf(message wire.Message) any {
	if len(message.Mentions) == 0 {
		return gocql.UnsetValue
	}
	return idsOf(message.Mentions)
}

// idsOf gives users as a column has them, never nil.
func idsOf(users []uuid.UUID) []gocql.UUID {
	ids := make([]gocql.UUID, len(users))
	for i, user := range users {
		ids[i] = gocql.UUID(user)
	}
	return ids
}

// usersOf reads the column; nil where it has nobody.
func usersOf(column []gocql.UUID) []uuid.UUID {
	if len(column) == 0 {
		return nil
	}
	users := make([]uuid.UUID, len(column))
	for i, user := range column {
		users[i] = uuid.UUID(user)
	}
	return users
}
