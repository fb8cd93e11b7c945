package media

import (
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/ism-chat/ism/libs/httpapi"
	"github.com/ism-chat/ism/services/media/objects"
)

// FuzzUploadRequest holds whatever passes to what the object store is asked to sign.
func FuzzUploadRequest(f *testing.F) {
	for _, seed := range []string{
		`{}`, `{"roomId":"0192d3a0-0000-7000-8000-000000000001","fileName":"soup.png","mimeType":"image/png","size":48211}`,
		`{"roomId":"0192d3a0-0000-7000-8000-000000000001","fileName":"../../etc/passwd","mimeType":"text/html; charset=utf-8","size":1,"sha256":"00"}`,
		`{"roomId":"0192d3a0-0000-7000-8000-000000000001","fileName":"a\u202egnp.exe","mimeType":"image","size":9223372036854775807}`,
		`{"roomId":"urn:uuid:0192d3a0-0000-7000-8000-000000000001","fileName":"a\r\nb","mimeType":"a/b;c=\"\r\n\"","size":-1}`,
	} {
		f.Add([]byte(seed))
	}
	cfg := Config{MaxBytes: 1 << 30}
	f.Fuzz(func(t *testing.T, raw []byte) {
		var body uploadRequest
		if httpapi.DecodeJSON(raw, &body) != nil {
			return
		}
		m, err := body.parse(cfg)
		if err != nil {
			return
		}
		switch {
		case m.Size < 1, m.Size > cfg.MaxBytes, len(m.SHA256) != 0 && len(m.SHA256) != 32:
			t.Errorf("%s passed as %+v", raw, m)
		case len(m.MimeType) > objects.MaxTypeLength, !strings.Contains(m.MimeType, "/"), strings.ContainsAny(m.MimeType, "\r\n\x00 ;\""):
			t.Errorf("%s passed with the type %q", raw, m.MimeType)
		case m.FileName == "", !utf8.ValidString(m.FileName), strings.ContainsAny(m.FileName, "/\\\r\n\x00"):
			t.Errorf("%s passed with the name %q", raw, m.FileName)
		}
	})
}
