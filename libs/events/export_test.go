package events

import "reflect"

// Entry is what the catalogue says of a type.
type Entry struct {
	Name   string // for example "room.created.v1"
	Schema string // for example "urn:ism:events:room.created:1.0"
	Zero   Data
}

// Catalogue gives all of it.
func Catalogue() []Entry {
	entries := make([]Entry, 0, len(catalogue))
	for _, k := range catalogue {
		entries = append(entries, Entry{Name: k.name, Schema: schemaPrefix + k.schema, Zero: reflect.Zero(k.goType).Interface().(Data)})
	}
	return entries
}
