package client

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"mime/multipart"
	"net/http"
	"strings"

	"github.com/google/uuid"

	"github.com/ism-chat/ism/libs/wire"
)

// NewMedium is what is to be uploaded to a room.
type NewMedium struct {
	RoomID   uuid.UUID `json:"roomId"`
	FileName string    `json:"fileName"`
	MIMEType string    `json:"mimeType"`
	Size     int64     `json:"size"`             // bytes
	SHA256   string    `json:"sha256,omitempty"` // hexadecimal; "": it is not said
	Key      string    `json:"-"`                // what the caller names it with, so that it is one medium however often it is tried; "": it has no name
}

// Medium is a medium, as far as it is.
type Medium struct {
	ID        uuid.UUID       `json:"mediaId"`
	RoomID    uuid.UUID       `json:"roomId"`
	State     wire.MediaState `json:"state"`
	Reason    string          `json:"reason"` // why it is rejected
	FileName  string          `json:"fileName"`
	MIMEType  string          `json:"mimeType"`
	Size      int64           `json:"size"`
	Width     int             `json:"width"`
	Height    int             `json:"height"`
	Variants  []string        `json:"variants"`
	URL       string          `json:"url"`
	CreatedAt wire.Time       `json:"createdAt"`
	Upload    Upload          `json:"upload"` // of one that [Client.CreateMedium] gives, while it is pending
}

// Upload is how a medium is uploaded: by a form, or in parts.
type Upload struct {
	Form     *SignedForm `json:"form"`
	PartSize int64       `json:"partSize"` // bytes; the last part has what is left
	Parts    int         `json:"parts"`
}

// SignedForm is sent as multipart/form-data with all of its fields, and then, last, the content in a field named file.
type SignedForm struct {
	URL    string            `json:"url"`
	Fields map[string]string `json:"fields"`
}

// SignedPart is the request by which a part is uploaded. It needs no token.
type SignedPart struct {
	Number  int               `json:"number"`
	Size    int64             `json:"size"` // of its body, exactly
	Method  string            `json:"method"`
	URL     string            `json:"url"`
	Headers map[string]string `json:"headers"`
}

// CreateMedium begins an upload.
func (c *Client) CreateMedium(ctx context.Context, medium NewMedium) (Medium, error) {
	request, err := c.request(ctx, http.MethodPost, "/api/media", medium)
	if err != nil {
		return Medium{}, err
	}
	if medium.Key != "" {
		request.Header.Set("Idempotency-Key", medium.Key)
	}
	var created Medium
	_, err = c.answer(request, &created)
	return created, err
}

// SignParts signs the uploads of parts, by their numbers, from 1.
func (c *Client) SignParts(ctx context.Context, medium uuid.UUID, numbers ...int) ([]SignedPart, error) {
	var signed struct {
		Parts []SignedPart `json:"parts"`
	}
	_, err := c.call(ctx, http.MethodPost, mediumPath(medium)+"/parts", map[string][]int{"numbers": numbers}, &signed)
	return signed.Parts, err
}

// UploadedParts gives the numbers of the parts that are uploaded.
func (c *Client) UploadedParts(ctx context.Context, medium uuid.UUID) (numbers []int, err error) {
	var there struct {
		Uploaded []struct {
			Number int `json:"number"`
		} `json:"uploaded"`
	}
	_, err = c.call(ctx, http.MethodGet, mediumPath(medium)+"/parts", nil, &there)
	for _, part := range there.Uploaded {
		numbers = append(numbers, part.Number)
	}
	return numbers, err
}

// CompleteMedium says that a medium is uploaded.
func (c *Client) CompleteMedium(ctx context.Context, medium uuid.UUID) (Medium, error) {
	var completed Medium
	_, err := c.call(ctx, http.MethodPost, mediumPath(medium)+"/complete", nil, &completed)
	return completed, err
}

// Medium tells how far a medium is.
func (c *Client) Medium(ctx context.Context, medium uuid.UUID) (Medium, error) {
	var found Medium
	_, err := c.call(ctx, http.MethodGet, mediumPath(medium)+"/status", nil, &found)
	return found, err
}

