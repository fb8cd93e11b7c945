// Package keys names the objects of media, see [objects.CheckKey].
package keys

import (
	"strings"

	"github.com/google/uuid"

	"github.com/ism-chat/ism/services/media/objects"
)

const (
	upload   = "upload"
	original = "original"
	variant  = ".jpg"
)

// Variants are the smaller pictures that are made of an image, by their longest edge in pixels.
func Variants() []string { return []string{"256", "1024"} }

// Upload is where a form puts what is uploaded, until it is sealed.
func Upload(room, medium uuid.UUID) string { return key(room, medium, upload) }

// Original is where what was uploaded is, as it was.
func Original(room, medium uuid.UUID) string { return key(room, medium, original) }

// Variant is where one of [Variants] is, a JPEG.
func Variant(room, medium uuid.UUID, name string) string { return key(room, medium, name+variant) }

// All are all keys that a medium can have.
func All(room, medium uuid.UUID) []string {
	all := []string{Upload(room, medium), Original(room, medium)}
	for _, name := range Variants() {
		all = append(all, Variant(room, medium, name))
	}
	return all
}

func key(room, medium uuid.UUID, name string) string {
	return room.String() + "/" + medium.String() + "/" + name
}

// Medium is whose object a key is. What is no key of media is nobody's: ok is false.
func Medium(key string) (room, medium uuid.UUID, ok bool) {
	if objects.CheckKey(key) != nil {
		return uuid.Nil, uuid.Nil, false
	}
	parts := strings.SplitN(key, "/", 3)
	room, err := uuid.Parse(parts[0])
	if err != nil {
		return uuid.Nil, uuid.Nil, false
	}
	medium, err = uuid.Parse(parts[1])
	return room, medium, err == nil
}

// IsUpload reports whether a key is one of [Upload].
func IsUpload(key string) bool { return strings.HasSuffix(key, "/"+upload) }
