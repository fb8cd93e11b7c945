package images

import (
	"archive/zip"
	"bytes"
	"strings"
	"testing"
)

func zipOf(t testing.TB, names ...string) []byte {
	t.Helper()
	var made bytes.Buffer
	writer := zip.NewWriter(&made)
	for _, name := range names {
		entry, err := writer.Create(name)
		if err == nil {
			_, err = entry.Write([]byte("<x/>"))
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	if err := writer.Close(); err != nil {
		t.Fatal(err)
	}
	return made.Bytes()
}

func box(brand string, others ...string) []byte {
	made := "ftyp" + brand + "\x00\x00\x00\x00" + strings.Join(others, "")
	return []byte("\x00\x00\x00" + string(rune(4+len(made))) + made + "\x00\x00\x00\x08mdat")
}

const docx = "application/vnd.openxmlformats-officedocument.wordprocessingml.document"

// heads are the first bytes of what chats send.
func heads(t testing.TB) map[string][]byte {
	small := quarters(8, 8)
	return map[string][]byte{
		"jpeg": asJPEG(t, small), "png": asPNG(t, small), "gif": asGIF(t, 8, 8, paletted(small)), "webp": riff(lossless(small)), "lossy webp": fixture(t, "lossy.webp"),
		"heic": box("heic", "mif1", "heic"), "heif": box("mif1", "mif1", "miaf"), "avif": box("avif", "mif1", "miaf"),
		"mp4": box("isom", "isom", "iso2", "avc1", "mp41"), "mov": box("qt  ", "qt  "), "m4a": box("M4A ", "M4A ", "mp42", "isom"), "3gp": box("3gp5", "3gp5"), "dash": box("iso5", "iso5", "mp41"),
		"webm": []byte("\x1a\x45\xdf\xa3\x9f\x42\x86\x81\x01\x42\xf7\x81\x01\x42\xf2\x81\x04\x42\xf3\x81\x08\x42\x82\x84webm\x42\x87\x81\x04\x42\x85\x81\x02"),
		"mkv":  []byte("\x1a\x45\xdf\xa3\x9f\x42\x86\x81\x01\x42\xf7\x81\x01\x42\xf2\x81\x04\x42\xf3\x81\x08\x42\x82\x88matroska\x42\x87\x81\x04\x42\x85\x81\x02"),
		"opus": append([]byte("OggS\x00\x02\x00\x00\x00\x00\x00\x00\x00\x00\x01\x02\x03\x04\x00\x00\x00\x00\x05\x06\x07\x08\x01\x13OpusHead\x01\x02"), make([]byte, 16)...),
		"mp3":  []byte("ID3\x03\x00\x00\x00\x00\x00\x0f\xff\xfb\x90\x64"), "mp3 frames": append([]byte("\xff\xfb\x90\x64"), make([]byte, 2000)...), "aac": append([]byte("\xff\xf1\x50\x80\x02\x1f\xfc"), make([]byte, 100)...),
		"wav": []byte("RIFF\x24\x08\x00\x00WAVEfmt \x10\x00\x00\x00\x01\x00\x02\x00"), "zip": zipOf(t, "a/b.bin"), "docx": zipOf(t, "[Content_Types].xml", "_rels/.rels", "word/document.xml"),
		"xlsx": zipOf(t, "[Content_Types].xml", "_rels/.rels", "xl/workbook.xml"), "pdf": []byte("%PDF-1.7\n%\xe2\xe3\xcf\xd3\n"),
		"text": []byte("Soup at noon? Grüße, a < b\n"), "latin text": []byte("Gr\xfc\xdfe aus N\xfcrnberg\n"), "svg": []byte(`<?xml version="1.0"?><!-- x --><svg xmlns="http://www.w3.org/2000/svg"/>`),
		"html": []byte("\n <!DOCTYPE html><html><script>alert(1)</script></html>"), "script": []byte("<script>alert(1)</script>"), "exe": append([]byte("MZ\x90\x00"), make([]byte, 100)...),
		"json": []byte(`{"a":[1,2,{"b":null}]}`), "markdown": []byte("<h1 align=\"center\">ISM</h1>\n\nWrite `<script>` nowhere.\n"), "nothing": {}, "noise": []byte("\x00\x01\x02\x03\x04\x05\x06\x07"),
		"html in gif": withComment(asGIF(t, 8, 8, paletted(small)), "<script>"), "js in gif": append([]byte("GIF89a/*"), make([]byte, 30)...), "pdf in jpeg": behindStart(asJPEG(t, small), segment(0xfe, []byte("%PDF-1.4")...)),
		"html in mp4": append(box("isom"), "<html><body>"...), "comment, then html": []byte("<!-- x --><html>"), "comment": []byte("<!-- a list -->\n* soup\n"),
	}
}

func TestSniff(t *testing.T) {
	t.Parallel()
	heads := heads(t)
	for _, test := range []struct {
		head, declared string
		want           Verdict
	}{
		{"jpeg", "image/jpeg", Matches},
		{"jpeg", "image/jpg", Matches},
		{"jpeg", "IMAGE/JPEG", Matches},
		{"jpeg", "image/png", Mismatch},
		{"png", "image/png", Matches},
		{"png", "image/apng", Matches},
		{"gif", "image/gif", Matches},
		{"gif", "image/webp", Mismatch},
		{"webp", "image/webp", Matches},
		{"lossy webp", "image/webp", Matches},
		{"webp", "image/gif", Mismatch},
		{"heic", "image/heic", Matches},
		{"heic", "image/heif", Matches},
		{"heif", "image/heif", Matches},
		{"heif", "image/heic", Matches},
		{"heic", "image/avif", Mismatch},
		{"avif", "image/avif", Matches},
		{"heic", "image/jpeg", Mismatch},
		{"avif", "image/heic", Mismatch},
		{"heic", "video/mp4", Matches},
		{"mp4", "video/mp4", Matches},
		{"mp4", "video/quicktime", Matches},
		{"mov", "video/quicktime", Matches},
		{"mov", "video/mp4", Matches},
		{"m4a", "audio/mp4", Matches},
		{"m4a", "audio/x-m4a", Matches},
		{"m4a", "audio/m4a", Matches},
		{"dash", "audio/mp4; codecs=opus", Matches},
		{"3gp", "audio/3gpp", Matches},
		{"mp4", "image/heic", Mismatch},
		{"mp4", "image/jpeg", Mismatch},
		{"mp4", "audio/ogg", Mismatch},
		{"webm", "video/webm", Matches},
		{"webm", "audio/webm;codecs=opus", Matches},
		{"mkv", "video/x-matroska", Matches},
		{"webm", "video/mp4", Mismatch},
		{"opus", "audio/ogg", Matches},
		{"opus", "audio/ogg; codecs=opus", Matches},
		{"opus", "audio/opus", Matches},
		{"opus", "application/ogg", Matches},
		{"opus", "audio/mpeg", Mismatch},
		{"mp3", "audio/mpeg", Matches},
		{"mp3", "audio/mp3", Matches},
		{"mp3 frames", "audio/mpeg", Matches},
		{"noise", "audio/mpeg", CannotTell},
		{"jpeg", "audio/mpeg", Mismatch},
		{"html", "audio/mpeg", Mismatch},
		{"aac", "audio/aac", Matches},
		{"aac", "audio/aacp", Matches},
		{"wav", "audio/wav", Matches},
		{"wav", "audio/x-wav", Matches},
		{"wav", "image/webp", Mismatch},
		{"zip", "application/zip", Matches},
		{"zip", "application/x-zip-compressed", Matches},
		{"docx", "application/zip", Matches},
		{"docx", docx, Matches},
		{"zip", docx, Matches},
		{"xlsx", docx, Mismatch},
		{"pdf", docx, Mismatch},
		{"zip", "image/jpeg", Mismatch},
		{"zip", "application/pdf", Mismatch},
		{"pdf", "application/pdf", Matches},
		{"html", "application/pdf", Mismatch},
		{"jpeg", "application/pdf", Mismatch},
		{"text", "text/plain", CannotTell},
		{"text", "text/plain; charset=utf-8", CannotTell},
		{"latin text", "text/plain", CannotTell},
		{"text", "text/csv", CannotTell},
		{"json", "application/json", Matches},
		{"text", "application/json", CannotTell},
		{"markdown", "text/markdown", CannotTell},
		{"comment", "text/markdown", CannotTell},
		{"html", "text/plain", Mismatch},
		{"script", "text/plain", Mismatch},
		{"svg", "text/plain", Mismatch},
		{"comment, then html", "text/plain", Mismatch},
		{"jpeg", "text/plain", Mismatch},
		{"exe", "text/plain", Mismatch},
		{"zip", "text/csv", Mismatch},
		{"html", "text/html", CannotTell},
		{"svg", "image/svg+xml", Matches},
		{"html", "image/svg+xml", Mismatch},
		{"png", "image/svg+xml", Mismatch},
		{"svg", "image/png", Mismatch},
		{"svg", "image/x-unknown", Mismatch},
		{"html", "image/jpeg", Mismatch},
		{"script", "image/gif", Mismatch},
		{"text", "image/jpeg", Mismatch},
		{"nothing", "image/jpeg", Mismatch},
		{"noise", "image/jpeg", Mismatch},
		{"exe", "image/x-unknown", Mismatch},
		{"noise", "image/x-unknown", CannotTell},
		{"jpeg", "application/octet-stream", CannotTell},
		{"html", "application/octet-stream", CannotTell},
		{"noise", "application/x-of-an-app", CannotTell},
		{"html in gif", "image/gif", Mismatch},
		{"js in gif", "image/gif", Mismatch},
		{"pdf in jpeg", "image/jpeg", Mismatch},
		{"html in mp4", "video/mp4", Mismatch},
		{"jpeg", "", Mismatch},
		{"jpeg", "jpeg", Mismatch},
		{"jpeg", "image/jpeg; =", Mismatch},
	} {
		head, ok := heads[test.head]
		if !ok {
			t.Fatal(test.head)
		}
		if got, detected := Sniff(head, test.declared); got != test.want {
			t.Errorf("%s declared %q: %v, looks like %s; want %v", test.head, test.declared, got, detected, test.want)
		}
	}
}

func TestSniffLooksAtTheBeginningOnly(t *testing.T) {
	t.Parallel()
	late := append(asJPEG(t, quarters(8, 8)), make([]byte, SniffBytes)...)
	if got, _ := Sniff(append(late, "<script>"...), "image/jpeg"); got != Matches {
		t.Error(got)
	}
}

func TestAGIFOfTheWidthOfAnEqualsSignIsOne(t *testing.T) {
	t.Parallel()
	if got, _ := Sniff(asGIF(t, '=', 8, paletted(quarters('=', 8))), "image/gif"); got != Matches {
		t.Error(got)
	}
	if got, _ := Sniff([]byte("GIF89a=1;alert(1)//"), "image/gif"); got != Mismatch {
		t.Error(got)
	}
}

func TestDecodes(t *testing.T) {
	t.Parallel()
	for declared, want := range map[string]bool{"image/jpeg": true, "image/JPG": true, "image/webp; x=y": true, "image/gif": true, "image/apng": true, "image/heic": false, "image/svg+xml": false, "video/mp4": false, "": false} {
		if Decodes(declared) != want {
			t.Error(declared)
		}
	}
}
