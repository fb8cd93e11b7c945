package deployable

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"strings"
	"time"

	"github.com/ism-chat/ism/libs/config"
	"github.com/ism-chat/ism/libs/httpapi"
)

const (
	addressVariable = "ISM_HTTP_ADDRESS"
	probeTimeout    = 4 * time.Second
	maxProbeAnswer  = 4096
)

// Health asks the deployable that runs beside it, with the same configuration, whether it is ready. It is for the health
// checks of containers, whose images have no shell and no client. An error says what GET /ready said.
func Health(ctx context.Context) error {
	base, err := publicAddress(os.Getenv(addressVariable))
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, probeTimeout)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, base+"/ready", nil)
	if err != nil {
		return fmt.Errorf("ask %s: %w", base, err)
	}
	client := http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	response, err := client.Do(request)
	if err != nil {
		return fmt.Errorf("ask whether it is ready: %w", err)
	}
	defer func() { _ = response.Body.Close() }()
	answer, err := io.ReadAll(io.LimitReader(response.Body, maxProbeAnswer))
	if err != nil {
		return fmt.Errorf("read whether it is ready: %w", err)
	}
	if response.StatusCode != http.StatusOK {
		return fmt.Errorf("not ready: %s", answer)
	}
	return nil
}

// publicAddress is where a listener at the configured address is reached from beside it.
func publicAddress(configured string) (string, error) {
	var cfg struct {
		HTTP httpapi.Config `envconfig:"HTTP"`
	}
	var environment []string
	if configured != "" {
		environment = []string{addressVariable + "=" + configured}
	}
	if err := config.LoadFrom(&cfg, environment); err != nil {
		return "", fmt.Errorf("find the public listener: %w", err)
	}
	host, port, err := net.SplitHostPort(cfg.HTTP.Address)
	if err != nil {
		return "", fmt.Errorf("find the public listener: %w", err)
	}
	if ip := net.ParseIP(host); host == "" || ip != nil && ip.IsUnspecified() {
		host = "127.0.0.1"
		if strings.Contains(cfg.HTTP.Address, "[::]") {
			host = "::1"
		}
	}
	return "http://" + net.JoinHostPort(host, port), nil
}
