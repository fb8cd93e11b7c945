package scan

import (
	"bytes"
	"context"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"

	"github.com/google/uuid"

	"github.com/ism-chat/ism/libs/config"
	"github.com/ism-chat/ism/libs/reread"
)

// webhook is a scanner of the operator's, by HTTP: it is told where the file can be downloaded, and answers 200 and a verdict.
type webhook struct {
	url    string
	token  *reread.Value[config.Secret]
	client *http.Client
}

func newWebhook(url string, token *reread.Value[config.Secret]) webhook {
	return webhook{url: url, token: token, client: &http.Client{
		// Whoever is asked answers itself: nobody else is told where the file is.
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}
}

// question is the body of the request.
type question struct {
	MediaID    uuid.UUID `json:"mediaId"`
	RoomID     uuid.UUID `json:"roomId"`
	UploaderID uuid.UUID `json:"uploaderId"`
	Tenant     string    `json:"tenant,omitempty"`
	FileName   string    `json:"fileName"`
	MimeType   string    `json:"mimeType"`
	Size       int64     `json:"size"`             // bytes
	SHA256     string    `json:"sha256,omitempty"` // hexadecimal
	URL        string    `json:"url"`
}

// judgement is the body of the answer.
type judgement struct {
	Verdict string `json:"verdict"` // "clean" or "infected"
	Detail  string `json:"detail"`
}

const maxJudgement = 64 << 10 // bytes

func (w webhook) scan(ctx context.Context, file File) (Verdict, error) {
	where, err := file.URL(ctx)
	if err != nil {
		return Verdict{}, fmt.Errorf("sign the download of a file to scan it: %w", err)
	}
	body, err := json.Marshal(question{
		MediaID: file.Medium, RoomID: file.Room, UploaderID: file.Uploader, Tenant: file.Tenant, FileName: file.FileName, MimeType: file.MimeType,
		Size: file.Size, SHA256: hex.EncodeToString(file.SHA256), URL: where,
	})
	if err != nil {
		return Verdict{}, fmt.Errorf("encode what the scanner is asked: %w", err)
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, w.url, bytes.NewReader(body))
	if err != nil {
		return Verdict{}, fmt.Errorf("ask the scanner: %w", err)
	}
	request.Header.Set("Content-Type", "application/json")
	if token := w.token.Now(); token != "" {
		request.Header.Set("Authorization", "Bearer "+token.Reveal())
	}
	response, err := w.client.Do(request)
	if failed, ok := errors.AsType[*url.Error](err); ok {
		err = failed.Err // without the address, which may have a secret
	}
	if err != nil {
		return Verdict{}, unavailable("ask the webhook", err)
	}
	defer response.Body.Close()
	return verdictOf(response)
}

func verdictOf(response *http.Response) (Verdict, error) {
	if response.StatusCode != http.StatusOK {
		return Verdict{}, unavailable("ask the webhook", fmt.Errorf("it answers %s", response.Status))
	}
	read, err := io.ReadAll(io.LimitReader(response.Body, maxJudgement+1))
	switch {
	case err != nil:
		return Verdict{}, unavailable("read the webhook's answer", err)
	case len(read) > maxJudgement:
		return Verdict{}, unavailable("read the webhook's answer", fmt.Errorf("it is longer than %d bytes", maxJudgement))
	}
	var said judgement
	if err := json.Unmarshal(read, &said); err != nil {
		return Verdict{}, unavailable("understand the webhook", err)
	}
	switch said.Verdict {
	case "clean":
		return verdict(Clean, said.Detail), nil
	case "infected":
		return verdict(Infected, said.Detail), nil
	}
	return Verdict{}, unavailable("understand the webhook", fmt.Errorf("its verdict is %.100q, neither clean nor infected", said.Verdict))
}
