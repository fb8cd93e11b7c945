package webclient

import (
	"archive/zip"
	"bytes"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"image"
	"image/color"
	"image/png"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/chromedp/cdproto/browser"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/chromedp"

	"github.com/ism-chat/ism/test/deployment"
)

const mebibyte = 1 << 20

// Files of a user reach the others as they are, and nobody else. What goes wrong is said, and what is being written stays.
func TestPicturesAndFiles(t *testing.T) {
	c := startChat(t, deployment.Settings{"ISM_MEDIA_MAX_BYTES": fmt.Sprint(16 * mebibyte)})
	c.alice.write("textarea[name=text]", "not yet sent")
	carol := open(c.alice.ctx, t, at(t, c.d, "localhost"), "carol", chromedp.WithNewBrowserContext())
	carol.signIn()

	c.sharesPictures(t)
	c.sharesFiles(t)
	c.keepsStrangersOut(t, carol)
	c.saysWhyAFileIsRefused(t)
	c.goesOnAfterTheNetworkIsBack(t)

	if text := evaluate[string](c.alice, "document.querySelector('textarea[name=text]').value"); text != "not yet sent" {
		t.Errorf("of what was being written %q is left", text)
	}
	for _, one := range []*tab{c.alice, c.bob, carol} {
		if refused := one.refused(); len(refused) > 0 {
			t.Errorf("%s: %q", one.name, refused)
		}
	}
	c.compare(t)
}

// sharesPictures has alice choose a picture, and paste one. Both see it in a size for the page.
func (c *chat) sharesPictures(t *testing.T) {
	t.Helper()
	c.alice.choose(file(t, "view.png", drawing(t, 1600, 1200)))
	c.alice.paste("pasted.png", "image/png", drawing(t, 48, 36))
	for _, one := range []*tab{c.alice, c.bob} {
		one.await("both pictures", "document.querySelectorAll('[data-media] img').length === 2 && [...document.querySelectorAll('[data-media] img')].every((img) => img.complete && img.naturalWidth > 0)")
		widths := evaluate[[]int](one, "[...document.querySelectorAll('[data-media] img')].map((img) => img.naturalWidth).sort((a, b) => a - b)")
		if len(widths) != 2 || widths[0] != 48 || widths[1] != 1024 {
			t.Errorf("%s: the pictures are %v pixels wide, want 48, which has no smaller one, and 1024 of 1600", one.name, widths)
		}
	}
	// Text of an office program comes with a picture of it.
	if taken := evaluate[bool](c.alice, pasting("cells.png", "image/png", drawing(t, 48, 36), "{'text/plain': 'a', 'text/html': '<table>'}")); taken {
		t.Error("text with a picture of it is taken as a picture")
	}
}

// sharesFiles has alice drop a file, and choose a large one, of which she sees how far it is. Bob downloads both.
func (c *chat) sharesFiles(t *testing.T) {
	t.Helper()
	notes := []byte("Süß\r\noder salzig?\n\x00\xff<script>globalThis.__ran = 1</script>")
	c.alice.drop(".room", "Notizen, süß.txt", "text/plain", notes)
	c.bob.awaitDownload(t, "Notizen, süß.txt", notes)

	large := archive(t, 6*mebibyte)
	c.alice.throttle(3 * mebibyte)
	c.alice.sampleProgress()
	c.alice.choose(file(t, "archive.zip", large))
	c.alice.await("the upload", "!document.querySelector('[data-upload]') && document.querySelectorAll('[data-media]').length === 4")
	c.bob.awaitDownload(t, "archive.zip", large)
	c.alice.throttle(-1)
	seen := c.alice.progress()
	if between := partly(seen, len(large)); len(between) < 2 {
		t.Errorf("of an upload of %d bytes alice sees %v", len(large), seen)
	} else {
		t.Logf("alice sees %d steps of the upload", len(between))
	}

	// What is dropped beside a room is not taken, and not opened in place of the page.
	if !evaluate[bool](c.alice, dropping("nav", "beside.txt", "text/plain", notes)) {
		t.Error("a file that is dropped beside the room takes the place of the page")
	}
	if n := evaluate[int](c.alice, "document.querySelectorAll('[data-upload]').length"); n > 0 {
		t.Errorf("%d uploads of what was dropped beside the room", n)
	}
}

