package httpapi

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/gofiber/fiber/v2"
)

func TestARouteTakesLargerBodies(t *testing.T) {
	make := func(cfg Config, deps Deps) *Server {
		server := New(cfg, deps)
		server.TakeLarge(LargeBody{
			Method: http.MethodPost, Path: func(path string) bool { return strings.HasPrefix(path, "/pictures/") }, Limit: 256 << 10, AtOnce: 4,
		})
		return server
	}
	f := run(t, make, func(app *fiber.App) {
		app.Post("/pictures/:id", func(c *fiber.Ctx) error { return nil })
		app.Post("/words", func(c *fiber.Ctx) error { return nil })
	})
	for path, c := range map[string]struct{ size, status int }{
		"/pictures/1?a=b": {256 << 10, http.StatusOK},
		"/pictures/2":     {256<<10 + 1, http.StatusRequestEntityTooLarge},
		"/words":          {65 << 10, http.StatusRequestEntityTooLarge},
	} {
		response, err := f.http.Post(f.url+path, "image/png", strings.NewReader(strings.Repeat("x", c.size)))
		if err != nil {
			t.Fatal(err)
		}
		_ = response.Body.Close()
		if response.StatusCode != c.status {
			t.Errorf("%s with %d bytes: %d", path, c.size, response.StatusCode)
		}
	}
}

func TestSoManyLargeBodiesAreTakenAtOnce(t *testing.T) {
	now := time.Unix(1000, 0)
	route := &largeRoute{LargeBody: LargeBody{AtOnce: 2}}
	take := func(after time.Duration) bool {
		now = now.Add(after)
		return route.take(now, time.Second)
	}
	if !take(0) || !take(900*time.Millisecond) || take(0) {
		t.Error("within a window it is not two")
	}
	if take(150 * time.Millisecond) { // the second may still be arriving
		t.Error("those of the window before do not count")
	}
	if !take(2 * time.Second) {
		t.Error("there is no place after two windows")
	}
}
