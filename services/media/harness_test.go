package media_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"mime/multipart"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/ism-chat/ism/libs/authn"
	"github.com/ism-chat/ism/libs/authn/authntest"
	"github.com/ism-chat/ism/libs/bus"
	"github.com/ism-chat/ism/libs/events"
	"github.com/ism-chat/ism/libs/httpapi/openapitest"
	"github.com/ism-chat/ism/libs/servicetest"
	"github.com/ism-chat/ism/libs/servicetest/nodetest"
	"github.com/ism-chat/ism/libs/telemetry"
	"github.com/ism-chat/ism/libs/wire"
	"github.com/ism-chat/ism/services/media"
	"github.com/ism-chat/ism/services/media/access"
	"github.com/ism-chat/ism/services/media/objects"
	"github.com/ism-chat/ism/services/media/objects/directory"
	"github.com/ism-chat/ism/services/media/store/sqlite"
)

func TestMain(m *testing.M) { servicetest.VerifyNoLeaks(m) }

const descriptionPath = "api/openapi.yaml"

// neighbours stand in for rooms and messages: other services, not engines.
type neighbours struct {
	mu        sync.Mutex
	standings map[[2]uuid.UUID]events.Standing
	readers   map[[2]uuid.UUID]bool // of messages
	pictures  map[uuid.UUID]string
	down      bool
	single    bool
}

var errDown = fmt.Errorf("nobody listens")

// Standing implements [access.Rooms].
func (n *neighbours) Standing(_ context.Context, room, user uuid.UUID) (events.Standing, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	standing, ok := n.standings[[2]uuid.UUID{room, user}]
	switch {
	case n.down:
		return standing, errDown
	case !ok:
		return standing, access.ErrNotFound
	}
	return standing, nil
}

// SetPicture implements [access.Rooms].
func (n *neighbours) SetPicture(_ context.Context, picture events.RoomPicture) error {
	n.mu.Lock()
	defer n.mu.Unlock()
	switch {
	case n.down:
		return errDown
	case n.single:
		return access.ErrSingleRoom
	}
	n.pictures[picture.RoomID] = picture.URL
	return nil
}

// Reads implements [access.Messages].
func (n *neighbours) Reads(_ context.Context, _, message, user uuid.UUID) error {
	n.mu.Lock()
	defer n.mu.Unlock()
	if !n.readers[[2]uuid.UUID{message, user}] {
		return access.ErrNotFound
	}
	return nil
}

func (n *neighbours) set(change func()) {
	n.mu.Lock()
	defer n.mu.Unlock()
	change()
}

// world is a media service with real tokens, a broker, a store and a directory of objects, behind its real listener.
type world struct {
	*neighbours

	tb          testing.TB
	issuer      *authntest.Issuer
	tokens      *authn.Verifier
	description *openapitest.Description
	objects     *directory.Store
	kafka       *bus.Bus
	base        string
	internal    string
	http        *http.Client
}

func config() media.Config {
	return media.Config{
		PublicURL: "https://chat.example", MaxBytes: 8 << 20, MIMETypes: []string{"image/*", "text/plain", "video/*"}, FormBytes: 1 << 20, PartBytes: objects.MinPartSize,
		UserBytes: 20 << 20, UserMedia: 100, RoomBytes: 100 << 20, UploadTTL: 24 * time.Hour, UnusedAfter: 720 * time.Hour, DownloadTTL: 5 * time.Minute, AtOnce: 2, JobTimeout: time.Minute,
		SweepEvery: time.Hour, OrphansAfter: 24 * time.Hour,
	}
}

