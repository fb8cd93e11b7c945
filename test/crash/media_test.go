package crash

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"image"
	"image/jpeg"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"

	client "github.com/ism-chat/ism/clients/go"
	"github.com/ism-chat/ism/libs/wire"
	"github.com/ism-chat/ism/test/deployment"
)

const (
	// uploadTTL is how long uploads may take here: longer than the process is away, on a busy machine, too.
	uploadTTL = 15 * time.Second
	// settled is how long it may take after a death until all media are in a final state and nothing is left over: until another process may be the one that
	// does what is left over, some 20 s, and what waits for that has its turn, on a busy machine.
	settled = 2 * time.Minute
)

// briefly has media do within seconds what takes a day otherwise.
func briefly() deployment.Settings {
	return deployment.Settings{
		"ISM_MEDIA_UPLOAD_TTL": uploadTTL.String(), "ISM_MEDIA_DOWNLOAD_TTL": "2s", "ISM_MEDIA_JOB_TIMEOUT": "8s", "ISM_MEDIA_SWEEP_EVERY": "2s", "ISM_MEDIA_ORPHANS_AFTER": "3s",
		"ISM_HTTP_PPROF": "true", // to see that it is being made
	}
}

// medium is one that a user uploads, and what must become of it.
type medium struct {
	client.Medium

	content []byte
	ends    wire.MediaState // deleted is what is known no more
}

// uploads are those of a user to a room.
type uploads struct {
	d    *deployment.Deployment
	user *deployment.User
	room uuid.UUID

	mu  sync.Mutex
	all []*medium
}

// mediaSurvives kills the process that has media while uploads are at every point of their way, and starts it again. All of them end in a final state: what
// was acknowledged as complete is ready, and what nobody completes expires, as its form does. No object is left that belongs to nothing.
func mediaSurvives(t *testing.T, d *deployment.Deployment, victim string) {
	alice, bob := d.SignIn(t, "alice"), d.SignIn(t, "bob")
	room, err := alice.CreateRoom(t.Context(), client.NewRoom{Type: wire.Group, Name: "Pictures", Invited: []uuid.UUID{alice.ID, bob.ID}})
	if err != nil {
		t.Fatal(err)
	}
	atAlice := alice.Listen(t)
	u := &uploads{d: d, user: alice, room: room.ID}
	small, large, huge := []byte("soup, or salad\n"), picture(1200, 900), picture(4000, 3000)

	first := u.begin(t, "text/plain", small, wire.MediaReady)
	u.send(t, first)
	u.complete(t, first)
	u.await(t, first, wire.MediaReady)
	link := u.link(t, first)
	u.send(t, first) // its form again, which leaves an object that nobody needs
	lie := u.begin(t, "image/png", large, wire.MediaRejected)
	u.send(t, lie)
	u.complete(t, lie)

	var announced, sent, looked, withdrawn []*medium
	for range 5 {
		announced = append(announced, u.begin(t, "text/plain", small, wire.MediaDeleted))
		sent = append(sent, u.begin(t, "image/jpeg", large, wire.MediaReady))
		u.send(t, sent[len(sent)-1])
	}
	abandoned, resumed := u.inParts(t, wire.MediaDeleted, 1), u.inParts(t, wire.MediaReady, 1, 2)
	for i := range 12 {
		content := large
		if i < 3 {
			content = huge
		}
		one := u.begin(t, "image/jpeg", content, wire.MediaReady)
		u.send(t, one)
		if looked = append(looked, one); i%4 == 3 {
			withdrawn = append(withdrawn, one)
		}
	}
	var completing, under sync.WaitGroup
	for _, one := range looked {
		completing.Go(func() { u.completeAfterwards(t, one) })
	}
	completing.Wait()
	for i := range 12 {
		under.Go(func() { u.throughout(t, i, large) })
	}
	for _, one := range withdrawn {
		one.ends = wire.MediaDeleted
		if err := alice.WithdrawMedium(t.Context(), one.ID); err != nil {
			t.Fatalf("withdraw: %v", err)
		}
	}
	// The largest pictures take longer than what follows, so the process dies while it makes variants of them.
	until(t, func() string {
		if !strings.Contains(goroutines(t, d, victim), "processing.(*Worker).picture") {
			return "no variants are being made"
		}
		return ""
	})
	d.Kill(t, victim)
	d.Restart(t, victim)
	for _, one := range append(sent, resumed) {
		u.completeAfterwards(t, one)
	}
	under.Wait()

	u.awaitEnd(t, atAlice)
	for _, one := range append(announced, sent[0]) {
		if err := one.Upload.Form.Send(t.Context(), d.HTTP(), one.content); !isRefused(err) {
			t.Errorf("a form that is over: %v", err)
		}
	}
	if status, answer := get(t, d, link); status != http.StatusForbidden {
		t.Errorf("an address that is over: %d, %s", status, answer)
	}
	if err := u.sendPart(abandoned, 2); err == nil {
		t.Error("a part is signed of an upload that is over")
	}
}

