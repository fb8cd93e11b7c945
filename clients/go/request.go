package client

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
)

const (
	// maxAnswer bounds what is read of an answer, bytes: the members of the largest room with the longest names fit into it.
	maxAnswer = 64 << 20
	// maxProblem bounds what is read of an answer that is no success, bytes.
	maxProblem = 64 << 10
)

func (c *Client) call(ctx context.Context, method, path string, in, out any) (http.Header, error) {
	request, err := c.request(ctx, method, path, in)
	if err != nil {
		return nil, err
	}
	return c.answer(request, out)
}

// answer does a request and decodes its answer.
func (c *Client) answer(request *http.Request, out any) (http.Header, error) {
	method, path := request.Method, request.URL.Path
	response, err := c.do(request)
	if err != nil {
		return nil, fmt.Errorf("%s %s: %w", method, path, err)
	}
	defer response.Body.Close()
	if response.StatusCode/100 != 2 {
		return nil, refusal(response)
	}
	body, err := io.ReadAll(io.LimitReader(response.Body, maxAnswer+1))
	if err != nil {
		return nil, fmt.Errorf("%s %s: read answer: %w", method, path, &unreached{cause: err, sent: true})
	}
	if reason := rubbish(method, response, body); reason != "" {
		return nil, fmt.Errorf("%s %s: %w", method, path, badAnswer(response, body, reason))
	}
	if raw, ok := out.(*[]byte); ok {
		*raw = body
	} else if out != nil {
		if err := json.Unmarshal(body, out); err != nil {
			return nil, fmt.Errorf("%s %s: decode answer: %w", method, path, badAnswer(response, body, err.Error()))
		}
	}
	return response.Header, nil
}

// rubbish says what is wrong with an answer, whatever was to be in it; "" for nothing.
func rubbish(method string, response *http.Response, body []byte) string {
	switch {
	case len(body) > maxAnswer:
		return "it is larger than any of ISM's"
	case response.Request != nil && response.Request.Method != method: // a redirect makes a GET of a POST, so nothing was done
		return "it is that of " + response.Request.URL.Redacted()
	case strings.HasPrefix(response.Header.Get("Content-Type"), "text/html"):
		return "it is a page"
	}
	return ""
}

// refusal reads an answer that is no success.
func refusal(response *http.Response) error {
	body, _ := io.ReadAll(io.LimitReader(response.Body, maxProblem)) // what can be read of why
	return problemOf(response, body)
}

// do does a request; where the kept token is refused, once more with another one, if there is any.
func (c *Client) do(request *http.Request) (*http.Response, error) {
	response, err := c.http.Do(request)
	if err != nil {
		return nil, &unreached{cause: err, sent: true}
	}
	refused, ours := strings.CutPrefix(request.Header.Get("Authorization"), "Bearer ")
	if response.StatusCode != http.StatusUnauthorized || c.kept == nil || !ours || request.Body != nil && request.GetBody == nil {
		return response, nil
	}
	token, err := c.kept.get(request.Context(), refused)
	if err != nil {
		_ = response.Body.Close()
		return nil, &unreached{cause: fmt.Errorf("get token: %w", err)}
	}
	if token == refused {
		return response, nil
	}
	_ = response.Body.Close()
	again := request.Clone(request.Context())
	if request.GetBody != nil {
		if again.Body, err = request.GetBody(); err != nil {
			return nil, fmt.Errorf("read request again: %w", err)
		}
	}
	again.Header.Set("Authorization", "Bearer "+token)
	if response, err = c.http.Do(again); err != nil {
		return nil, &unreached{cause: err, sent: true}
	}
	return response, nil
}

func (c *Client) request(ctx context.Context, method, path string, in any) (*http.Request, error) {
	token, err := c.bearer(ctx)
	if err != nil {
		return nil, fmt.Errorf("get token: %w", &unreached{cause: err})
	}
	var body io.Reader
	if in != nil {
		raw, err := json.Marshal(in)
		if err != nil {
			return nil, fmt.Errorf("encode request: %w", err)
		}
		body = bytes.NewReader(raw)
	}
	request, err := http.NewRequestWithContext(ctx, method, c.base+path, body)
	if err != nil {
		return nil, fmt.Errorf("make request: %w", err)
	}
	request.Header.Set("Authorization", "Bearer "+token)
	if in != nil {
		request.Header.Set("Content-Type", "application/json")
	}
	return request, nil
}

func (c *Client) bearer(ctx context.Context) (string, error) {
	if c.kept != nil {
		return c.kept.get(ctx, "")
	}
	return c.token(ctx)
}