func newWorld(tb testing.TB, cfg media.Config, change ...func(tel *telemetry.Telemetry)) *world {
	tb.Helper()
	w := &world{
		tb: tb, description: openapitest.Load(tb, descriptionPath), neighbours: &neighbours{
			standings: map[[2]uuid.UUID]events.Standing{}, readers: map[[2]uuid.UUID]bool{}, pictures: map[uuid.UUID]string{},
		},
	}
	tel := telemetry.Discard(slog.New(slog.DiscardHandler))
	for _, do := range change {
		do(tel)
	}
	w.issuer = authntest.New(tb)
	tokens := w.issuer.Config()
	tokens.BackendClients = []string{"shop"}
	w.tokens = authntest.Start(tb, tokens, tel)
	w.keepObjects(tel)
	w.kafka = bus.New(bus.Config{Brokers: nodetest.Broker(tb).ListenAddrs(), ClientID: "media-test", SecurityProtocol: "plaintext", Replication: 1}, tel)
	tb.Cleanup(w.kafka.Close)
	rows, err := sqlite.New(sqlite.Config{Path: filepath.Join(tb.TempDir(), "media.db")}, tel)
	if err != nil {
		tb.Fatal(err)
	}
	service, err := media.New(cfg, media.Deps{
		Objects: w.objects, Rows: rows, Rooms: w.neighbours, Messages: w.neighbours, Bus: w.kafka, Verifier: w.tokens, Telemetry: tel,
	})
	if err != nil {
		tb.Fatal(err)
	}
	node := nodetest.Start(tb, "media", service, tel)
	w.base, w.internal, w.http = node.Public, node.Internal, &http.Client{
		Transport: &http.Transport{}, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	tb.Cleanup(func() {
		w.http.CloseIdleConnections()
		node.Stop()
	})
	servicetest.AwaitSuccess(tb, "the service is ready", func() error {
		if answer := w.do(uuid.Nil, http.MethodGet, "/ready", ""); answer.Status != http.StatusOK {
			return fmt.Errorf("GET /ready: %s", answer)
		}
		return nil
	})
	return w
}

// keepObjects makes the directory of objects, and serves it.
func (w *world) keepObjects(tel *telemetry.Telemetry) {
	w.tb.Helper()
	var handler http.Handler
	server := httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) { handler.ServeHTTP(rw, r) }))
	w.tb.Cleanup(server.Close)
	kept, err := directory.New(directory.Config{Path: filepath.Join(w.tb.TempDir(), "objects"), PublicURL: server.URL, CORSOrigins: []string{"*"}}, tel)
	if err != nil {
		w.tb.Fatal(err)
	}
	handler, w.objects = kept.Handler(), kept
}

// member makes a user who is in a room.
func (w *world) member(room uuid.UUID) uuid.UUID {
	user := uuid.New()
	w.stands(events.Standing{RoomID: room, Version: 1, UserID: user, Status: wire.Joined})
	return user
}

func (w *world) stands(standing events.Standing) {
	w.set(func() { w.standings[[2]uuid.UUID{standing.RoomID, standing.UserID}] = standing })
}

// do asks as the user, or without a token as uuid.Nil. The answer must be as described.
func (w *world) do(user uuid.UUID, method, path, body string, headers ...string) nodetest.Answer {
	w.tb.Helper()
	answer, _ := w.ask(user, method, path, []byte(body), headers...)
	return answer
}

func (w *world) ask(user uuid.UUID, method, path string, body []byte, headers ...string) (nodetest.Answer, http.Header) {
	w.tb.Helper()
	request, err := http.NewRequestWithContext(context.Background(), method, w.base+path, bytes.NewReader(body))
	if err != nil {
		w.tb.Fatal(err)
	}
	if user != uuid.Nil {
		request.Header.Set("Authorization", "Bearer "+w.issuer.Sign(w.tb, w.issuer.Claims(user, "alice")))
	}
	if len(body) > 0 {
		request.Header.Set("Content-Type", "application/json")
	}
	for i := 0; i+1 < len(headers); i += 2 {
		request.Header.Set(headers[i], headers[i+1])
	}
	got, err := nodetest.Do(w.tb, w.http, w.description, request)
	if err != nil {
		w.tb.Fatal(err)
	}
	return got, got.Header
}

// created is the answer to the creation of a medium.
type created struct {
	ID     uuid.UUID       `json:"mediaId"`
	State  wire.MediaState `json:"state"`
	Reason string          `json:"reason"`
	Width  int             `json:"width"`
	Upload *struct {
		Form     *objects.Form `json:"form"`
		PartSize int64         `json:"partSize"`
		Parts    int           `json:"parts"`
	} `json:"upload"`
}

func requestFor(room uuid.UUID, mimeType string, size int, more string) string {
	return fmt.Sprintf(`{"roomId":%q,"fileName":"../soup.png","mimeType":%q,"size":%d%s}`, room, mimeType, size, more)
}

func (w *world) create(user, room uuid.UUID, mimeType string, size int, headers ...string) created {
	w.tb.Helper()
	answer := w.do(user, http.MethodPost, "/api/media", requestFor(room, mimeType, size, ""), headers...)
	if answer.Status != http.StatusCreated {
		w.tb.Fatalf("create: %s", answer)
	}
	var c created
	if err := json.Unmarshal(answer.Body, &c); err != nil {
		w.tb.Fatal(err)
	}
	return c
}

