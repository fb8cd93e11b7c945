package body

import (
	"encoding/json"
	"errors"
	"fmt"

	"github.com/ism-chat/ism/libs/wire"
)

var errNoBody = errors.New("a message of the type has no body that somebody has sent")

// Of reads the body that a message has, which is not deleted.
func Of(message wire.Message) (Body, error) {
	switch message.Type {
	case wire.Text:
		return stored[Text](message)
	case wire.Media:
		return stored[Media](message)
	case wire.Reply:
		return stored[Reply](message)
	case wire.SystemMessage:
		return stored[System](message)
	default:
		return nil, fmt.Errorf("read the body of message %s: %w", message.ID, errNoBody)
	}
}

func stored[B Body](message wire.Message) (Body, error) {
	var has B
	if err := json.Unmarshal(message.Body, &has); err != nil {
		return nil, fmt.Errorf("decode the body of message %s: %w", message.ID, err)
	}
	return has, nil
}
