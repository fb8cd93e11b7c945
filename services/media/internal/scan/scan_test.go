package scan_test

import (
	"bytes"
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"testing/iotest"
	"time"

	"github.com/google/uuid"

	"github.com/ism-chat/ism/libs/config"
	"github.com/ism-chat/ism/libs/servicetest"
	"github.com/ism-chat/ism/libs/telemetry"
	"github.com/ism-chat/ism/services/media/internal/scan"
)

func TestMain(m *testing.M) { servicetest.VerifyNoLeaks(m) }

// eicar is what every scanner takes for a virus (https://www.eicar.org), in two halves so that none takes this file for one.
const eicar = `X5O!P%@AP[4\PZX54(P^)7CC)7}$EICAR-` + `STANDARD-ANTIVIRUS-TEST-FILE!$H+H*`

// daemon is a clamd that knows one virus. It gives its address.
func daemon(t *testing.T, network string, serve func(net.Conn)) string {
	t.Helper()
	address := "127.0.0.1:0"
	if network == "unix" {
		address = filepath.Join(t.TempDir(), "clamd.sock")
	}
	listener, err := (&net.ListenConfig{}).Listen(t.Context(), network, address)
	if err != nil {
		t.Fatal(err)
	}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		for {
			connection, err := listener.Accept()
			if err != nil {
				return
			}
			serve(connection)
			_ = connection.Close()
		}
	}()
	t.Cleanup(func() { _ = listener.Close(); <-ended })
	return network + "://" + listener.Addr().String()
}

// instream serves one INSTREAM as clamd does, with a StreamMaxLength.
func instream(most int) func(net.Conn) {
	return func(connection net.Conn) {
		say := func(what string) { _, _ = io.WriteString(connection, what+"\x00") }
		begin := make([]byte, len("zINSTREAM\x00"))
		if _, err := io.ReadFull(connection, begin); err != nil || string(begin) != "zINSTREAM\x00" {
			say("UNKNOWN COMMAND")
			return
		}
		var file []byte
		for {
			var length uint32
			if binary.Read(connection, binary.BigEndian, &length) != nil {
				return
			}
			if length == 0 {
				break
			}
			if len(file)+int(length) > most {
				say("INSTREAM size limit exceeded. ERROR")
				return
			}
			chunk := make([]byte, length)
			if _, err := io.ReadFull(connection, chunk); err != nil {
				return
			}
			file = append(file, chunk...)
		}
		if bytes.Contains(file, []byte(eicar)) {
			say("stream: Eicar-Signature FOUND")
			return
		}
		say("stream: OK")
	}
}

