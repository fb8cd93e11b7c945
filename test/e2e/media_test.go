package e2e

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"image"
	"image/color"
	"image/jpeg"
	"image/png"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	client "github.com/ism-chat/ism/clients/go"
	"github.com/ism-chat/ism/libs/wire"
	"github.com/ism-chat/ism/test/deployment"
)

// mediumIsSentAndSeen uploads a picture by a form and sends it: the other member gets all of it, and a small one.
func mediumIsSentAndSeen(t *testing.T, d *deployment.Deployment) {
	alice, bob := d.SignIn(t, "alice"), d.SignIn(t, "bob")
	room := createRoom(t, alice, wire.Group, "Recipes", bob)
	atAlice, atBob := alice.Listen(t), bob.Listen(t)
	content := pictureOf(t, 640, 480)
	medium := create(t, alice, client.NewMedium{RoomID: room.ID, FileName: "Süppchen.jpg", MIMEType: "image/jpeg", Size: int64(len(content)), SHA256: sumOf(content)})
	if medium.State != wire.MediaPending || medium.Upload.Form == nil || medium.Upload.Parts != 0 {
		t.Fatalf("it is %+v", medium)
	}
	if _, err := alice.SendMedium(t.Context(), room.ID, medium.ID, ""); !client.HasCode(err, "media-not-ready") {
		t.Errorf("before it is uploaded, it is sent: %v", err)
	}
	if _, err := alice.CompleteMedium(t.Context(), medium.ID); !client.HasCode(err, "media-not-uploaded") {
		t.Errorf("before it is uploaded, it is completed: %v", err)
	}
	sendForm(t, d, medium, content)
	complete(t, alice, medium.ID)
	ready := awaitMedium(t, atAlice, medium.ID, wire.MediaReady)
	if ready.Width != 640 || ready.Height != 480 || !slices.Contains(ready.Variants, "256") || ready.FileName != "Süppchen.jpg" {
		t.Errorf("alice is told %+v", ready)
	}

	sent, err := alice.SendMedium(t.Context(), room.ID, medium.ID, "a bowl of soup")
	if err != nil {
		t.Fatalf("send: %v", err)
	}
	live := atBob.AwaitMessages(t, room.ID, 1)[0]
	var shown wire.MediaBody
	if err := json.Unmarshal(live.Message.Body, &shown); err != nil {
		t.Fatal(err)
	}
	want := wire.MediaBody{
		ID: medium.ID, URL: shown.URL, Type: "image", MIMEType: "image/jpeg", Alternative: "a bowl of soup", FileName: "Süppchen.jpg",
		Size: len(content), Width: 640, Height: 480,
	}
	if !same(live.Message, sent) || shown != want || !strings.HasSuffix(shown.URL, "/api/media/"+medium.ID.String()) {
		t.Errorf("bob's stream has %+v, want %+v", shown, want)
	}
	if status := statusOf(t, d, signedAddress(t, d, bob, shown.URL)); status != http.StatusOK {
		t.Errorf("%s leads to %d", shown.URL, status)
	}
	downloaded, header, err := bob.Download(t.Context(), medium.ID, "")
	if err != nil || !bytes.Equal(downloaded, content) {
		t.Fatalf("bob gets %d bytes of %d: %v", len(downloaded), len(content), err)
	}
	if disposition := header.Get("Content-Disposition"); header.Get("Content-Type") != "image/jpeg" || header.Get("X-Content-Type-Options") != "nosniff" ||
		!strings.HasPrefix(disposition, "inline") || !strings.Contains(disposition, "S%C3%BCppchen.jpg") {
		t.Errorf("bob gets it with %v", header)
	}
	small, header, err := bob.Download(t.Context(), medium.ID, "thumb")
	if err != nil || header.Get("Content-Type") != "image/jpeg" {
		t.Fatalf("bob gets a thumbnail with %v: %v", header, err)
	}
	if width, height := sizeOf(t, small); width != 256 || height != 192 {
		t.Errorf("the thumbnail has %d×%d pixels", width, height)
	}
	if _, _, err := bob.Download(t.Context(), medium.ID, "512"); !client.HasCode(err, "variant-not-found") {
		t.Errorf("a variant that there is not: %v", err)
	}
}

