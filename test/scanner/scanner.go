// Package scanner plays the scanners for malware that media can ask. They belong to the test's own process.
package scanner

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"errors"
	"io"
	"net"
	"net/http"
	"sync"
	"testing"
	"time"

	"github.com/ism-chat/ism/test/deployment"
)

// EICAR is what every scanner takes for a virus (https://www.eicar.org), in two halves so that none takes this file for one.
const EICAR = `X5O!P%@AP[4\PZX54(P^)7CC)7}$EICAR-` + `STANDARD-ANTIVIRUS-TEST-FILE!$H+H*`

const token = "the scanner's token"

// Scanner looks at uploads for [EICAR], and knows nothing else. It can be away.
type Scanner struct {
	settings deployment.Settings
	address  string
	handle   func(net.Listener) // until it is closed

	listener net.Listener
	handled  chan struct{} // closed once what handled the listener has ended
}

// Clamd is a [Scanner] that speaks as ClamAV's clamd does, see clamd(8), INSTREAM.
func Clamd(t testing.TB) *Scanner {
	t.Helper()
	s := &Scanner{address: deployment.FreeAddress(t), handle: func(listener net.Listener) {
		var scans sync.WaitGroup
		defer scans.Wait()
		for {
			connection, err := listener.Accept()
			if err != nil {
				return
			}
			scans.Go(func() {
				defer connection.Close()
				_ = connection.SetDeadline(time.Now().Add(time.Minute))
				_, _ = io.WriteString(connection, instream(connection)+"\x00")
			})
		}
	}}
	s.settings = deployment.Settings{"ISM_MEDIA_SCAN_URL": "tcp://" + s.address}
	return s.begin(t)
}

// instream reads a command and what is to be scanned, in chunks behind their lengths, and gives the answer.
func instream(from io.Reader) (answer string) {
	const command = "zINSTREAM\x00"
	begin := make([]byte, len(command))
	if _, err := io.ReadFull(from, begin); err != nil || string(begin) != command {
		return "UNKNOWN COMMAND"
	}
	var file bytes.Buffer
	for {
		var length uint32
		if err := binary.Read(from, binary.BigEndian, &length); err != nil {
			return "INSTREAM: " + err.Error() + " ERROR"
		}
		if length == 0 {
			break
		}
		if _, err := io.CopyN(&file, from, int64(length)); err != nil {
			return "INSTREAM: " + err.Error() + " ERROR"
		}
	}
	if bytes.Contains(file.Bytes(), []byte(EICAR)) {
		return "stream: Eicar-Signature FOUND"
	}
	return "stream: OK"
}

// Webhook is a [Scanner] of an operator's, that is told by HTTP where a file can be downloaded, and does that.
func Webhook(t testing.TB) *Scanner {
	t.Helper()
	s := &Scanner{address: deployment.FreeAddress(t), handle: func(listener net.Listener) {
		server := &http.Server{Handler: http.HandlerFunc(scan), ReadHeaderTimeout: time.Minute}
		_ = server.Serve(listener) // until it is closed
		_ = server.Close()
	}}
	s.settings = deployment.Settings{"ISM_MEDIA_SCAN_URL": "http://" + s.address + "/scan", "ISM_MEDIA_SCAN_TOKEN": token}
	return s.begin(t)
}

func scan(w http.ResponseWriter, r *http.Request) {
	if r.Header.Get("Authorization") != "Bearer "+token {
		w.WriteHeader(http.StatusUnauthorized)
		return
	}
	var asked struct {
		URL  string
		Size int64
	}
	if err := json.NewDecoder(r.Body).Decode(&asked); err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	file, err := http.Get(asked.URL)
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadGateway)
		return
	}
	defer file.Body.Close()
	content, err := io.ReadAll(file.Body)
	if err != nil || file.StatusCode != http.StatusOK || int64(len(content)) != asked.Size {
		http.Error(w, "the file cannot be downloaded", http.StatusBadGateway)
		return
	}
	said := map[string]string{"verdict": "clean"}
	if bytes.Contains(content, []byte(EICAR)) {
		said = map[string]string{"verdict": "infected", "detail": "Eicar-Signature"}
	}
	_ = json.NewEncoder(w).Encode(said)
}

// Settings are what a deployment is told of the scanner.
func (s *Scanner) Settings() deployment.Settings { return s.settings }

// begin has the scanner be there until the end of the test.
func (s *Scanner) begin(t testing.TB) *Scanner {
	t.Helper()
	s.Return(t)
	t.Cleanup(func() { s.Leave(t) })
	return s
}

// Leave has nobody listen at the scanner's address, until Return.
func (s *Scanner) Leave(t testing.TB) {
	t.Helper()
	if err := s.listener.Close(); err != nil && !errors.Is(err, net.ErrClosed) {
		t.Errorf("end a scanner: %v", err)
	}
	<-s.handled
}

// Return has the scanner listen again.
func (s *Scanner) Return(t testing.TB) {
	t.Helper()
	listener, err := net.Listen("tcp", s.address)
	if err != nil {
		t.Fatalf("begin a scanner: %v", err)
	}
	handled := make(chan struct{})
	s.listener, s.handled = listener, handled
	go func() {
		defer close(handled)
		s.handle(listener)
	}()
}