func scanner(t *testing.T, cfg scan.Config) *scan.Scanner {
	t.Helper()
	if faults := cfg.Validate(); len(faults) > 0 {
		t.Fatal(faults)
	}
	s, err := scan.New(cfg, 40*time.Second, telemetry.Discard(nil))
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func fileOf(content io.Reader, size int) scan.File {
	return scan.File{
		Medium: uuid.New(), Room: uuid.New(), Uploader: uuid.New(), FileName: "a.bin", MimeType: "application/octet-stream", Size: int64(size),
		Open: func(context.Context) (io.ReadCloser, error) { return io.NopCloser(content), nil },
		URL:  func(context.Context) (string, error) { return "https://media.example/a?signed", nil },
	}
}

func file(content string) scan.File { return fileOf(strings.NewReader(content), len(content)) }

func TestClamdTellsWhatIsInfected(t *testing.T) {
	t.Parallel()
	for _, network := range []string{"tcp", "unix"} {
		s := scanner(t, scan.Config{URL: daemon(t, network, instream(1<<20))})
		for _, c := range []struct {
			content string
			want    scan.Verdict
		}{
			{"harmless", scan.Verdict{Outcome: scan.Clean}},
			{strings.Repeat("a", 500_000), scan.Verdict{Outcome: scan.Clean}},
			{strings.Repeat("a", 300_000) + eicar + strings.Repeat("b", 300_000), scan.Verdict{Outcome: scan.Infected, Detail: "Eicar-Signature"}},
			{strings.Repeat("a", 8<<20), scan.Verdict{Outcome: scan.TooLarge, Detail: "INSTREAM size limit exceeded. ERROR"}},
		} {
			if got, err := s.Scan(t.Context(), file(c.content)); err != nil || got != c.want {
				t.Errorf("by %s %d bytes are %+v, %v; want %+v", network, len(c.content), got, err, c.want)
			}
		}
	}
}

// What a scanner has not said is not so.
func TestOfClamdThatMisbehavesNothingIsClean(t *testing.T) {
	t.Parallel()
	answering := func(what string) func(net.Conn) {
		return func(connection net.Conn) {
			_, _ = io.CopyN(io.Discard, connection, int64(len("zINSTREAM\x00")+4+len("harmless")+4))
			_, _ = io.WriteString(connection, what)
		}
	}
	for name, serve := range map[string]func(net.Conn){
		"closes at once":        func(net.Conn) {},
		"resets":                func(connection net.Conn) { _ = connection.(*net.TCPConn).SetLinger(0) },
		"says nothing":          answering(""),
		"stops in its answer":   answering("stream: OK"),
		"has an error":          answering("Can't allocate memory ERROR\x00"),
		"knows no command":      answering("UNKNOWN COMMAND\x00"),
		"finds nothing by name": answering("stream:  FOUND\x00"),
		"answers garbage":       answering("\xff\xfe\x01stream: OK\x00"),
		"never ends":            answering(strings.Repeat("stream: OK ", 10_000)),
		"is another server":     answering("HTTP/1.1 400 Bad Request\r\n\r\n\x00"),
	} {
		s := scanner(t, scan.Config{URL: daemon(t, "tcp", serve)})
		if got, err := s.Scan(t.Context(), file("harmless")); !errors.Is(err, scan.ErrUnavailable) || got != (scan.Verdict{}) {
			t.Errorf("of one that %s it is %+v, %v", name, got, err)
		}
	}
	early := daemon(t, "tcp", func(connection net.Conn) { _, _ = io.WriteString(connection, "stream: OK\x00") })
	if got, err := scanner(t, scan.Config{URL: early}).Scan(t.Context(), file(strings.Repeat("a", 32<<20))); !errors.Is(err, scan.ErrUnavailable) {
		t.Errorf("of one that has read nothing it is %+v, %v", got, err)
	}
	closed := daemon(t, "unix", func(net.Conn) {}) + ".gone"
	if _, err := scanner(t, scan.Config{URL: closed}).Scan(t.Context(), file("harmless")); !errors.Is(err, scan.ErrUnavailable) {
		t.Errorf("of one that is not there: %v", err)
	}
}

func TestAClamdThatHangsIsLeft(t *testing.T) {
	t.Parallel()
	for name, size := range map[string]int{"reads nothing": 64 << 20, "answers nothing": 10} {
		leave := make(chan struct{})
		s := scanner(t, scan.Config{URL: daemon(t, "tcp", func(net.Conn) { <-leave })})
		ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
		_, err := s.Scan(ctx, fileOf(bytes.NewReader(make([]byte, size)), size))
		if !errors.Is(err, scan.ErrUnavailable) || !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("of one that %s: %v", name, err)
		}
		cancel()
		close(leave)
	}
}

// A file that cannot be read is not the scanner's fault.
func TestAFileThatCannotBeReadIsSaidSo(t *testing.T) {
	t.Parallel()
	broken := errors.New("the store is away")
	s := scanner(t, scan.Config{URL: daemon(t, "tcp", instream(1<<20))})
	half := io.MultiReader(strings.NewReader("half"), iotest.ErrReader(broken))
	if _, err := s.Scan(t.Context(), fileOf(half, 10)); !errors.Is(err, broken) || errors.Is(err, scan.ErrUnavailable) {
		t.Errorf("reading fails: %v", err)
	}
	shut := file("")
	shut.Open = func(context.Context) (io.ReadCloser, error) { return nil, broken }
	if _, err := s.Scan(t.Context(), shut); !errors.Is(err, broken) {
		t.Errorf("opening fails: %v", err)
	}
}

func TestAWebhookIsToldWhatItNeeds(t *testing.T) {
	t.Parallel()
	var asked map[string]any
	var authorization string
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		authorization = r.Header.Get("Authorization")
		if err := json.NewDecoder(r.Body).Decode(&asked); err != nil || r.Method != http.MethodPost || r.Header.Get("Content-Type") != "application/json" {
			t.Errorf("asked by %s: %v", r.Method, err)
		}
		_, _ = io.WriteString(w, `{"verdict":"infected","detail":"Win.Test.EICAR"}`)
	}))
	defer server.Close()
	s := scanner(t, scan.Config{URL: server.URL + "/scan", Token: "secret"})
	of := file("content")
	of.Tenant, of.SHA256 = "acme", bytes.Repeat([]byte{0xab}, 32)
	got, err := s.Scan(t.Context(), of)
	if err != nil || got != (scan.Verdict{Outcome: scan.Infected, Detail: "Win.Test.EICAR"}) {
		t.Errorf("it is %+v, %v", got, err)
	}
	want := map[string]any{
		"mediaId": of.Medium.String(), "roomId": of.Room.String(), "uploaderId": of.Uploader.String(), "tenant": "acme", "fileName": "a.bin",
		"mimeType": "application/octet-stream", "size": 7.0, "sha256": strings.Repeat("ab", 32), "url": "https://media.example/a?signed",
	}
	if fmt.Sprint(asked) != fmt.Sprint(want) || authorization != "Bearer secret" {
		t.Errorf("it was asked %v as %q", asked, authorization)
	}
}

