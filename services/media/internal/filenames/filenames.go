// Package filenames makes names that clients send safe to be shown, stored and downloaded under.
package filenames

import (
	"mime"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/gabriel-vasile/mimetype"
	"github.com/rivo/uniseg"
	"golang.org/x/text/unicode/norm"
)

const (
	// MaxBytes is what common file systems take, and so the length of a name that is made here.
	MaxBytes = 255
	// maxExtension is the longest extension, with its dot, that is kept when a name is cut.
	maxExtension = 32
	// maxCharacter is the longest character, as it is seen, that is cut as a whole; letters with more marks are cut in between.
	maxCharacter = 64
	// maxInput bounds the work on a name: what is longer is cut before, in its middle.
	maxInput = 8 << 10
)

// Clean gives a name of 1 to [MaxBytes] bytes of valid UTF-8 in NFC. What it had is kept as far as it can be:
//   - a path's last part counts, with / and \ alike; a drive, too, is no part of it
//   - control and format characters, among them those that turn the direction of text and so hide an extension, are taken out; joiners, which emoji and some scripts need, stay
//   - white space of any length becomes one space, so that it cannot push the extension out of sight
//   - bytes that are no UTF-8, and the characters that Windows takes for its own (<>:"|?*), become _
//   - dots and spaces before and after it are cut off; names that mean devices on Windows get a _ before them
//   - what is too long is cut before its extension, between characters as they are seen
//
// A name of which nothing is left becomes "file", with the extension of its MIME type where that is known.
func Clean(name, mimeType string) string {
	name = bounded(name)
	if at := strings.LastIndexAny(name, `/\`); at >= 0 {
		name = name[at+1:]
	}
	name = trim(norm.NFC.String(oneSpaceEach(printable(strings.ToValidUTF8(name, "_")))))
	if name == "" {
		name = "file" + extensionOf(mimeType)
	}
	return avoidDevice(cut(avoidDevice(name), MaxBytes-1))
}

// bounded keeps the beginning and the end.
func bounded(name string) string {
	if len(name) <= maxInput {
		return name
	}
	return name[:maxInput/2] + name[len(name)-maxInput/2:]
}

func printable(name string) string {
	return strings.Map(func(r rune) rune {
		const nonJoiner, joiner = '\u200c', '\u200d'
		switch {
		case r == nonJoiner, r == joiner:
			return r
		case unicode.IsSpace(r), unicode.In(r, unicode.Z):
			return ' '
		case unicode.In(r, unicode.Cc, unicode.Cf, unicode.Noncharacter_Code_Point), invisible(r):
			return -1
		case strings.ContainsRune(`<>:"|?*`, r):
			return '_'
		}
		return r
	}, name)
}

// invisible are letters that are shown as nothing, though Unicode counts them as letters (Hangul fillers) or symbols (a blank of Braille).
func invisible(r rune) bool {
	return slices.Contains([]rune{'\u115f', '\u1160', '\u2800', '\u3164', '\uffa0'}, r)
}

func oneSpaceEach(name string) string {
	return strings.Join(strings.FieldsFunc(name, func(r rune) bool { return r == ' ' }), " ")
}

// trim takes away dots and spaces at both ends, and joiners, which join nothing there.
func trim(name string) string { return strings.Trim(name, ". \u200c\u200d") }

func extensionOf(mimeType string) string {
	name, _, err := mime.ParseMediaType(mimeType)
	if err != nil {
		return ""
	}
	if known := mimetype.Lookup(name); known != nil {
		return known.Extension()
	}
	return ""
}

// avoidDevice puts a _ before names that open a device, whatever their extension. Source: "Naming Files, Paths, and Namespaces", Microsoft.
func avoidDevice(name string) string {
	stem, _, _ := strings.Cut(name, ".")
	stem = strings.ToUpper(strings.TrimRight(stem, " "))
	switch stem {
	case "CON", "PRN", "AUX", "NUL", "CONIN$", "CONOUT$":
		return "_" + name
	}
	if number, ok := strings.CutPrefix(stem, "COM"); ok && isPort(number) {
		return "_" + name
	}
	if number, ok := strings.CutPrefix(stem, "LPT"); ok && isPort(number) {
		return "_" + name
	}
	return name
}

func isPort(number string) bool {
	return utf8.RuneCountInString(number) == 1 && strings.ContainsAny(number, "0123456789¹²³")
}

// cut shortens a name to so many bytes, and keeps its extension.
func cut(name string, most int) string {
	if len(name) <= most {
		return name
	}
	extension := ""
	if at := strings.LastIndexByte(name, '.'); at > 0 && len(name)-at <= maxExtension {
		extension = name[at:]
	}
	stem := firstCharacters(name[:len(name)-len(extension)], most-len(extension))
	return trim(stem) + extension
}

// firstCharacters gives as many whole characters as fit (UAX 29).
func firstCharacters(text string, most int) string {
	length, state := 0, -1
	for rest := text; rest != ""; {
		var character string
		character, rest, _, state = uniseg.FirstGraphemeClusterInString(rest, state)
		if length+len(character) > most {
			if len(character) > maxCharacter {
				length = runeBoundary(text, most)
			}
			break
		}
		length += len(character)
	}
	return text[:length]
}

func runeBoundary(text string, at int) int {
	for at > 0 && !utf8.RuneStart(text[at]) {
		at--
	}
	return at
}
