package scan

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"time"
)

// clamd is ClamAV's daemon, see clamd(8), INSTREAM: the command, then the file in chunks, each behind its length in 4 bytes, big-endian, and a chunk of
// none. It answers one line. Commands and answers end in NUL where the command begins with z.
type clamd struct{ network, address string }

const (
	command     = "zINSTREAM\x00"
	chunkSize   = 64 << 10
	lengthSize  = 4
	maxReply    = 4 << 10 // bytes; the name of a virus is far shorter
	dialTimeout = 5 * time.Second

	replyClean    = "stream: OK"
	replyBegin    = "stream: "
	replyFound    = " FOUND"
	replyTooLarge = "INSTREAM size limit exceeded" // more than StreamMaxLength; it stops reading
)

func (c clamd) scan(ctx context.Context, file File) (Verdict, error) {
	content, err := file.Open(ctx)
	if err != nil {
		return Verdict{}, fmt.Errorf("open a file to scan it: %w", err)
	}
	defer content.Close()
	connection, err := (&net.Dialer{Timeout: dialTimeout}).DialContext(ctx, c.network, c.address)
	if err != nil {
		return Verdict{}, unavailable("connect to clamd", err)
	}
	stop := context.AfterFunc(ctx, func() { _ = connection.SetDeadline(time.Unix(1, 0)) })
	defer stop()
	// It may answer before all is sent, and close: what it said must be read then, too.
	answered := make(chan answer, 1)
	go func() { answered <- readAnswer(connection) }()
	sent := send(connection, content)
	if errors.As(sent, new(sourceError)) {
		_ = connection.Close()
		<-answered
		return Verdict{}, fmt.Errorf("read a file to scan it: %w", sent)
	}
	reply := <-answered
	_ = connection.Close()
	if reply.err == nil && strings.HasPrefix(reply.text, replyTooLarge) {
		return verdict(TooLarge, reply.text), nil
	}
	switch {
	case ctx.Err() != nil:
		return Verdict{}, unavailable("wait for clamd", context.Cause(ctx))
	case sent != nil:
		return Verdict{}, unavailable("send a file to clamd", sent)
	case reply.err != nil:
		return Verdict{}, unavailable("read the answer of clamd", reply.err)
	}
	return parseReply(reply.text)
}

func parseReply(reply string) (Verdict, error) {
	if reply == replyClean {
		return verdict(Clean, ""), nil
	}
	if found, ok := strings.CutSuffix(reply, replyFound); ok {
		if name, ok := strings.CutPrefix(found, replyBegin); ok && name != "" {
			return verdict(Infected, name), nil
		}
	}
	return Verdict{}, unavailable("understand clamd", fmt.Errorf("it answers %.200q", reply))
}

// sourceError is that of the file, and not of the scanner.
type sourceError struct{ error }

func (e sourceError) Unwrap() error { return e.error }

func send(to io.Writer, content io.Reader) error {
	if _, err := io.WriteString(to, command); err != nil {
		return err //nolint:wrapcheck // its caller says what was done
	}
	buffer := make([]byte, lengthSize+chunkSize)
	for {
		n, err := content.Read(buffer[lengthSize:])
		if n > 0 {
			binary.BigEndian.PutUint32(buffer, uint32(n))
			if _, err := to.Write(buffer[:lengthSize+n]); err != nil {
				return err //nolint:wrapcheck // its caller says what was done
			}
		}
		switch {
		case errors.Is(err, io.EOF):
			_, err := to.Write(make([]byte, lengthSize))
			return err //nolint:wrapcheck // its caller says what was done
		case err != nil:
			return sourceError{err}
		}
	}
}

type answer struct {
	text string
	err  error
}

// readAnswer reads up to NUL.
func readAnswer(from io.Reader) answer {
	var read []byte
	buffer := make([]byte, 512)
	for {
		n, err := from.Read(buffer)
		read = append(read, buffer[:n]...)
		if end := bytes.IndexByte(read, 0); end >= 0 {
			return answer{text: strings.TrimSpace(string(read[:end]))}
		}
		switch {
		case len(read) > maxReply:
			return answer{err: fmt.Errorf("it is longer than %d bytes", maxReply)}
		case errors.Is(err, io.EOF):
			return answer{err: io.ErrUnexpectedEOF}
		case err != nil:
			return answer{err: err}
		}
	}
}
