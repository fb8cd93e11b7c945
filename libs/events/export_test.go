package events

import (
	"reflect"
	"time"
)

// Entry is what the catalogue says of a type.
type Entry struct {
	Name   string // for example "room.created.v1"
	Schema string // for example "urn:ism:events:room.created:1.0"
	Zero   Data
	Seen   any // what clients see, where the record has it too; nil otherwise
}

// Catalogue gives all of it.
func Catalogue() []Entry {
	entries := make([]Entry, 0, len(catalogue))
	for _, k := range catalogue {
		entry := Entry{Name: k.name, Schema: schemaPrefix + k.schema, Zero: reflect.Zero(k.goType).Interface().(Data)}
		if data, ok := entry.Zero.(streamed); ok {
			entry.Seen = data.payload(time.Time{}, "")
		}
		entries = append(entries, entry)
	}
	return entries
}
