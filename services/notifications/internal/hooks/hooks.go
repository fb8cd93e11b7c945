// Package hooks knows the sources of webhooks, and verifies what they send as Standard Webhooks 1.0.0 has it
// (https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md).
package hooks

import (
	"encoding/base64"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	standardwebhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"
)

// Headers of a webhook.
const (
	HeaderID        = standardwebhooks.HeaderWebhookID
	HeaderTimestamp = standardwebhooks.HeaderWebhookTimestamp
	HeaderSignature = standardwebhooks.HeaderWebhookSignature
)

const (
	// Tolerance is how far the time of a webhook may be from ours, in either direction. That is of each attempt to deliver it.
	Tolerance = 5 * time.Minute

	secretPrefix = "whsec_"
	minKey       = 24 // bytes, as the specification has it
	maxKey       = 64
	maxSecrets   = 2 // of a source, so that one can take the place of the other
	maxSources   = 100
)

var (
	// ErrSignature says that a webhook is not signed by its source, or that there is no such source: which of both is nobody's business.
	ErrSignature = errors.New("no signature of the source")
	// ErrStale says that a webhook is signed by its source, for another time than now.
	ErrStale = errors.New("the timestamp is too far from now")
)

// Sources are those who may send webhooks.
type Sources struct {
	keys  map[string][]*standardwebhooks.Webhook // by source
	decoy []*standardwebhooks.Webhook            // of a source that there is not, so that it takes as long to refuse it
	now   func() time.Time
}

var sourceName = regexp.MustCompile(`^[a-z0-9][a-z0-9_-]{0,62}$`)

// Parse reads the sources, source=whsec_… each, comma-separated; a source may be there twice, with two secrets. The error never has a secret.
func Parse(list string) (*Sources, error) {
	s := &Sources{keys: map[string][]*standardwebhooks.Webhook{}, now: time.Now}
	if err := s.addDecoy(); err != nil {
		return nil, err
	}
	number := 0
	for item := range strings.SplitSeq(list, ",") {
		item = strings.TrimSpace(item)
		if item == "" {
			continue
		}
		number++
		name, secret, _ := strings.Cut(item, "=")
		if !sourceName.MatchString(name) {
			return nil, fmt.Errorf("the name of source %d has other characters than a-z, 0-9, _ and -, or more than 63", number)
		}
		key, err := keyOf(secret)
		if err != nil {
			return nil, fmt.Errorf("the secret of source %s %w", name, err)
		}
		if s.keys[name] = append(s.keys[name], key); len(s.keys[name]) > maxSecrets {
			return nil, fmt.Errorf("source %s has more than %d secrets", name, maxSecrets)
		}
	}
	if len(s.keys) > maxSources {
		return nil, fmt.Errorf("there are %d sources; at most %d are possible", len(s.keys), maxSources)
	}
	return s, nil
}

func keyOf(secret string) (*standardwebhooks.Webhook, error) {
	text, has := strings.CutPrefix(secret, secretPrefix)
	if !has {
		return nil, errors.New("does not begin with " + secretPrefix)
	}
	key, err := base64.StdEncoding.DecodeString(text)
	if err != nil {
		return nil, errors.New("is no base64 behind " + secretPrefix) // what the decoder says has a part of it
	}
	if len(key) < minKey || len(key) > maxKey {
		return nil, fmt.Errorf("has %d bytes; %d to %d are possible", len(key), minKey, maxKey)
	}
	return standardwebhooks.NewWebhookRaw(key)
}

func (s *Sources) addDecoy() error {
	key, err := standardwebhooks.NewWebhookRaw(make([]byte, minKey))
	if err != nil {
		return fmt.Errorf("make a key: %w", err)
	}
	s.decoy = []*standardwebhooks.Webhook{key}
	return nil
}

// Names are those of the sources, in their order.
func (s *Sources) Names() []string { return slices.Sorted(maps.Keys(s.keys)) }

// Has reports whether there is such a source.
func (s *Sources) Has(source string) bool { return s.keys[source] != nil }

// Verify gives the id of a webhook, if it is signed by the source, now. Header gives a header of its request. Errors: [ErrSignature], [ErrStale].
func (s *Sources) Verify(source string, header func(name string) string, body []byte) (id string, err error) {
	headers := http.Header{}
	for _, name := range []string{HeaderID, HeaderTimestamp, HeaderSignature} {
		headers.Set(name, header(name))
	}
	keys, known := s.keys[source]
	if !known {
		keys = s.decoy
	}
	signed := slices.ContainsFunc(keys, func(key *standardwebhooks.Webhook) bool { return key.VerifyIgnoringTimestamp(body, headers) == nil })
	if !known || !signed {
		return "", ErrSignature
	}
	seconds, err := strconv.ParseInt(headers.Get(HeaderTimestamp), 10, 64)
	if err != nil {
		return "", ErrSignature
	}
	if s.now().Sub(time.Unix(seconds, 0)).Abs() > Tolerance {
		return "", ErrStale
	}
	return headers.Get(HeaderID), nil
}