// keepsStrangersOut has carol, who is in no room, and somebody without a token, ask for all that alice and bob have shared.
func (c *chat) keepsStrangersOut(t *testing.T, carol *tab) {
	t.Helper()
	token := c.d.Token(t, "carol")
	media := evaluate[[]string](c.bob, "[...document.querySelectorAll('[data-media]')].map((medium) => medium.dataset.media)")
	if len(media) != 4 {
		t.Fatalf("bob sees the media %v", media)
	}
	for _, medium := range media {
		for _, variant := range []string{"", "?variant=256", "?variant=1024", "?variant=thumb"} {
			path := "/api/media/" + medium + variant
			if status, _ := get(t, c.d.BaseURL+path, token); status != http.StatusNotFound {
				t.Errorf("carol asks for %s and is answered %d", path, status)
			}
			if status, _ := get(t, c.d.BaseURL+path, ""); status != http.StatusUnauthorized {
				t.Errorf("somebody without a token asks for %s and is answered %d", path, status)
			}
			got := evaluate[[]int](carol, "Promise.all([{}, { Authorization: "+quote("Bearer "+token)+" }].map((headers) => fetch("+quote(path)+", { headers }).then(({ status }) => status)))")
			if len(got) != 2 || got[0] != http.StatusUnauthorized || got[1] != http.StatusNotFound {
				t.Errorf("carol's page asks for %s and is answered %v", path, got)
			}
		}
		status, signed := get(t, c.d.BaseURL+"/api/media/"+medium, c.d.Token(t, "bob"))
		address, err := url.Parse(signed)
		if status != http.StatusFound || err != nil || address.RawQuery == "" {
			t.Fatalf("bob is answered %d, to %q (%v)", status, signed, err)
		}
		if status, _ := get(t, signed, ""); status != http.StatusOK {
			t.Errorf("the signed address answers %d", status)
		}
		address.RawQuery = ""
		if status, _ := get(t, address.String(), ""); status < 400 {
			t.Errorf("without its signature the address of the content answers %d", status)
		}
	}
	carol.hash("#/rooms/" + c.room.String())
	carol.await("the refusal", "document.querySelector('main [role=alert]')")
	if n := evaluate[int](carol, "document.querySelectorAll('[data-media], [data-message]').length"); n > 0 {
		t.Errorf("carol's page has %d messages of a room that she is not in", n)
	}
}

// saysWhyAFileIsRefused has alice choose what the server does not take.
func (c *chat) saysWhyAFileIsRefused(t *testing.T) {
	t.Helper()
	huge := file(t, "huge.zip", nil)
	if err := os.Truncate(huge, 17*mebibyte); err != nil {
		t.Fatal(err)
	}
	for _, refused := range []struct{ path, why string }{
		{huge, "huge.zip was not sent: the file is too large"},
		{file(t, "program.exe", []byte("MZ")), "program.exe was not sent: files of this kind are not taken here"},
		{file(t, "empty.txt", nil), "empty.txt was not sent: the file is empty"},
	} {
		c.alice.choose(refused.path)
		c.alice.await(refused.why, "document.querySelector('[data-upload] [role=alert]')?.textContent.includes("+quote(refused.why)+")")
		c.alice.click("[data-upload] .icon-button")
		c.alice.await("it to be gone", "!document.querySelector('[data-upload]')")
	}
	// What is in a file the server sees once it has it: the message is refused.
	c.alice.choose(file(t, "fake.zip", []byte("this is no archive")))
	why := "it is not what its name says"
	c.alice.await(why, "document.querySelector('[data-state=failed] [role=alert]')?.textContent.includes("+quote(why)+")")
	c.alice.click("[data-state=failed] button[name=discard]")
	c.alice.await("it to be gone", "!document.querySelector('[data-state=failed]')")
}