// mediumIsUploadedInParts uploads a file of more than one part: what is missing is uploaded behind an interruption.
func mediumIsUploadedInParts(t *testing.T, d *deployment.Deployment) {
	alice, bob := d.SignIn(t, "alice"), d.SignIn(t, "bob")
	room := createRoom(t, alice, wire.Group, "Files", bob)
	atAlice := alice.Listen(t)
	content := bytes.Repeat([]byte("soup, or salad; \n"), 6<<20/17)
	medium := create(t, alice, client.NewMedium{RoomID: room.ID, FileName: "menu.txt", MIMEType: "text/plain", Size: int64(len(content)), SHA256: sumOf(content)})
	if medium.Upload.Form != nil {
		t.Skipf("what has %d bytes is uploaded by one form here", len(content)) // as the stack is configured
	}
	part := medium.Upload.PartSize
	if medium.Upload.Parts != 2 || part < 5<<20 || part >= int64(len(content)) {
		t.Fatalf("it is uploaded by %+v", medium.Upload)
	}
	sign := func(number int) client.SignedPart {
		t.Helper()
		signed, err := alice.SignParts(t.Context(), medium.ID, number)
		if err != nil || len(signed) != 1 || signed[0].Number != number {
			t.Fatalf("sign part %d: %+v, %v", number, signed, err)
		}
		return signed[0]
	}
	if err := sign(1).Send(t.Context(), d.HTTP(), content[:part]); err != nil {
		t.Fatal(err)
	}
	if there, err := alice.UploadedParts(t.Context(), medium.ID); err != nil || !slices.Equal(there, []int{1}) {
		t.Errorf("the parts %v are there, %v", there, err)
	}
	if _, err := alice.CompleteMedium(t.Context(), medium.ID); !client.HasCode(err, "media-not-uploaded") {
		t.Errorf("without its second part it is completed: %v", err)
	}
	if _, err := alice.SignParts(t.Context(), medium.ID, 3); !client.HasCode(err, "invalid-request") {
		t.Errorf("a third part is signed: %v", err)
	}
	refused(t, "a part of another size", sign(2).Send(t.Context(), d.HTTP(), content[part:len(content)-1]))
	if err := sign(2).Send(t.Context(), d.HTTP(), content[part:]); err != nil {
		t.Fatal(err)
	}
	complete(t, alice, medium.ID)
	awaitMedium(t, atAlice, medium.ID, wire.MediaReady)
	if _, err := alice.SendMedium(t.Context(), room.ID, medium.ID, ""); err != nil {
		t.Fatalf("send: %v", err)
	}
	downloaded, _, err := bob.Download(t.Context(), medium.ID, "")
	if err != nil || !bytes.Equal(downloaded, content) {
		t.Errorf("bob gets %d bytes of %d: %v", len(downloaded), len(content), err)
	}
}

// onlyWhoReadsDownloads has a member leave between two pictures: it gets the first one, and a stranger none.
func onlyWhoReadsDownloads(t *testing.T, d *deployment.Deployment) {
	alice, bob, carol, eve := d.SignIn(t, "alice"), d.SignIn(t, "bob"), d.SignIn(t, "carol"), d.SignIn(t, "u20")
	room := createRoom(t, alice, wire.Group, "Team", bob, carol)
	first := share(t, d, alice, room.ID)
	if _, _, err := carol.Download(t.Context(), first, ""); err != nil {
		t.Errorf("a member: %v", err)
	}
	if err := carol.Leave(t.Context(), room.ID); err != nil {
		t.Fatal(err)
	}
	awaitRefused(t, carol, room.ID)
	second := share(t, d, alice, room.ID)
	for name, c := range map[string]struct {
		user   *deployment.User
		medium uuid.UUID
		code   string
	}{
		"a member":                        {bob, second, ""},
		"a former member, of before":      {carol, first, ""},
		"a former member, of since":       {carol, second, "media-not-found"},
		"a stranger":                      {eve, first, "media-not-found"},
		"a member, of what there is none": {bob, uuid.New(), "media-not-found"},
	} {
		awaitDownload(t, name, c.user, c.medium, c.code)
		if _, err := c.user.Medium(t.Context(), c.medium); c.code == "" && err != nil || c.code != "" && !client.HasCode(err, c.code) {
			t.Errorf("%s asks for its state: %v", name, err)
		}
	}
	refusal{method: "GET", path: "/api/media/" + first.String(), status: 401, code: "unauthorized"}.check(t, d, "")

	if _, err := bob.SendMedium(t.Context(), room.ID, first, ""); !client.HasCode(err, "media-not-found") {
		t.Errorf("somebody else's is sent: %v", err)
	}
	elsewhere := createRoom(t, alice, wire.Group, "Elsewhere", bob)
	if _, err := alice.SendMedium(t.Context(), elsewhere.ID, first, ""); !client.HasCode(err, "media-not-found") {
		t.Errorf("it is sent to another room: %v", err)
	}
	if _, err := bob.CompleteMedium(t.Context(), first); !client.HasCode(err, "media-not-found") {
		t.Errorf("somebody else's is completed: %v", err)
	}
	if err := bob.WithdrawMedium(t.Context(), first); !client.HasCode(err, "media-not-found") {
		t.Errorf("somebody else's is withdrawn: %v", err)
	}
	for name, user := range map[string]*deployment.User{"a former member": carol, "a stranger": eve} {
		_, err := user.CreateMedium(t.Context(), client.NewMedium{RoomID: room.ID, FileName: "a.txt", MIMEType: "text/plain", Size: 1})
		if !client.HasCode(err, "room-not-found") {
			t.Errorf("%s uploads: %v", name, err)
		}
	}
}

