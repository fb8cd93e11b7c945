package examine_test

import (
	"context"
	"fmt"

	"github.com/ism-chat/ism/libs/examine"
)

// A service gives ism doctor the checks of what it owns. Each says what it found, and for a fault what to do.
func ExampleRun() {
	findings := examine.Run(context.Background(), []examine.Check{{
		Group: "notifications", Name: "mailbox",
		Look: func(_ context.Context, n *examine.Notes) {
			n.Add(examine.Fault, "nobody takes the mail", "set ISM_NOTIFICATIONS_MAIL to a server that does")
		},
	}})
	for _, found := range findings {
		fmt.Println(found.Group, found.Check, found.Result, found.Do)
	}
	// Output: notifications mailbox fault set ISM_NOTIFICATIONS_MAIL to a server that does
}