// goesOnAfterTheNetworkIsBack cuts the network in the second part of an upload. It is tried again, and goes on with that part.
func (c *chat) goesOnAfterTheNetworkIsBack(t *testing.T) {
	t.Helper()
	content := archive(t, 12*mebibyte)
	c.alice.throttle(3 * mebibyte)
	c.alice.choose(file(t, "cut.zip", content))
	c.alice.await("the second part", fmt.Sprintf("document.querySelector('[data-upload] progress')?.value > %d", 6*mebibyte))
	c.alice.offline(true)
	c.alice.await("the page to say that it failed", "document.querySelector('[data-upload] [role=alert]')?.textContent.includes('the network does not answer')")
	c.alice.offline(false)
	c.alice.throttle(6 * mebibyte)
	c.alice.sampleProgress()
	c.alice.click("[data-upload] [role=alert] button")
	c.bob.awaitDownload(t, "cut.zip", content)
	c.alice.throttle(-1)
	c.alice.await("the upload to be done", "!document.querySelector('[data-upload]')")
	seen := c.alice.progress()
	if len(seen) == 0 {
		t.Error("alice does not see how far the upload is that goes on")
	}
	for _, sent := range seen {
		if sent < 5*mebibyte {
			t.Errorf("the upload goes on at %d bytes: what was there is sent again", sent)
			break
		}
	}
	if n := evaluate[int](c.bob, "[...document.querySelectorAll('[data-media]')].filter(({ textContent }) => textContent.includes('cut.zip')).length"); n != 1 {
		t.Errorf("bob has it %d times", n)
	}
}

// choose has the user choose files, as the system's dialog does.
func (b *tab) choose(paths ...string) {
	b.t.Helper()
	b.do(chromedp.SetUploadFiles(chromedp.CSS("input[type=file][name=file]"), paths, chromedp.NodeReady))
}

// transfer is a DataTransfer with a file in it, and with other kinds of the same.
func transfer(name, kind string, content []byte, others string) string {
	return fmt.Sprintf(`(() => {
	const data = new DataTransfer();
	for (const [type, text] of Object.entries(%s)) data.setData(type, text);
	data.items.add(new File([Uint8Array.from(atob(%s), (char) => char.charCodeAt(0))], %s, { type: %s }));
	return data;
})()`, others, quote(base64.StdEncoding.EncodeToString(content)), quote(name), quote(kind))
}

// pasting pastes a file, and says whether the page has taken it.
func pasting(name, kind string, content []byte, others string) string {
	return "!document.querySelector('textarea[name=text]').dispatchEvent(new ClipboardEvent('paste', { bubbles: true, cancelable: true, clipboardData: " + transfer(name, kind, content, others) + " }))"
}

// dropping drags a file over an element and drops it there, and says whether the page has taken it: otherwise the browser opens it.
func dropping(selector, name, kind string, content []byte) string {
	return "((at, dataTransfer) => ['dragenter', 'dragover', 'drop'].map((type) => !at.dispatchEvent(new DragEvent(type, { bubbles: true, cancelable: true, dataTransfer }))).slice(1).every(Boolean))(document.querySelector(" +
		quote(selector) + "), " + transfer(name, kind, content, "{}") + ")"
}

func (b *tab) paste(name, kind string, content []byte) {
	b.t.Helper()
	if !evaluate[bool](b, pasting(name, kind, content, "{}")) {
		b.t.Errorf("%s: what is pasted is not taken", b.name)
	}
}

func (b *tab) drop(selector, name, kind string, content []byte) {
	b.t.Helper()
	if !evaluate[bool](b, dropping(selector, name, kind, content)) {
		b.t.Errorf("%s: what is dropped is not taken", b.name)
	}
}

// throttle bounds what the tab uploads, bytes a second; -1: not at all.
func (b *tab) throttle(rate float64) {
	b.t.Helper()
	_, err := chromedp.Call(b.ctx, network.EmulateNetworkConditionsByRule, network.EmulateNetworkConditionsByRuleParams{
		MatchedNetworkConditions: []*network.Conditions{{DownloadThroughput: -1, UploadThroughput: rate}},
	})
	if err != nil {
		b.t.Fatalf("%s: bound the uploads: %v", b.name, err)
	}
}

