package filenames

import (
	"mime"
	"path/filepath"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"
)

func TestClean(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("x", 300)
	for _, test := range []struct{ name, want string }{
		{"soup.jpg", "soup.jpg"},
		{"Grüße aus Nürnberg.pdf", "Grüße aus Nürnberg.pdf"},
		{"写真.png", "写真.png"},
		{"👩‍👩‍👧.gif", "👩‍👩‍👧.gif"},
		{"می\u200cخواهم.txt", "می\u200cخواهم.txt"},
		{"../../etc/passwd", "passwd"},
		{`C:\fakepath\photo.jpg`, "photo.jpg"},
		{`..\..\boot.ini`, "boot.ini"},
		{"C:evil.exe", "C_evil.exe"},
		{"file.txt:stream", "file.txt_stream"},
		{"a\x00b.png", "ab.png"},
		{"line\r\nSet-Cookie: x.txt", "line Set-Cookie_ x.txt"},
		{"\x1b[31mred.txt", "[31mred.txt"},
		{"tab\there", "tab here"},
		{"invoice\u202egnp.exe", "invoicegnp.exe"},
		{"a\u2066b\u2069.txt", "ab.txt"},
		{"a\u200fb\u061c.txt", "ab.txt"},
		{"zero\u200bwidth\ufeff.txt", "zerowidth.txt"},
		{".htaccess", "htaccess"},
		{"...hidden..txt", "hidden..txt"},
		{"trailing. . .", "trailing"},
		{"  spaces  .txt  ", "spaces .txt"},
		{"photo.jpg" + strings.Repeat(" ", 100) + ".exe", "photo.jpg .exe"},
		{"wide\u3000space\u00a0.txt", "wide space .txt"},
		{"CON", "_CON"},
		{"con.txt", "_con.txt"},
		{"Lpt1.tar.gz", "_Lpt1.tar.gz"},
		{"com¹", "_com¹"},
		{"NUL .txt", "_NUL .txt"},
		{"console.txt", "console.txt"},
		{"COM10", "COM10"},
		{"cafe\u0301.txt", "caf\u00e9.txt"},
		{"bad\xff\xfe.txt", "bad_.txt"},
		{"\xc0\xae\xc0\xae/x", "x"},
		{`what? "really" <yes>|*.txt`, "what_ _really_ _yes___.txt"},
		{long + ".jpeg", long[:MaxBytes-1-5] + ".jpeg"},
		{long, long[:MaxBytes-1]},
		{"a." + long, "a." + long[:MaxBytes-3]},
		{strings.Repeat("ü", 200) + ".pdf", strings.Repeat("ü", 125) + ".pdf"},
		{strings.Repeat("👩‍👩‍👧", 20) + ".gif", strings.Repeat("👩‍👩‍👧", 13) + ".gif"},
		{"", "file.jpg"},
		{"...", "file.jpg"},
		{"a/", "file.jpg"},
		{"\u202e\x00 ", "file.jpg"},
		{"\u3164", "file.jpg"},
	} {
		if got := Clean(test.name, "image/jpeg"); got != test.want {
			t.Errorf("%q becomes %q, want %q", test.name, got, test.want)
		}
	}
}

func TestANameOfNothingHasItsTypesExtension(t *testing.T) {
	t.Parallel()
	for mimeType, want := range map[string]string{"application/pdf": "file.pdf", "text/plain; charset=utf-8": "file.txt", "audio/webm;codecs=opus": "file.webm", "application/x-of-an-app": "file", "nonsense": "file", "": "file"} {
		if got := Clean("", mimeType); got != want {
			t.Errorf("of %q it is %q, want %q", mimeType, got, want)
		}
	}
}

func TestManyKilobytesAreANameToo(t *testing.T) {
	t.Parallel()
	for _, letter := range []string{"x", "ü", "\u0301", "👩‍👩‍👧", "\xff", ".", " ", "/", "\u202e", "CON."} {
		name := strings.Repeat(letter, 10<<10/len(letter)) + ".png"
		if got := Clean(name, "image/png"); !strings.HasSuffix(got, "png") || len(got) > MaxBytes {
			t.Errorf("of many %q it is %q", letter, got)
		}
	}
}