// post sends a form as a browser does, and gives the store's status.
func (w *world) post(form objects.Form, content []byte) int {
	w.tb.Helper()
	var body bytes.Buffer
	writer := multipart.NewWriter(&body)
	for name, value := range form.Fields {
		_ = writer.WriteField(name, value)
	}
	file, _ := writer.CreateFormFile("file", "soup.png")
	_, _ = file.Write(content)
	_ = writer.Close()
	request, err := http.NewRequestWithContext(context.Background(), http.MethodPost, form.URL, &body)
	if err != nil {
		w.tb.Fatal(err)
	}
	request.Header.Set("Content-Type", writer.FormDataContentType())
	return w.send(request, nil)
}

// send sends a request that is signed, and reads the answer into what it is given.
func (w *world) send(request *http.Request, into *[]byte) int {
	w.tb.Helper()
	response, err := w.http.Do(request)
	if err != nil {
		w.tb.Fatal(err)
	}
	defer response.Body.Close()
	content, err := io.ReadAll(response.Body)
	if err != nil {
		w.tb.Fatal(err)
	}
	if into != nil {
		*into = content
	}
	return response.StatusCode
}

// status is what the uploader is told of a medium.
func (w *world) status(user, id uuid.UUID) (c created) {
	w.tb.Helper()
	answer := w.do(user, http.MethodGet, "/api/media/"+id.String()+"/status", "")
	if answer.Status == http.StatusOK {
		answer.Decode(w.tb, &c)
	}
	return c
}

// uploaded uploads a medium by its form, and waits until it is ready or rejected.
func (w *world) uploaded(user, room uuid.UUID, mimeType string, content []byte) created {
	w.tb.Helper()
	c := w.create(user, room, mimeType, len(content))
	if status := w.post(*c.Upload.Form, content); status != http.StatusNoContent {
		w.tb.Fatalf("the form: %d", status)
	}
	if answer := w.do(user, http.MethodPost, "/api/media/"+c.ID.String()+"/complete", ""); answer.Status != http.StatusAccepted && answer.Status != http.StatusOK {
		w.tb.Fatalf("complete: %s", answer)
	}
	servicetest.Await(w.tb, "the medium is looked at", func() bool {
		c = w.status(user, c.ID)
		return c.State == wire.MediaReady || c.State == wire.MediaRejected
	})
	return c
}

// downloaded gives what a user gets of a medium: the content, or the status of what refuses it.
func (w *world) downloaded(user, id uuid.UUID, query string) (content []byte, status int) {
	w.tb.Helper()
	answer, header := w.ask(user, http.MethodGet, "/api/media/"+id.String()+query, nil)
	if answer.Status != http.StatusFound {
		return nil, answer.Status
	}
	request, err := http.NewRequestWithContext(context.Background(), http.MethodGet, header.Get("Location"), nil)
	if err != nil {
		w.tb.Fatal(err)
	}
	status = w.send(request, &content)
	return content, status
}

// hears has a log read from its beginning for the rest of the test.
func (w *world) hears(topic string, handler bus.Handler) {
	w.tb.Helper()
	reader, err := w.kafka.NewReader(bus.ReaderConfig{Topics: []string{topic}, Since: time.Unix(0, 0), MaxBatch: 10, Handler: handler})
	if err != nil {
		w.tb.Fatal(err)
	}
	servicetest.Run(w.tb, "reader", reader.Run)
}

// tells appends an event to its log.
func (w *world) tells(data events.Data) {
	w.tb.Helper()
	headers, value, err := events.Encode(events.New("/ism/test", time.Now().UTC(), data))
	if err != nil {
		w.tb.Fatal(err)
	}
	record := bus.Record{Topic: data.Topic(), Key: data.PartitionKey(), Value: value, Headers: headers, Partition: bus.PartitionAny}
	ctx, cancel := context.WithTimeout(context.Background(), servicetest.Timeout)
	defer cancel()
	err = w.kafka.WithProducer(ctx, bus.ProducerConfig{}, func(ctx context.Context, log *bus.Producer) error {
		_, err := log.Produce(ctx, record)
		return err //nolint:wrapcheck // the test's
	})
	if err != nil {
		w.tb.Fatal(err)
	}
}