func TestAWebhookIsSentTheTokenThatTheFileHasByNow(t *testing.T) {
	t.Parallel()
	var authorization atomic.Value
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		authorization.Store(r.Header.Get("Authorization"))
		_, _ = io.WriteString(w, `{"verdict":"clean"}`)
	}))
	defer server.Close()
	path := filepath.Join(t.TempDir(), "token")
	put := func(token string) {
		t.Helper()
		if err := os.WriteFile(path, []byte(token), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	put("first")
	s := scanner(t, scan.Config{URL: server.URL, Token: "first", TokenFile: config.SecretFile(path)})
	sent := func() any {
		if _, err := s.Scan(t.Context(), file("a")); err != nil {
			t.Fatal(err)
		}
		return authorization.Load()
	}
	if got := sent(); got != "Bearer first" {
		t.Errorf("it was sent %v", got)
	}
	put("second")
	servicetest.Await(t, "the new token is sent", func() bool { return sent() == "Bearer second" })
}

func TestOfAWebhookThatMisbehavesNothingIsClean(t *testing.T) {
	t.Parallel()
	elsewhere := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, `{"verdict":"clean"}`) }))
	defer elsewhere.Close()
	if got, err := scanner(t, scan.Config{URL: elsewhere.URL}).Scan(t.Context(), file("a")); err != nil || got.Outcome != scan.Clean {
		t.Errorf("it is %+v, %v", got, err)
	}
	for name, answer := range map[string]http.HandlerFunc{
		"refuses":         func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusUnauthorized) },
		"fails":           func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusInternalServerError) },
		"has nothing":     func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNoContent) },
		"says nothing":    func(http.ResponseWriter, *http.Request) {},
		"says garbage":    func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, `<html>clean</html>`) },
		"has no verdict":  func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, `{"detail":"clean"}`) },
		"has another one": func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, `{"verdict":"CLEAN"}`) },
		"never ends": func(w http.ResponseWriter, _ *http.Request) {
			_, _ = io.WriteString(w, `{"verdict":"clean","detail":"`+strings.Repeat("a", 1<<20)+`"}`)
		},
		"sends elsewhere": func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, elsewhere.URL, http.StatusTemporaryRedirect)
		},
		"breaks off": func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) },
	} {
		server := httptest.NewServer(answer)
		got, err := scanner(t, scan.Config{URL: server.URL}).Scan(t.Context(), file("a"))
		server.Close()
		if !errors.Is(err, scan.ErrUnavailable) || got != (scan.Verdict{}) {
			t.Errorf("of one that %s it is %+v, %v", name, got, err)
		}
	}
}

func TestAWebhookThatHangsIsLeft(t *testing.T) {
	t.Parallel()
	server := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		<-r.Context().Done()
	}))
	defer server.Close()
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	_, err := scanner(t, scan.Config{URL: server.URL + "/?key=hush-hush"}).Scan(ctx, file("a"))
	if !errors.Is(err, scan.ErrUnavailable) || !errors.Is(err, context.DeadlineExceeded) || strings.Contains(err.Error(), "hush-hush") {
		t.Errorf("%v", err)
	}
}

func TestConfigurationIsChecked(t *testing.T) {
	for _, good := range []string{"", "tcp://clamav:3310", "tcp://[::1]:3310", "unix:///run/clamav/clamd.ctl", "https://scan.example/v1?tenant=a", "http://10.0.0.1:80"} {
		if faults := (scan.Config{URL: good}).Validate(); len(faults) > 0 {
			t.Errorf("%q: %v", good, faults)
		}
		if (scan.Config{URL: good}).Enabled() != (good != "") {
			t.Errorf("%q is enabled, or not", good)
		}
	}
	for _, bad := range []scan.Config{
		{URL: "clamav:3310"},
		{URL: "tcp://clamav"},
		{URL: "tcp://:3310"},
		{URL: "tcp://clamav:3310/x"},
		{URL: "unix://run/clamd"},
		{URL: "unix://"},
		{URL: "ftp://a"},
		{URL: "https://"},
		{URL: "https://user:pass@scan.example"},
		{URL: "tcp://a:b:c"},
		{URL: "%zz"},
		{Token: "secret"},
		{URL: "tcp://clamav:3310", Token: "secret"},
	} {
		if faults := bad.Validate(); len(faults) != 1 || strings.Contains(faults[0].Problem, "secret") || strings.Contains(faults[0].Problem, "pass") {
			t.Errorf("%+v: %v", bad, faults)
		}
	}
	if _, err := scan.New(scan.Config{}, time.Second, telemetry.Discard(nil)); err == nil {
		t.Error("a scanner is made of nothing")
	}
}
