package webclient

import (
	"bytes"
	"image"
	"image/png"
	"mime/multipart"
	"net/http"
	"testing"
	"time"

	"github.com/google/uuid"

	client "github.com/ism-chat/ism/clients/go"
	"github.com/ism-chat/ism/libs/wire"
	"github.com/ism-chat/ism/test/deployment"
)

// Who is blocked is listed, and can be unblocked there; what a room has a picture of shows it.
func TestBlockedPeopleAndPicturesOfRooms(t *testing.T) {
	d := deployment.OneProcess(t)
	alice, bob, carol := d.SignIn(t, "alice"), d.SignIn(t, "bob"), d.SignIn(t, "carol")
	for _, other := range []*deployment.User{bob, carol} {
		if _, err := alice.IgnoreUser(t.Context(), other.ID); err != nil {
			t.Fatal(err)
		}
	}
	room, err := alice.CreateRoom(t.Context(), client.NewRoom{Type: wire.Group, Name: "Lunch", Invited: []uuid.UUID{alice.ID, d.SignIn(t, "dora").ID}})
	if err != nil {
		t.Fatal(err)
	}
	givePicture(t, d, room.ID)

	browser, _ := openBrowser(t, t.TempDir())
	one := open(browser, t, at(t, d, "localhost"), "alice")
	one.signIn()
	one.await("the room's picture", "document.querySelector("+quote("[data-room=\""+room.ID.String()+"\"] .avatar img")+")?.naturalWidth > 0")
	one.hash("#/friends")
	one.await("both who are blocked", "document.querySelectorAll('[data-blocked] [data-user]').length === 2")
	one.click("[data-blocked] [data-user=\"" + bob.ID.String() + "\"] button[name=unblock]")
	one.await("one to be left", "document.querySelectorAll('[data-blocked] [data-user]').length === 1")
	if related, err := alice.User(t.Context(), bob.ID); err != nil || related.Relationship != nil {
		t.Errorf("bob is %+v to alice, %v", related, err)
	}
	if refused := one.refused(); len(refused) > 0 {
		t.Errorf("%q", refused)
	}
}

// givePicture has alice give a room a picture.
func givePicture(t *testing.T, d *deployment.Deployment, room uuid.UUID) {
	t.Helper()
	var body bytes.Buffer
	form := multipart.NewWriter(&body)
	file, err := form.CreateFormFile("image", "picture.png")
	if err == nil {
		err = png.Encode(file, image.NewRGBA(image.Rect(0, 0, 600, 600)))
	}
	if err == nil {
		err = form.Close()
	}
	if err != nil {
		t.Fatal(err)
	}
	request, err := http.NewRequestWithContext(t.Context(), http.MethodPost, d.BaseURL+"/api/rooms/"+room.String()+"/upload-img", &body)
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("Content-Type", form.FormDataContentType())
	request.Header.Set("Authorization", "Bearer "+d.Token(t, "alice"))
	answer, err := (&http.Client{Timeout: time.Minute}).Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	if answer.StatusCode != http.StatusOK {
		t.Fatalf("the picture is answered with %s", answer.Status)
	}
}
