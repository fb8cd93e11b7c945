package wire_test

import (
	"strings"
	"testing"

	"github.com/google/uuid"

	"github.com/ism-chat/ism/libs/wire"
)

var (
	alice = uuid.MustParse("0192d3a0-0000-7000-8000-00000000000a")
	bob   = uuid.MustParse("0192d3a0-0000-7000-8000-00000000000b")
)

func TestSingleRoomCarriesTheOther(t *testing.T) {
	picture := "p"
	members := []wire.Member{{ID: alice, DisplayName: "alice"}, {ID: bob, DisplayName: "bob", ProfilePicture: &picture}}
	seen := wire.Room{Type: wire.Single}.For(alice, members)
	if seen.Name == nil || *seen.Name != "bob" || seen.ImageURL == nil || *seen.ImageURL != "p" {
		t.Errorf("alice sees %+v", seen)
	}
	name := "Lunch"
	if group := (wire.Room{Type: wire.Group, Name: &name}).For(alice, members); *group.Name != "Lunch" {
		t.Errorf("a group's name became %q", *group.Name)
	}
}

func TestPreviewIsCut(t *testing.T) {
	fifty := strings.Repeat("ä", 50)
	if got := wire.TextPreview("a", fifty).Text; got != fifty {
		t.Errorf("50 characters became %q", got)
	}
	if got, want := wire.TextPreview("a", fifty+"b").Text, strings.Repeat("ä", 40)+"..."; got != want {
		t.Errorf("51 characters became %q", got)
	}
	if got, want := wire.ReplyPreview("a", fifty+"b").ReplyText, strings.Repeat("ä", 40)+"..."; got != want {
		t.Errorf("51 characters of a reply became %q", got)
	}
}

func TestPreviewIsNotCutInsideOfWhatIsSeenAsOne(t *testing.T) {
	family, accented := "👨\u200d👩\u200d👧\u200d👦", "e\u0301" // of 7 characters, and of 2
	for text, want := range map[string]string{
		strings.Repeat("a", 39) + family + strings.Repeat("b", 20): strings.Repeat("a", 39) + "...",
		strings.Repeat("a", 33) + family + strings.Repeat("b", 20): strings.Repeat("a", 33) + family + "...",
		"a" + strings.Repeat(accented, 30):                         "a" + strings.Repeat(accented, 19) + "...",
		"e" + strings.Repeat("\u0301", 60):                         "...",
		strings.Repeat("🇩🇪", 26):                                   strings.Repeat("🇩🇪", 20) + "...",
	} {
		if got := wire.TextPreview("a", text).Text; got != want {
			t.Errorf("%q became %q, want %q", text, got, want)
		}
	}
}