// sampleProgress has the page note how far uploads are, as it shows it.
func (b *tab) sampleProgress() {
	b.t.Helper()
	evaluate[int](b, `(() => {
	clearInterval(globalThis.__sampling);
	const seen = globalThis.__seen = [];
	globalThis.__sampling = setInterval(() => {
		const value = document.querySelector('[data-upload] progress')?.value;
		if (value !== undefined && value !== seen.at(-1)) seen.push(value);
	}, 10);
	return 0;
})()`)
}

// progress is what was noted, bytes.
func (b *tab) progress() []int {
	b.t.Helper()
	return evaluate[[]int](b, "globalThis.__seen")
}

// partly are those of a whole that are neither nothing nor all.
func partly(seen []int, whole int) (between []int) {
	for _, sent := range seen {
		if sent > 0 && sent < whole {
			between = append(between, sent)
		}
	}
	return between
}

// awaitDownload waits for a file in the room, downloads it, and compares it byte for byte.
func (b *tab) awaitDownload(t *testing.T, name string, want []byte) {
	t.Helper()
	dir := t.TempDir()
	_, err := chromedp.CallBrowser(b.ctx, browser.SetDownloadBehavior, browser.SetDownloadBehaviorParams{
		Behavior: browser.SetDownloadBehaviorBehaviorAllow, DownloadPath: dir, BrowserContextID: chromedp.FromContext(b.ctx).BrowserContextID,
	})
	if err != nil {
		t.Fatalf("have %s download: %v", b.name, err)
	}
	button := "[data-media] button[name=download][title=" + quote("Download "+name) + "]"
	b.await(name, "document.querySelector("+quote(button)+")")
	b.click(button)
	path := filepath.Join(dir, name)
	for end := time.Now().Add(pageTimeout); ; <-time.After(30 * time.Millisecond) {
		got, err := os.ReadFile(path)
		if err == nil && len(got) >= len(want) {
			if !bytes.Equal(got, want) {
				t.Errorf("%s downloads %d bytes of %s, which are not the %d that were uploaded", b.name, len(got), name, len(want))
			}
			return
		}
		if time.Now().After(end) {
			entries, listed := os.ReadDir(dir)
			t.Fatalf("%s has %d bytes of %s (%v), and %v (%v)\n%s", b.name, len(got), name, err, entries, listed, b.seen())
		}
	}
}

// get asks for an address, and gives the status and where it leads to.
func get(t *testing.T, address, token string) (status int, location string) {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, address, nil)
	if err != nil {
		t.Fatal(err)
	}
	if token != "" {
		request.Header.Set("Authorization", "Bearer "+token)
	}
	answer, err := http.DefaultTransport.RoundTrip(request) // which follows nothing
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	return answer.StatusCode, answer.Header.Get("Location")
}

// file makes a file with a content.
func file(t *testing.T, name string, content []byte) (path string) {
	t.Helper()
	path = filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, content, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// archive is a zip file of so many bytes and a few more, which nothing makes smaller.
func archive(t *testing.T, size int) []byte {
	t.Helper()
	content := make([]byte, size)
	_, _ = rand.Read(content) // it never fails
	var packed bytes.Buffer
	archive := zip.NewWriter(&packed)
	inside, err := archive.CreateHeader(&zip.FileHeader{Name: "noise", Method: zip.Store})
	if err == nil {
		_, err = inside.Write(content)
	}
	if err = errors.Join(err, archive.Close()); err != nil {
		t.Fatal(err)
	}
	return packed.Bytes()
}

// drawing is a picture, as PNG.
func drawing(t *testing.T, width, height int) []byte {
	t.Helper()
	drawn := image.NewRGBA(image.Rect(0, 0, width, height))
	for y := range height {
		for x := range width {
			drawn.Set(x, y, color.RGBA{uint8(x * 255 / width), uint8(y * 255 / height), 128, 255})
		}
	}
	var encoded bytes.Buffer
	if err := png.Encode(&encoded, drawn); err != nil {
		t.Fatal(err)
	}
	return encoded.Bytes()
}