// begin begins an upload that must end in the state.
func (u *uploads) begin(t *testing.T, mimeType string, content []byte, ends wire.MediaState) *medium {
	t.Helper()
	begun, err := u.user.CreateMedium(t.Context(), u.announced(mimeType, content, ""))
	if err != nil {
		t.Fatalf("begin an upload: %v", err)
	}
	return u.note(&medium{begun, content, ends})
}

func (u *uploads) announced(mimeType string, content []byte, key string) client.NewMedium {
	return client.NewMedium{RoomID: u.room, FileName: "soup", MIMEType: mimeType, Size: int64(len(content)), Key: key}
}

func (u *uploads) note(m *medium) *medium {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.all = append(u.all, m)
	return m
}

func (u *uploads) send(t *testing.T, m *medium) {
	t.Helper()
	if err := m.Upload.Form.Send(t.Context(), u.d.HTTP(), m.content); err != nil {
		t.Fatalf("upload: %v", err)
	}
}

func (u *uploads) complete(t *testing.T, m *medium) {
	t.Helper()
	if _, err := u.user.CompleteMedium(t.Context(), m.ID); err != nil {
		t.Fatalf("complete: %v", err)
	}
}

// completeAfterwards completes an upload, unless it has expired meanwhile.
func (u *uploads) completeAfterwards(t *testing.T, m *medium) {
	t.Helper()
	m.ends = wire.MediaDeleted
	if u.untilAnswered(t, "complete", func() error {
		_, err := u.user.CompleteMedium(t.Context(), m.ID)
		return err
	}) {
		m.ends = wire.MediaReady
	}
}

// inParts begins an upload of two parts, and sends these.
func (u *uploads) inParts(t *testing.T, ends wire.MediaState, numbers ...int) *medium {
	t.Helper()
	m := u.begin(t, "text/plain", bytes.Repeat([]byte("soup, or salad\n"), 6<<20/15), ends)
	if m.Upload.Parts != 2 {
		t.Fatalf("it is uploaded by %+v", m.Upload)
	}
	for _, number := range numbers {
		if err := u.sendPart(m, number); err != nil {
			t.Fatal(err)
		}
	}
	return m
}

func (u *uploads) sendPart(m *medium, number int) error {
	signed, err := u.user.SignParts(context.Background(), m.ID, number)
	if err != nil {
		return fmt.Errorf("sign part %d: %w", number, err)
	}
	begin := int64(number-1) * m.Upload.PartSize
	return signed[0].Send(context.Background(), u.d.HTTP(), m.content[begin:begin+signed[0].Size])
}

// throughout uploads a picture as a client does that goes on while the service is away. It is ready in the end, unless it has expired meanwhile.
func (u *uploads) throughout(t *testing.T, number int, content []byte) {
	var begun client.Medium
	named := u.announced("image/jpeg", content, fmt.Sprint("throughout-", number))
	if !u.untilAnswered(t, "begin", func() (err error) {
		begun, err = u.user.CreateMedium(t.Context(), named)
		return err
	}) {
		return
	}
	m := u.note(&medium{begun, content, wire.MediaDeleted})
	if u.untilAnswered(t, "upload", func() error { return m.Upload.Form.Send(t.Context(), u.d.HTTP(), content) }) {
		u.completeAfterwards(t, m)
	}
}

// untilAnswered repeats a step until it is taken, or refused as what has expired is: done says which.
func (u *uploads) untilAnswered(t *testing.T, what string, step func() error) (done bool) {
	for end := time.Now().Add(settled); ; <-time.After(50 * time.Millisecond) {
		err := step()
		if err == nil {
			return true
		}
		var problem *client.Problem
		switch {
		case client.HasCode(err, "media-not-found"), client.HasCode(err, "media-state"), isRefused(err):
			t.Logf("%s, too late: %v", what, err)
			return false
		case errors.As(err, &problem) && problem.Status < http.StatusInternalServerError, time.Now().After(end):
			t.Errorf("%s: %v", what, err)
			return false
		}
	}
}

func isRefused(err error) bool {
	var refused *client.RefusedUpload
	return errors.As(err, &refused) && refused.Status < http.StatusInternalServerError
}

// stateOf gives a medium's state; what is known no more is deleted, and "" what cannot be asked for now.
func (u *uploads) stateOf(m *medium) wire.MediaState {
	found, err := u.user.Medium(context.Background(), m.ID)
	switch {
	case client.HasCode(err, "media-not-found"):
		return wire.MediaDeleted
	case err != nil:
		return ""
	}
	m.Variants = found.Variants
	return found.State
}

