package realtime_test

import (
	"context"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/ism-chat/ism/libs/authn/authntest"
	"github.com/ism-chat/ism/libs/bus"
	"github.com/ism-chat/ism/libs/enginetest"
	"github.com/ism-chat/ism/libs/events"
	"github.com/ism-chat/ism/libs/httpapi"
	"github.com/ism-chat/ism/libs/httpapi/openapitest"
	"github.com/ism-chat/ism/libs/servicetest"
	"github.com/ism-chat/ism/libs/servicetest/nodetest"
	"github.com/ism-chat/ism/libs/signouts"
	"github.com/ism-chat/ism/libs/telemetry"
	"github.com/ism-chat/ism/services/realtime"
)

func TestMain(m *testing.M) { servicetest.VerifyNoLeaks(m) }

// world is a broker, an issuer of tokens, and whoever writes to the rooms' log.
type world struct {
	brokers  []string
	api      *openapitest.Description
	issuer   *authntest.Issuer
	bus      *bus.Bus
	producer *bus.Producer
	http     *http.Client
}

// onBothBrokers runs a test on the broker of the one-process deployment and on Kafka.
func onBothBrokers(t *testing.T, test func(t *testing.T, w *world)) {
	t.Run("embedded", func(t *testing.T) { test(t, newEmbeddedWorld(t)) })
	t.Run("kafka", func(t *testing.T) { test(t, newWorld(t, enginetest.KafkaBrokers(t))) })
}

func newEmbeddedWorld(t *testing.T) *world {
	t.Helper()
	w := newWorld(t, nodetest.Broker(t).ListenAddrs())
	return w
}

func newWorld(t *testing.T, brokers []string) *world {
	t.Helper()
	w := &world{brokers: brokers, issuer: authntest.New(t), api: openapitest.Load(t, description), http: &http.Client{Transport: &http.Transport{}}}
	t.Cleanup(w.http.CloseIdleConnections)
	w.bus = bus.New(busConfig(brokers), telemetry.Discard(nil))
	t.Cleanup(w.bus.Close)
	ctx, cancel := context.WithTimeout(t.Context(), servicetest.Timeout)
	defer cancel()
	if err := w.bus.EnsureTopics(ctx, events.TopicRooms, events.TopicUsers, events.TopicNotifications, events.TopicMedia); err != nil {
		t.Fatal(err)
	}
	var err error
	if w.producer, err = w.bus.NewProducer(bus.ProducerConfig{DeliveryTimeout: servicetest.Timeout}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), servicetest.Timeout)
		defer cancel()
		if err := w.producer.Close(ctx); err != nil {
			t.Errorf("close the producer: %v", err)
		}
	})
	return w
}

func busConfig(brokers []string) bus.Config {
	return bus.Config{Brokers: brokers, ClientID: "test", SecurityProtocol: "plaintext", Replication: 1}
}

func config() realtime.Config {
	return realtime.Config{
		RingWindow: 5 * time.Minute, RingRecords: 200_000, RingBytes: 256 << 20, // others may write much to the same Kafka
		KeepAlive: 200 * time.Millisecond, WriteTimeout: servicetest.Timeout, QueueEvents: 1000, QueueBytes: 1 << 20,
		MaxStreams: 1000, MaxStreamsPerUser: 1000,
		AudienceBytes: 1 << 20, MaxPolls: 100,
	}
}

// node is a running realtime with its HTTP server.
type node struct {
	base     string
	internal string
	stop     func()
}

// launch starts a node and does not wait.
func (w *world) launch(t *testing.T, cfg realtime.Config, tel *telemetry.Telemetry) *node {
	t.Helper()
	return w.launchDraining(t, cfg, tel, nil)
}

func (w *world) launchDraining(t *testing.T, cfg realtime.Config, tel *telemetry.Telemetry, draining <-chan struct{}) *node {
	t.Helper()
	identity := w.issuer.Config()
	identity.AdminRole = "ism-admin"
	itsBus := bus.New(busConfig(w.brokers), tel)
	verifier, out := authntest.Start(t, identity, tel), signouts.New(identity, tel)
	verifier.Heed(out)
	service, err := realtime.New(cfg, realtime.Deps{Telemetry: tel, Verifier: verifier, Bus: itsBus, SignOuts: out, Draining: draining})
	if err != nil {
		t.Fatal(err)
	}
	following, stop := context.WithCancel(context.WithoutCancel(t.Context()))
	var followed sync.WaitGroup
	followed.Go(func() {
		if err := out.Follow(itsBus)(following); err != nil {
			t.Errorf("follow sign-outs: %v", err)
		}
	})
	started := nodetest.Start(t, "realtime", service, tel, httpapi.Check{Name: "sign-outs", Check: out.Ready})
	n := &node{base: started.Public, internal: started.Internal, stop: sync.OnceFunc(func() {
		started.Stop()
		stop()
		followed.Wait()
		itsBus.Close()
	})}
	t.Cleanup(n.stop)
	return n
}

// start starts a node and waits until it is ready.
func (w *world) start(t *testing.T) *node { return w.startWith(t, config(), telemetry.Discard(nil)) }

func (w *world) startWith(t *testing.T, cfg realtime.Config, tel *telemetry.Telemetry) *node {
	t.Helper()
	n := w.launch(t, cfg, tel)
	w.awaitReady(t, n)
	return n
}

func (w *world) awaitReady(t *testing.T, n *node) {
	t.Helper()
	servicetest.Await(t, "the node to be ready", func() bool {
		response, err := w.http.Get(n.base + "/ready")
		if err != nil {
			return false
		}
		_ = response.Body.Close()
		return response.StatusCode == http.StatusOK
	})
}

func (w *world) get(t *testing.T, address string, header map[string]string) (*http.Response, string) {
	t.Helper()
	return w.request(t, http.MethodGet, address, header)
}

func (w *world) request(t *testing.T, method, address string, header map[string]string) (*http.Response, string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), servicetest.Timeout)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, method, address, nil)
	if err != nil {
		t.Fatal(err)
	}
	for name, value := range header {
		request.Header.Set(name, value)
	}
	response, err := w.http.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	if strings.HasPrefix(response.Header.Get("Content-Type"), "text/event-stream") {
		return response, ""
	}
	body, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	w.api.Answer(t, request, response.StatusCode, response.Header, body)
	return response, string(body)
}
