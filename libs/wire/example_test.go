package wire_test

import (
	"encoding/json"
	"fmt"
	"strings"

	"github.com/google/uuid"

	"github.com/ism-chat/ism/libs/wire"
)

func ExampleTextPreview() {
	preview, _ := json.Marshal(wire.TextPreview("alice", strings.Repeat("soup ", 20)))
	fmt.Println(string(preview))
	// Output: {"type":"Text","sender_username":"alice","text":"soup soup soup soup soup soup soup soup ..."}
}

// In a Single room each sees the other.
func ExampleRoom_For() {
	alice, bob := uuid.New(), uuid.New()
	members := []wire.Member{{ID: alice, DisplayName: "alice"}, {ID: bob, DisplayName: "bob"}}
	fmt.Println(*wire.Room{Type: wire.Single}.For(alice, members).Name)
	// Output: bob
}