// storeTakesWhatWasSigned uploads other things than were announced: the store refuses them, or they are rejected.
func storeTakesWhatWasSigned(t *testing.T, d *deployment.Deployment) {
	alice, bob := d.SignIn(t, "alice"), d.SignIn(t, "bob")
	room := createRoom(t, alice, wire.Group, "Strict", bob)
	atAlice := alice.Listen(t)
	content := pictureOf(t, 40, 30)
	announced := client.NewMedium{RoomID: room.ID, FileName: "a.jpg", MIMEType: "image/jpeg", Size: int64(len(content)), SHA256: sumOf(content)}
	medium := create(t, alice, announced)
	changed := func(field, value string) client.SignedForm {
		form := client.SignedForm{URL: medium.Upload.Form.URL, Fields: map[string]string{}}
		for name, given := range medium.Upload.Form.Fields {
			form.Fields[name] = given
		}
		if _, there := form.Fields[field]; !there {
			t.Fatalf("the form has no %s: %v", field, form.Fields)
		}
		form.Fields[field] = value
		return form
	}
	other := bytes.Clone(content)
	other[len(other)-3] ^= 1
	key := medium.Upload.Form.Fields["key"]
	refused(t, "smaller", medium.Upload.Form.Send(t.Context(), d.HTTP(), content[:len(content)-1]))
	refused(t, "larger", medium.Upload.Form.Send(t.Context(), d.HTTP(), append(bytes.Clone(content), 0)))
	refused(t, "of another content", medium.Upload.Form.Send(t.Context(), d.HTTP(), other))
	refused(t, "of another type", changed("Content-Type", "text/html").Send(t.Context(), d.HTTP(), content))
	refused(t, "at another key", changed("key", strings.Replace(key, medium.ID.String(), uuid.NewString(), 1)).Send(t.Context(), d.HTTP(), content))
	refused(t, "in another room", changed("key", strings.Replace(key, room.ID.String(), uuid.NewString(), 1)).Send(t.Context(), d.HTTP(), content))
	if _, err := alice.CompleteMedium(t.Context(), medium.ID); !client.HasCode(err, "media-not-uploaded") {
		t.Errorf("after all that it is completed: %v", err)
	}
	sendForm(t, d, medium, content)
	complete(t, alice, medium.ID)
	awaitMedium(t, atAlice, medium.ID, wire.MediaReady)

	// From then on nobody can change it, by the form or otherwise.
	_ = medium.Upload.Form.Send(t.Context(), d.HTTP(), content) // of the same content, as all else is refused
	if got, err := alice.CompleteMedium(t.Context(), medium.ID); err != nil || got.State != wire.MediaReady {
		t.Errorf("completed again, it is %+v, %v", got, err)
	}

	// A picture of another type than was said.
	var encoded bytes.Buffer
	if err := png.Encode(&encoded, image.NewGray(image.Rect(0, 0, 8, 8))); err != nil {
		t.Fatal(err)
	}
	lie := create(t, alice, client.NewMedium{RoomID: room.ID, FileName: "b.jpg", MIMEType: "image/jpeg", Size: int64(encoded.Len())})
	sendForm(t, d, lie, encoded.Bytes())
	complete(t, alice, lie.ID)
	if told := awaitMedium(t, atAlice, lie.ID, wire.MediaRejected); told.Reason != "not-what-it-says" {
		t.Errorf("it is rejected for %q", told.Reason)
	}
	if _, err := alice.SendMedium(t.Context(), room.ID, lie.ID, ""); !client.HasCode(err, "media-rejected") {
		t.Errorf("what was rejected is sent: %v", err)
	}

	for name, c := range map[string]struct {
		change func(m *client.NewMedium)
		code   string
	}{
		"of no bytes":        {func(m *client.NewMedium) { m.Size = 0 }, "invalid-request"},
		"of negative size":   {func(m *client.NewMedium) { m.Size = -1 }, "invalid-request"},
		"far too large":      {func(m *client.NewMedium) { m.Size = 1 << 50 }, "media-too-large"},
		"a page":             {func(m *client.NewMedium) { m.MIMEType = "text/html" }, "media-type-not-allowed"},
		"of no type":         {func(m *client.NewMedium) { m.MIMEType = "a picture" }, "invalid-request"},
		"without a name":     {func(m *client.NewMedium) { m.FileName = "" }, "invalid-request"},
		"of a name too long": {func(m *client.NewMedium) { m.FileName = strings.Repeat("a", 10<<10) }, "invalid-request"},
		"of half a checksum": {func(m *client.NewMedium) { m.SHA256 = "abcd" }, "invalid-request"},
		"to an unknown room": {func(m *client.NewMedium) { m.RoomID = uuid.New() }, "room-not-found"},
	} {
		bad := announced
		c.change(&bad)
		if _, err := alice.CreateMedium(t.Context(), bad); !client.HasCode(err, c.code) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// namedUploadIsOne begins an upload again and again, as a client does that gets no answers.
func namedUploadIsOne(t *testing.T, d *deployment.Deployment) {
	alice, bob := d.SignIn(t, "alice"), d.SignIn(t, "bob")
	room := createRoom(t, alice, wire.Group, "Once", bob)
	atAlice := alice.Listen(t)
	content := pictureOf(t, 40, 30)
	named := client.NewMedium{RoomID: room.ID, FileName: "a.jpg", MIMEType: "image/jpeg", Size: int64(len(content)), Key: uuid.NewString()}
	first, again := create(t, alice, named), create(t, alice, named)
	if first.ID != again.ID || again.Upload.Form == nil {
		t.Fatalf("again, it is %+v, after %s", again, first.ID)
	}
	sendForm(t, d, again, content)
	complete(t, alice, first.ID)
	awaitMedium(t, atAlice, first.ID, wire.MediaReady)
	if done := create(t, alice, named); done.ID != first.ID || done.State != wire.MediaReady || done.Upload.Form != nil {
		t.Errorf("once it is ready, it is %+v", done)
	}
	other := named
	other.Size++
	if _, err := alice.CreateMedium(t.Context(), other); !client.HasCode(err, "idempotency-key-reused") {
		t.Errorf("another one of the name: %v", err)
	}
	if err := alice.WithdrawMedium(t.Context(), first.ID); err != nil {
		t.Errorf("withdraw: %v", err)
	}
	awaitMedium(t, atAlice, first.ID, wire.MediaDeleted)
	if _, err := alice.Medium(t.Context(), first.ID); !client.HasCode(err, "media-not-found") {
		t.Errorf("what was withdrawn is still there: %v", err)
	}
}

// mediumGoesWithItsMessage deletes a message: what it showed is gone, also for those who have its signed address.
func mediumGoesWithItsMessage(t *testing.T, d *deployment.Deployment) {
	alice, bob := d.SignIn(t, "alice"), d.SignIn(t, "bob")
	room := createRoom(t, alice, wire.Group, "Regrets", bob)
	atAlice := alice.Listen(t)
	medium := ready(t, d, alice, room.ID)
	sent, err := alice.SendMedium(t.Context(), room.ID, medium, "")
	if err != nil {
		t.Fatalf("send: %v", err)
	}
	at := d.BaseURL + "/api/media/" + medium.String()
	signed := []string{signedAddress(t, d, bob, at), signedAddress(t, d, bob, at+"?variant=thumb")}
	for _, address := range signed {
		if status := statusOf(t, d, address); status != http.StatusOK {
			t.Errorf("%s: %d", address, status)
		}
	}
	if _, err := alice.Delete(t.Context(), room.ID, sent.ID); err != nil {
		t.Fatalf("delete: %v", err)
	}
	if told := awaitMedium(t, atAlice, medium, wire.MediaDeleted); told.Reason != "unused" || told.FileName != "" {
		t.Errorf("alice is told %+v", told)
	}
	if _, _, err := bob.Download(t.Context(), medium, ""); !client.HasCode(err, "media-not-found") {
		t.Errorf("bob still gets it: %v", err)
	}
	for _, address := range signed {
		within(t, "its object is gone", func() bool { return statusOf(t, d, address) == http.StatusNotFound })
	}
}

// roomHasAPicture gives a Group a picture, and another one: streams and lists have it, and pages show it without a token.
func roomHasAPicture(t *testing.T, d *deployment.Deployment) {
	alice, bob, eve := d.SignIn(t, "alice"), d.SignIn(t, "bob"), d.SignIn(t, "u20")
	room := createRoom(t, alice, wire.Group, "Lunch", bob)
	atAlice := alice.Listen(t)
	first, err := bob.UploadPicture(t.Context(), room.ID, pictureOf(t, 800, 600))
	if err != nil {
		t.Fatalf("upload: %v", err)
	}
	var told wire.RoomChanged
	awaitEvent(t, atAlice, "RoomChanged", room.ID, &told)
	if told.Room.ImageURL == nil || *told.Room.ImageURL != first || *told.Room.Name != "Lunch" {
		t.Errorf("alice is told %+v, of %s", told.Room, first)
	}
	if seen, err := alice.Room(t.Context(), room.ID); err != nil || seen.ImageURL == nil || *seen.ImageURL != first {
		t.Errorf("alice sees %+v, %v", seen, err)
	}
	response, err := d.HTTP().Get(first)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	if header := response.Header; response.StatusCode != http.StatusOK || header.Get("Content-Type") != "image/jpeg" || !strings.Contains(header.Get("Cache-Control"), "immutable") {
		t.Fatalf("%s: %d, %v", first, response.StatusCode, header)
	}
	shown, err := jpeg.DecodeConfig(response.Body)
	if err != nil || shown.Width != 500 || shown.Height != 500 {
		t.Errorf("it has %d×%d pixels, %v", shown.Width, shown.Height, err)
	}
	second, err := alice.UploadPicture(t.Context(), room.ID, pictureOf(t, 300, 900))
	if err != nil || second == first {
		t.Fatalf("upload another one: %s, %v", second, err)
	}
	if status := statusOf(t, d, second); status != http.StatusOK {
		t.Errorf("%s: %d", second, status)
	}

	single := createRoom(t, alice, wire.Single, "", d.SignIn(t, "u21"))
	for name, c := range map[string]struct {
		user    *deployment.User
		room    uuid.UUID
		picture []byte
		code    string
	}{
		"a stranger":        {eve, room.ID, pictureOf(t, 8, 8), "room-not-found"},
		"to no room":        {alice, uuid.New(), pictureOf(t, 8, 8), "room-not-found"},
		"to a Single room":  {alice, single.ID, pictureOf(t, 8, 8), "single-room"},
		"of no picture":     {alice, room.ID, []byte("soup"), "unsupported-image"},
		"of half a picture": {alice, room.ID, pictureOf(t, 80, 80)[:300], "unreadable-image"},
		"of over 5 MB":      {alice, room.ID, append(pictureOf(t, 8, 8), make([]byte, 5<<20)...), "media-too-large"},
		"of over 6 MB":      {alice, room.ID, make([]byte, 6<<20), "body-too-large"},
	} {
		if _, err := c.user.UploadPicture(t.Context(), c.room, c.picture); !client.HasCode(err, c.code) {
			t.Errorf("%s: %v, want %s", name, err, c.code)
		}
	}
	if seen, err := bob.Room(t.Context(), room.ID); err != nil || seen.ImageURL == nil || *seen.ImageURL != second {
		t.Errorf("bob sees %+v, %v", seen, err)
	}
}

// create begins an upload.
func create(t *testing.T, user *deployment.User, medium client.NewMedium) client.Medium {
	t.Helper()
	created, err := user.CreateMedium(t.Context(), medium)
	if err != nil {
		t.Fatalf("begin the upload of %s: %v", medium.FileName, err)
	}
	return created
}

func sendForm(t *testing.T, d *deployment.Deployment, medium client.Medium, content []byte) {
	t.Helper()
	if err := medium.Upload.Form.Send(t.Context(), d.HTTP(), content); err != nil {
		t.Fatalf("upload %s: %v", medium.FileName, err)
	}
}

func complete(t *testing.T, user *deployment.User, medium uuid.UUID) {
	t.Helper()
	if _, err := user.CompleteMedium(t.Context(), medium); err != nil {
		t.Fatalf("complete: %v", err)
	}
}

// ready uploads a picture and waits until it is ready.
func ready(t *testing.T, d *deployment.Deployment, user *deployment.User, room uuid.UUID) uuid.UUID {
	t.Helper()
	content := pictureOf(t, 300, 200)
	medium := create(t, user, client.NewMedium{RoomID: room, FileName: "soup.jpg", MIMEType: "image/jpeg", Size: int64(len(content))})
	sendForm(t, d, medium, content)
	complete(t, user, medium.ID)
	within(t, "a picture is ready", func() bool {
		found, err := user.Medium(t.Context(), medium.ID)
		return err == nil && found.State == wire.MediaReady
	})
	return medium.ID
}

// share sends a picture.
func share(t *testing.T, d *deployment.Deployment, user *deployment.User, room uuid.UUID) uuid.UUID {
	t.Helper()
	medium := ready(t, d, user, room)
	if _, err := user.SendMedium(t.Context(), room, medium, ""); err != nil {
		t.Fatalf("send: %v", err)
	}
	return medium
}

// awaitDownload waits until a user gets a medium, or is refused with the code: which messages show it is taken from the log.
func awaitDownload(t *testing.T, name string, user *deployment.User, medium uuid.UUID, code string) {
	t.Helper()
	within(t, name+` is answered "`+code+`"`, func() bool {
		_, _, err := user.Download(t.Context(), medium, "")
		return code == "" && err == nil || code != "" && client.HasCode(err, code)
	})
}

// awaitMedium waits until the uploader's stream has told that a medium has the state.
func awaitMedium(t *testing.T, at *deployment.Listener, medium uuid.UUID, state wire.MediaState) wire.MediaChanged {
	t.Helper()
	var told wire.MediaChanged
	at.Await(t, time.Minute, "a medium that is "+string(state), func(all []client.StreamEvent) bool {
		return slices.ContainsFunc(all, func(event client.StreamEvent) bool {
			told = wire.MediaChanged{}
			return event.Type == "MediaChanged" && json.Unmarshal(event.Data, &told) == nil && told.ID == medium && told.State == state
		})
	})
	return told
}

// within waits until something holds.
func within(t *testing.T, what string, holds func() bool) {
	t.Helper()
	poll := time.NewTicker(50 * time.Millisecond)
	defer poll.Stop()
	for end := time.Now().Add(time.Minute); !holds(); <-poll.C {
		if time.Now().After(end) {
			t.Fatalf("waited in vain until %s", what)
		}
	}
}

// refused expects the object store to have refused an upload.
func refused(t *testing.T, what string, err error) {
	t.Helper()
	var answer *client.RefusedUpload
	if !errors.As(err, &answer) || answer.Status < 400 || answer.Status >= 500 {
		t.Errorf("what is %s: %v", what, err)
	}
}

// signedAddress is where a mediaUrl leads a user.
func signedAddress(t *testing.T, d *deployment.Deployment, user *deployment.User, mediaURL string) string {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, mediaURL, nil)
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("Authorization", "Bearer "+d.Token(t, user.Name))
	response, err := d.HTTP().Transport.RoundTrip(request)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusFound {
		t.Fatalf("GET %s: %d", request.URL, response.StatusCode)
	}
	return response.Header.Get("Location")
}

func statusOf(t *testing.T, d *deployment.Deployment, address string) int {
	t.Helper()
	response, err := d.HTTP().Get(address)
	if err != nil {
		t.Fatalf("get %s: %v", address, err)
	}
	_ = response.Body.Close()
	return response.StatusCode
}

// pictureOf is a JPEG of so many pixels.
func pictureOf(t *testing.T, width, height int) []byte {
	t.Helper()
	picture := image.NewRGBA(image.Rect(0, 0, width, height))
	for x := range width {
		for y := range height {
			picture.SetRGBA(x, y, color.RGBA{uint8(x), uint8(y), uint8(x * y), 255})
		}
	}
	var encoded bytes.Buffer
	if err := jpeg.Encode(&encoded, picture, nil); err != nil {
		t.Fatal(err)
	}
	return encoded.Bytes()
}

func sizeOf(t *testing.T, picture []byte) (width, height int) {
	t.Helper()
	decoded, err := jpeg.Decode(bytes.NewReader(picture))
	if err != nil {
		t.Fatalf("decode a JPEG: %v", err)
	}
	return decoded.Bounds().Dx(), decoded.Bounds().Dy()
}

func sumOf(content []byte) string {
	sum := sha256.Sum256(content)
	return hex.EncodeToString(sum[:])
}
