// Package nodetest runs a service in a test as its deployable does: behind its two listeners, its parts under one supervisor.
package nodetest

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"slices"
	"sync"
	"testing"

	"github.com/gofiber/fiber/v2"
	"github.com/twmb/franz-go/pkg/kfake"

	"github.com/ism-chat/ism/libs/deployable"
	"github.com/ism-chat/ism/libs/httpapi"
	"github.com/ism-chat/ism/libs/httpapi/openapitest"
	"github.com/ism-chat/ism/libs/lifecycle"
	"github.com/ism-chat/ism/libs/servicetest"
	"github.com/ism-chat/ism/libs/telemetry"
)

// Broker starts the Kafka-protocol broker that the one process ships, in memory, with the given options. It ends with the test, but after
// all that the test starts from now on.
func Broker(tb testing.TB, options ...kfake.Opt) *kfake.Cluster {
	tb.Helper()
	var cluster *kfake.Cluster
	servicetest.AwaitSuccess(tb, "the broker starts", func() (err error) { // a port that was free may be another's for a moment
		cluster, err = kfake.NewCluster(append(options, kfake.NumBrokers(1))...)
		return err
	})
	tb.Cleanup(cluster.Close)
	return cluster
}

// Node is a service behind its two listeners, on loopback.
type Node struct {
	Public, Internal string // base URLs

	service  deployable.Service
	tel      *telemetry.Telemetry
	stopHTTP func()
	stopOnce func()
}

// Listen puts a service behind listeners and does not run its parts, see [Node.Run]. Checks are those of /ready beside the service's own.
func Listen(tb testing.TB, name string, service deployable.Service, tel *telemetry.Telemetry, checks ...httpapi.Check) *Node {
	tb.Helper()
	return ListenOn(tb, HTTPConfig(), name, service, tel, checks...)
}

// HTTPConfig is how a node's listeners are configured, on ports that the system chooses.
func HTTPConfig() httpapi.Config {
	return httpapi.Config{
		Address: "127.0.0.1:0", InternalAddress: "127.0.0.1:0", BodyLimit: 64 << 10, HeaderLimit: 16 << 10,
		ReadTimeout: servicetest.Timeout, HandlerTimeout: servicetest.Timeout, IdleTimeout: servicetest.Timeout,
		TraceCallers: []string{"127.0.0.1"}, // tests follow traces of their own
	}
}

// ListenOn is [Listen] with listeners that are configured otherwise.
func ListenOn(tb testing.TB, cfg httpapi.Config, name string, service deployable.Service, tel *telemetry.Telemetry, checks ...httpapi.Check) *Node {
	tb.Helper()
	deps := httpapi.Deps{Service: name, Telemetry: tel, Checks: append(service.Checks(), checks...), Draining: make(chan struct{})}
	public, internal := httpapi.New(cfg, deps), httpapi.NewInternal(cfg, deps)
	deployable.Route(service, public, internal)
	if limited, ok := service.(deployable.Limited); ok {
		for _, named := range limited.Limited() {
			if !slices.ContainsFunc(public.App.GetRoutes(), func(r fiber.Route) bool { return r.Method == named.Method && r.Path == named.Path }) {
				tb.Errorf("%s %s is of the class %s of users' limits, and is no route", named.Method, named.Path, named.Class)
			}
		}
	}
	n := &Node{service: service, tel: tel}
	var stopPublic, stopInternal func()
	n.Public, stopPublic = serve(tb, public)
	n.Internal, stopInternal = serve(tb, internal)
	n.stopHTTP = func() { stopPublic(); stopInternal() }
	n.stopOnce = sync.OnceFunc(n.stopHTTP)
	return n
}

func serve(tb testing.TB, server *httpapi.Server) (url string, stop func()) {
	tb.Helper()
	stop = servicetest.Run(tb, "listener", server.Run)
	<-server.Listening()
	return "http://" + server.Address(), stop
}

// Run runs the service's parts until the test ends or the node is stopped.
func (n *Node) Run(tb testing.TB) {
	tb.Helper()
	group := lifecycle.New(lifecycle.Config{StopTimeout: servicetest.Timeout}, n.tel.Log)
	for _, part := range n.service.Parts() {
		group.Add(part)
	}
	stopParts := servicetest.Run(tb, "parts", group.Run)
	n.stopOnce = sync.OnceFunc(func() {
		n.stopHTTP()
		stopParts()
	})
	tb.Cleanup(n.stopOnce)
}

// Start is [Listen] and [Node.Run].
func Start(tb testing.TB, name string, service deployable.Service, tel *telemetry.Telemetry, checks ...httpapi.Check) *Node {
	tb.Helper()
	n := Listen(tb, name, service, tel, checks...)
	n.Run(tb)
	return n
}

// Stop ends the listeners, then the parts, and waits for them. It may be called again.
func (n *Node) Stop() { n.stopOnce() }

// Answer is an HTTP answer, read whole.
type Answer struct {
	Status int
	Header http.Header
	Body   []byte
}

// Do makes a request and reads the answer. What it says must be as the description has it.
func Do(tb testing.TB, client *http.Client, description *openapitest.Description, request *http.Request) (Answer, error) {
	tb.Helper()
	response, err := client.Do(request)
	if err != nil {
		return Answer{}, fmt.Errorf("%s %s: %w", request.Method, request.URL.Path, err)
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		return Answer{}, fmt.Errorf("read the answer to %s %s: %w", request.Method, request.URL.Path, err)
	}
	description.Answer(tb, request, response.StatusCode, response.Header, body)
	return Answer{Status: response.StatusCode, Header: response.Header, Body: body}, nil
}

func (a Answer) String() string { return fmt.Sprintf("%d %s", a.Status, a.Body) }

// Code is the code of an answer that is a problem, "" of any other.
func (a Answer) Code() string {
	var problem struct {
		Code string `json:"code"`
	}
	_ = json.Unmarshal(a.Body, &problem) // then there is no code
	return problem.Code
}

// Problem is an answer that must be a problem.
func (a Answer) Problem(tb testing.TB) map[string]any {
	tb.Helper()
	if got := a.Header.Get("Content-Type"); got != "application/problem+json" {
		tb.Errorf("content type %q", got)
	}
	var problem map[string]any
	if err := json.Unmarshal(a.Body, &problem); err != nil {
		tb.Fatalf("the answer is no problem: %s", a)
	}
	return problem
}

// Decode decodes an answer that must be 200 and JSON.
func (a Answer) Decode(tb testing.TB, target any) {
	tb.Helper()
	if a.Status != http.StatusOK || a.Header.Get("Content-Type") != "application/json" {
		tb.Fatalf("%s, content type %s", a, a.Header.Get("Content-Type"))
	}
	if err := json.Unmarshal(a.Body, target); err != nil {
		tb.Fatalf("decode %s: %v", a.Body, err)
	}
}