// WithdrawMedium deletes a medium that no message shows.
func (c *Client) WithdrawMedium(ctx context.Context, medium uuid.UUID) error {
	_, err := c.call(ctx, http.MethodDelete, mediumPath(medium), nil, nil)
	return err
}

// SendMedium sends a medium that is ready, which the caller has uploaded to the room.
func (c *Client) SendMedium(ctx context.Context, room, medium uuid.UUID, alternative string) (wire.Message, error) {
	return c.send(ctx, room, wire.Media, struct {
		ID          uuid.UUID `json:"mediaId"`
		Alternative string    `json:"altText,omitempty"`
	}{medium, alternative})
}

// Download gives the content of a medium, or of a smaller variant of a picture: "thumb", "256" or "1024"; "": all of it.
func (c *Client) Download(ctx context.Context, medium uuid.UUID, variant string) (content []byte, header http.Header, err error) {
	path := mediumPath(medium)
	if variant != "" {
		path += "?variant=" + variant
	}
	header, err = c.call(ctx, http.MethodGet, path, nil, &content)
	return content, header, err
}

// UploadPicture gives a room a picture, and gives where it is.
func (c *Client) UploadPicture(ctx context.Context, room uuid.UUID, picture []byte) (imageURL string, err error) {
	body, kind, err := form(nil, "image", picture)
	if err != nil {
		return "", err
	}
	request, err := c.request(ctx, http.MethodPost, "/api/rooms/"+room.String()+"/upload-img", nil)
	if err != nil {
		return "", err
	}
	request.Body, request.ContentLength = io.NopCloser(body), int64(body.Len())
	request.Header.Set("Content-Type", kind)
	var uploaded struct {
		URL string `json:"imageUrl"`
	}
	_, err = c.answer(request, &uploaded)
	return uploaded.URL, err
}

// Send uploads a content by the form, at the object store.
func (f SignedForm) Send(ctx context.Context, httpClient *http.Client, content []byte) error {
	body, kind, err := form(f.Fields, "file", content)
	if err != nil {
		return err
	}
	return upload(ctx, httpClient, http.MethodPost, f.URL, http.Header{"Content-Type": {kind}}, body)
}

// Send uploads a part, at the object store.
func (p SignedPart) Send(ctx context.Context, httpClient *http.Client, content []byte) error {
	header := http.Header{}
	for name, value := range p.Headers {
		header.Set(name, value)
	}
	return upload(ctx, httpClient, p.Method, p.URL, header, bytes.NewReader(content))
}

// RefusedUpload is an answer of the object store that takes nothing.
type RefusedUpload struct {
	Status int
	Answer string // XML, with S3's code
}

func (r *RefusedUpload) Error() string { return fmt.Sprintf("%d: %s", r.Status, r.Answer) }

func upload(ctx context.Context, httpClient *http.Client, method, url string, header http.Header, body io.Reader) error {
	request, err := http.NewRequestWithContext(ctx, method, url, body)
	if err != nil {
		return fmt.Errorf("make upload: %w", err)
	}
	request.Header = header
	response, err := httpClient.Do(request)
	if err != nil {
		return fmt.Errorf("upload: %w", err)
	}
	defer response.Body.Close()
	answer, err := io.ReadAll(io.LimitReader(response.Body, 4<<10))
	if err != nil {
		return fmt.Errorf("read the answer to an upload: %w", err)
	}
	if response.StatusCode/100 != 2 {
		return &RefusedUpload{response.StatusCode, strings.TrimSpace(string(answer))}
	}
	return nil
}

// form is a body of multipart/form-data, whose file comes last, and its type.
func form(fields map[string]string, file string, content []byte) (body *bytes.Buffer, kind string, err error) {
	body = &bytes.Buffer{}
	parts := multipart.NewWriter(body)
	for name, value := range fields {
		if err := parts.WriteField(name, value); err != nil {
			return nil, "", fmt.Errorf("write form: %w", err)
		}
	}
	part, err := parts.CreateFormFile(file, file)
	if err == nil {
		_, err = part.Write(content)
	}
	if err == nil {
		err = parts.Close()
	}
	if err != nil {
		return nil, "", fmt.Errorf("write form: %w", err)
	}
	return body, parts.FormDataContentType(), nil
}

func mediumPath(medium uuid.UUID) string { return "/api/media/" + medium.String() }
