package pins

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"sync"
	"time"

	"github.com/google/go-containerregistry/pkg/authn"
	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/google/go-containerregistry/pkg/v1/remote/transport"
)

// What registries are asked with.
const (
	atOnce  = 4
	timeout = 30 * time.Second // for one image, with what is tried again
)

// Registries asks the registries that images name, with the credentials that docker login has left.
type Registries struct {
	Timeout time.Duration // for one image; 0: 30 s
}

// Digest asks for the digest that a tag has: of the index, where there is one for several platforms.
func (r Registries) Digest(ctx context.Context, reference string) (string, error) {
	limit := r.Timeout
	if limit == 0 {
		limit = timeout
	}
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	tag, err := name.NewTag(reference)
	if err != nil {
		return "", fmt.Errorf("read the image's name: %w", err)
	}
	connections := &http.Transport{Proxy: http.ProxyFromEnvironment, DialContext: (&net.Dialer{Timeout: limit}).DialContext, ForceAttemptHTTP2: true}
	defer connections.CloseIdleConnections()
	options := []remote.Option{
		remote.WithContext(ctx), remote.WithAuthFromKeychain(authn.DefaultKeychain), remote.WithTransport(connections), remote.WithUserAgent("ism-images"),
		remote.WithRetryStatusCodes(http.StatusInternalServerError, http.StatusBadGateway, http.StatusServiceUnavailable, http.StatusGatewayTimeout),
	}
	found, err := ask(tag, options)
	if err != nil {
		return "", fmt.Errorf("ask %s: %w", tag.RegistryStr(), err)
	}
	// What stands between here and a registry may answer with a page of its own.
	if !found.MediaType.IsImage() && !found.MediaType.IsIndex() {
		return "", fmt.Errorf("ask %s: the answer, of type %q, is no image", tag.RegistryStr(), found.MediaType)
	}
	return found.Digest.String(), nil
}

// ask asks by HEAD, which counts as no pull where those are limited. Some registries have no answer to it.
func ask(tag name.Tag, options []remote.Option) (*v1.Descriptor, error) {
	head, err := remote.Head(tag, options...)
	if err == nil {
		return head, nil
	}
	if refused, ok := errors.AsType[*transport.Error](err); ok && refused.StatusCode == http.StatusTooManyRequests {
		return nil, err
	}
	whole, err := remote.Get(tag, options...)
	if err != nil {
		return nil, err
	}
	return &whole.Descriptor, nil
}

// Resolve asks for the digests of all images. Without that of each there are none: the error says for each image why.
func (r Registries) Resolve(ctx context.Context, images []Image) ([]Pin, error) {
	pins, faults := make([]Pin, len(images)), make([]error, len(images))
	places := make(chan struct{}, atOnce)
	var asked sync.WaitGroup
	for i, image := range images {
		asked.Go(func() {
			places <- struct{}{}
			defer func() { <-places }()
			digest, err := r.Digest(ctx, image.Reference)
			if err != nil {
				faults[i] = fmt.Errorf("%s %s: %w", image.Variable, image.Reference, err)
			}
			pins[i] = Pin{image, digest}
		})
	}
	asked.Wait()
	if err := errors.Join(faults...); err != nil {
		return nil, err
	}
	return pins, nil
}
