package objects

import (
	"errors"
	"io"
	"strings"
	"testing"
	"testing/iotest"
)

func TestNothingIsShownThatABrowserRuns(t *testing.T) {
	for declared, shows := range map[string]string{
		"image/png": "image/png", "IMAGE/PNG": "image/png", "image/jpeg; charset=x": "image/jpeg", "video/mp4": "video/mp4", "audio/ogg": "audio/ogg",
		"image/svg+xml": "", "text/html": "", "TEXT/HTML": "", "text/html; charset=utf-8": "", "application/xhtml+xml": "", "text/xml": "", "application/xml": "",
		"application/pdf": "", "text/javascript": "", "application/javascript": "", "text/css": "", "text/plain": "", "application/octet-stream": "", "": "", "x": "",
		"*/*": "", "unknown/unknown": "", "multipart/x-mixed-replace": "", "message/rfc822": "", "application/rss+xml": "", "image/png, text/html": "", "image/png\r\nX: y": "",
		"application/wasm": "", "text/vtt": "", "application/x-shockwave-flash": "",
	} {
		for _, inline := range []bool{true, false} {
			kind, disposition := Download{FileName: "a", Type: declared, Inline: inline}.Served()
			want, how := "application/octet-stream", "attachment"
			if shows != "" {
				want = shows
				if inline {
					how = "inline"
				}
			}
			if kind != want || !strings.HasPrefix(disposition, how+";") {
				t.Errorf("%q (inline %v) is served as %s, %s", declared, inline, kind, disposition)
			}
		}
	}
}

func TestContentHasExactlyItsSize(t *testing.T) {
	for _, wrap := range []func(io.Reader) io.Reader{func(r io.Reader) io.Reader { return r }, iotest.OneByteReader, iotest.DataErrReader, iotest.HalfReader} {
		for content, good := range map[string]bool{"": false, "0123": false, "01234": true, "012345": false} {
			got, err := io.ReadAll(Exactly(wrap(strings.NewReader(content)), 5))
			if good && (err != nil || string(got) != content) || !good && (!errors.Is(err, ErrMismatch) || len(got) >= 5) {
				t.Errorf("%q gives %q, %v", content, got, err)
			}
		}
	}
	broken := errors.New("broken")
	if _, err := io.ReadAll(Exactly(iotest.ErrReader(broken), 5)); !errors.Is(err, broken) || errors.Is(err, ErrMismatch) {
		t.Errorf("a broken content is told as %v", err)
	}
}
