package config

import (
	"log/slog"
	"reflect"
	"time"
)

// kind says what a leaf's type is called in the reference, and in a fault what is allowed.
type kind struct{ name, allowed string }

func kindOf(t reflect.Type) kind {
	switch t {
	case reflect.TypeFor[Secret]():
		return kind{"secret", "a text"}
	case reflect.TypeFor[time.Duration]():
		return kind{"duration", "a duration such as 10s, 1m30s or 250ms"}
	case reflect.TypeFor[slog.Level]():
		return kind{"level", "a level"}
	}
	if unmarshals(t) {
		return kind{"text", "allowed"}
	}
	switch t.Kind() {
	case reflect.Bool:
		return kind{"boolean", "true or false"}
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		return kind{"integer", "a whole number"}
	case reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		return kind{"integer", "a whole number of 0 or more"}
	case reflect.Float32, reflect.Float64:
		return kind{"number", "a number such as 0.5"}
	case reflect.Slice:
		return kind{"list", "a comma-separated list, each entry " + kindOf(t.Elem()).allowed}
	case reflect.Map:
		return kind{"map", "a comma-separated list of key:value"}
	default:
		return kind{"text", "a text"}
	}
}

func isSecret(t reflect.Type) bool { return t == reflect.TypeFor[Secret]() }

// isList reports whether values of the type are written as a comma-separated list.
func isList(t reflect.Type) bool {
	isBytes := t.Kind() == reflect.Slice && t.Elem().Kind() == reflect.Uint8
	return (t.Kind() == reflect.Slice || t.Kind() == reflect.Map) && !isBytes && !unmarshals(t)
}

// parsable reports whether envconfig can parse the type: it silently skips all others. A list of secrets is not
// allowed, because a fault would quote it.
func parsable(t reflect.Type) bool {
	if unmarshals(t) {
		return true
	}
	switch t.Kind() {
	case reflect.Bool, reflect.String, reflect.Float32, reflect.Float64,
		reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64,
		reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		return true
	case reflect.Slice:
		return parsable(t.Elem()) && !isSecret(t.Elem())
	case reflect.Map:
		return parsable(t.Key()) && parsable(t.Elem()) && !isSecret(t.Elem())
	default:
		return false
	}
}