func (u *uploads) await(t *testing.T, m *medium, state wire.MediaState) {
	t.Helper()
	until(t, func() string {
		if is := u.stateOf(m); is != state {
			return fmt.Sprintf("a medium is %q, and not %s", is, state)
		}
		return ""
	})
}

// link is the address that a download is signed for.
func (u *uploads) link(t *testing.T, m *medium) string {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, u.d.BaseURL+"/api/media/"+m.ID.String(), nil)
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("Authorization", "Bearer "+u.d.Token(t, u.user.Name))
	response, err := u.d.HTTP().Transport.RoundTrip(request)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	address := response.Header.Get("Location")
	if status, answer := get(t, u.d, address); status != http.StatusOK || answer != string(m.content) {
		t.Fatalf("%s leads to %d, %s", request.URL, status, answer)
	}
	return address
}

// goroutines are where a process is just now.
func goroutines(t *testing.T, d *deployment.Deployment, service string) string {
	t.Helper()
	status, profile := ask(t, d, "http://"+d.Internal[service]+"/debug/pprof/goroutine?debug=1", http.Header{"Authorization": {"Bearer " + deployment.InternalSecret}})
	if status != http.StatusOK {
		t.Fatalf("the goroutines of %s: %d: %s", service, status, profile)
	}
	return profile
}

func get(t *testing.T, d *deployment.Deployment, address string) (status int, answer string) {
	t.Helper()
	return ask(t, d, address, nil)
}

func ask(t *testing.T, d *deployment.Deployment, address string, header http.Header) (status int, answer string) {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, address, nil)
	if err != nil {
		t.Fatal(err)
	}
	for name, values := range header {
		request.Header[name] = values
	}
	response, err := d.HTTP().Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	var read bytes.Buffer
	if _, err := read.ReadFrom(response.Body); err != nil {
		t.Fatal(err)
	}
	return response.StatusCode, read.String()
}

// awaitEnd waits until all media are in the states in which they must end, there are exactly the objects of those, and the uploader was told.
func (u *uploads) awaitEnd(t *testing.T, told *deployment.Listener) {
	t.Helper()
	until(t, func() string {
		var objects []string
		for _, m := range u.all {
			state := u.stateOf(m)
			if state != m.ends {
				return fmt.Sprintf("a medium is %q, and not %s", state, m.ends)
			}
			if state != wire.MediaReady {
				continue
			}
			of := u.room.String() + "/" + m.ID.String() + "/"
			objects = append(objects, of+"original")
			for _, variant := range m.Variants {
				objects = append(objects, of+variant+".jpg")
			}
		}
		kept := u.d.Objects(t)
		if surplus, missing := without(kept, objects), without(objects, kept); len(surplus)+len(missing) > 0 {
			return fmt.Sprintf("nobody's are the objects %q, missing are %q", surplus, missing)
		}
		return ""
	})
	for _, m := range u.all {
		told.Await(t, time.Minute, fmt.Sprintf("a medium that is %s", m.ends), func(all []client.StreamEvent) bool {
			return slices.ContainsFunc(all, func(event client.StreamEvent) bool {
				var said wire.MediaChanged
				return event.Type == "MediaChanged" && json.Unmarshal(event.Data, &said) == nil && said.ID == m.ID && said.State == m.ends
			})
		})
		if m.ends != wire.MediaReady {
			continue
		}
		if content, _, err := u.user.Download(t.Context(), m.ID, ""); err != nil || !bytes.Equal(content, m.content) {
			t.Errorf("of a medium %d bytes come, of %d: %v", len(content), len(m.content), err)
		}
	}
}

// without gives those of the keys that are not among the others.
func without(keys, others []string) []string {
	return slices.DeleteFunc(slices.Clone(keys), func(key string) bool { return slices.Contains(others, key) })
}

// until waits until nothing is wrong any more.
func until(t *testing.T, wrong func() string) {
	t.Helper()
	poll := time.NewTicker(100 * time.Millisecond)
	defer poll.Stop()
	for end := time.Now().Add(settled); ; <-poll.C {
		what := wrong()
		if what == "" {
			return
		}
		if time.Now().After(end) {
			t.Fatal(what)
		}
	}
}

// picture is a JPEG of so many pixels.
func picture(width, height int) []byte {
	pixels := image.NewYCbCr(image.Rect(0, 0, width, height), image.YCbCrSubsampleRatio420)
	for i := range pixels.Y {
		pixels.Y[i] = uint8(i % width / 8)
	}
	var encoded bytes.Buffer
	_ = jpeg.Encode(&encoded, pixels, nil) // a buffer takes all
	return encoded.Bytes()
}