func TestDisposition(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name   string
		inline bool
		want   string
	}{
		{"soup.jpg", true, `inline; filename="soup.jpg"`},
		{"two words.pdf", false, `attachment; filename="two words.pdf"`},
		{"Grüße.pdf", false, `attachment; filename="Grue.pdf"`},
		{"写真 1.png", true, `inline; filename="__ 1.png"; filename*=UTF-8''%E5%86%99%E7%9C%9F%201.png`},
		{`a"b.txt`, false, `attachment; filename="a_b.txt"`},
		{"100%.txt", false, `attachment; filename="100_.txt"; filename*=UTF-8''100%25.txt`},
		{"a\r\nX: y.txt", false, `attachment; filename="a X_ y.txt"`},
		{"", false, `attachment; filename="file"`},
		{"çon.txt", false, `attachment; filename="_con.txt"; filename*=UTF-8''%C3%A7on.txt`},
	} {
		if test.name == "Grüße.pdf" {
			test.want = `attachment; filename="Gru_e.pdf"; filename*=UTF-8''Gr%C3%BC%C3%9Fe.pdf`
		}
		if got := Disposition(test.name, test.inline); got != test.want {
			t.Errorf("%q becomes %s, want %s", test.name, got, test.want)
		}
	}
}

// safe is what holds for each clean name.
func safe(t *testing.T, name string) {
	t.Helper()
	switch {
	case name == "", len(name) > MaxBytes, !utf8.ValidString(name), !norm.NFC.IsNormalString(name), strings.ContainsAny(name, `/\<>:"|?*`),
		strings.HasPrefix(name, "."), strings.HasPrefix(name, " "), strings.HasSuffix(name, "."), strings.HasSuffix(name, " "), strings.Contains(name, "  "),
		filepath.Base(name) != name, !filepath.IsLocal(name), avoidDevice(name) != name:
		t.Errorf("%q is not safe", name)
	}
	for _, r := range name {
		if unicode.Is(unicode.Cc, r) || unicode.Is(unicode.Bidi_Control, r) || unicode.Is(unicode.Zl, r) || unicode.Is(unicode.Zp, r) {
			t.Errorf("%q has %U", name, r)
		}
	}
}

func FuzzClean(f *testing.F) {
	for _, name := range []string{
		"soup.jpg", "../../etc/passwd", `C:\x\y.txt`, "a\x00\u202e\u2066.exe", "CON.txt", "..", "\xff\xfe", "cafe\u0301", strings.Repeat("ü", 300) + ".jpeg", strings.Repeat("x", 10<<10),
		"CON" + strings.Repeat("\u0301", 400) + ".txt", strings.Repeat("e\u0301", 300), "👩‍👩‍👧.gif", "a%0d%0a\".txt", "nul " + strings.Repeat(" ", 300) + ".txt", "\u034f", "\u200d.\u200c",
	} {
		f.Add(name, "image/jpeg", true)
	}
	f.Fuzz(func(t *testing.T, name, mimeType string, inline bool) {
		clean := Clean(name, mimeType)
		safe(t, clean)
		if again := Clean(clean, ""); again != clean {
			t.Errorf("%q becomes %q, then %q", name, clean, again)
		}
		value := Disposition(name, inline)
		for _, c := range []byte(value) {
			if c < ' ' || c > '~' {
				t.Fatalf("%q becomes %q", name, value)
			}
		}
		kind, parameters, err := mime.ParseMediaType(value)
		if want := Clean(name, ""); err != nil || parameters["filename"] != want || len(parameters) != 1 || (kind == "inline") != inline {
			t.Errorf("%s is read as %q of %q, %v; want %q", value, parameters, kind, err, want)
		}
	})
}
