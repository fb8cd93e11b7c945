package oneprocess

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/ism-chat/ism/clients/web"
)

// banner says where the messenger is and what to type to see it work.
type banner struct {
	url         string
	web         bool // whether the web client is served
	dataDir     string
	development bool                        // whether the development identity provider gives the tokens
	userID      func(name string) uuid.UUID // of the development identity provider
}

// printOnceUp prints the banner as soon as the messenger is ready, and waits for ctx.
func (b banner) printOnceUp(ctx context.Context, out io.Writer) error {
	poll := time.NewTicker(50 * time.Millisecond)
	defer poll.Stop()
	ask := &http.Client{Timeout: time.Second}
	defer ask.CloseIdleConnections()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-poll.C:
		}
		if b.ready(ctx, ask) {
			b.print(out)
			<-ctx.Done()
			return nil
		}
	}
}

func (b banner) ready(ctx context.Context, ask *http.Client) bool {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, b.url+"/ready", nil)
	if err != nil {
		return false
	}
	response, err := ask.Do(request)
	if err != nil {
		return false
	}
	_ = response.Body.Close()
	return response.StatusCode == http.StatusOK
}

func (b banner) print(out io.Writer) {
	_, _ = fmt.Fprintf(out, "\nISM is up at %s, its data is in %s\n", b.url, b.dataDir)
	if b.web {
		_, _ = fmt.Fprintf(out, "Try it in a browser: %s%s\n", b.url, web.Path)
	}
	if !b.development {
		return
	}
	_, _ = fmt.Fprint(out, "Development identity provider: anybody who knows a user's name is that user. Set ISM_OIDC_ISSUER for yours, and not ISM_DEV_IDP_ENABLED.\n\n")
	_, _ = fmt.Fprint(out, "To see a message arrive, paste this into another terminal:\n\n")
	for _, line := range b.lines() {
		_, _ = fmt.Fprintln(out, "  "+line)
	}
	_, _ = fmt.Fprintln(out, "\nOr run: make demo")
}

// lines are shell commands that need nothing but curl and sed.
func (b banner) lines() []string {
	replacer := strings.NewReplacer("URL", b.url, "ALICE_ID", b.userID("alice").String(), "BOB_ID", b.userID("bob").String())
	lines := []string{
		`token() { curl -s URL/realms/ism/protocol/openid-connect/token -d grant_type=password -d client_id=ism-web -d username=$1 -d password=$1 | sed 's/.*"access_token":"\([^"]*\)".*/\1/'; }`,
		`ALICE=$(token alice); BOB=$(token bob)`,
		`curl -s URL/api/rooms -H "Authorization: Bearer $BOB"; echo`,
		`ROOM=$(curl -s URL/api/rooms/create-room -H "Authorization: Bearer $ALICE" -H 'Content-Type: application/json' -d '{"roomType":"Group","roomName":"Lunch","invitedUsers":["ALICE_ID","BOB_ID"]}' | sed 's/^{"id":"\([^"]*\)".*/\1/')`,
		`curl -sN URL/api/sse -H "Authorization: Bearer $BOB" & sleep 1`,
		`curl -s URL/api/send-msg -H "Authorization: Bearer $ALICE" -H 'Content-Type: application/json' -d "{\"chatRoomId\":\"$ROOM\",\"msgType\":\"Text\",\"msgBody\":{\"text\":\"Soup or salad?\"}}"; echo`,
		`curl -s URL/api/rooms/$ROOM/timeline -H "Authorization: Bearer $BOB"; echo`,
		`kill %1`,
	}
	for i, line := range lines {
		lines[i] = replacer.Replace(line)
	}
	return lines
}
