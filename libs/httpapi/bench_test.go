package httpapi

import (
	"io"
	"log/slog"
	"net/http"
	"testing"
	"time"

	"github.com/gofiber/fiber/v2"
	"github.com/valyala/fasthttp"

	"github.com/ism-chat/ism/libs/telemetry"
)

// BenchmarkRequest measures what every request costs before and behind its handler: id, span, deadline, metrics, access log, and decoding
// a small body.
func BenchmarkRequest(b *testing.B) {
	cfg := Config{
		BodyLimit: 1 << 18, HeaderLimit: 1 << 14, ReadTimeout: time.Second, WriteTimeout: time.Second, HandlerTimeout: time.Second,
		IdleTimeout: time.Second,
	}
	s := New(cfg, Deps{Service: "bench", Telemetry: telemetry.Discard(slog.New(slog.NewJSONHandler(io.Discard, nil)))})
	s.App.Post("/api/send-msg", func(c *fiber.Ctx) error {
		var request struct {
			RoomID *string `json:"chatRoomId"`
			Type   *string `json:"msgType"`
			Body   *struct {
				Text *string `json:"text"`
			} `json:"msgBody"`
		}
		if err := Decode(c, &request); err != nil {
			return err
		}
		return c.SendString("ok")
	})
	handle := s.App.Handler()
	ctx := &fasthttp.RequestCtx{}
	body := []byte(`{"chatRoomId":"0192d3a0-0000-7000-8000-000000000001","msgType":"Text","msgBody":{"text":"the usual length of a message, more or less"}}`)
	b.ReportAllocs()
	for b.Loop() {
		ctx.ResetUserValues()
		ctx.Request.Reset()
		ctx.Response.Reset()
		ctx.Request.Header.SetMethod(http.MethodPost)
		ctx.Request.SetRequestURI("/api/send-msg")
		ctx.Request.Header.SetContentType(fiber.MIMEApplicationJSON)
		ctx.Request.SetBodyRaw(body)
		handle(ctx)
	}
	if status := ctx.Response.StatusCode(); status != http.StatusOK {
		b.Fatal(status)
	}
}
