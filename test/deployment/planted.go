package deployment

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/ism-chat/ism/libs/enginetest"
)

// OneProcessPlanted is [OneProcess] of a program that is built with the tag planted, and has the fault.
func OneProcessPlanted(t testing.TB, fault string, settings ...Settings) *Deployment {
	t.Helper()
	d, p := oneProcess(t, append([]Settings{{"PLANTED_FAULT": fault}}, settings...))
	p.path = build(t, "ism", "planted")
	d.processes["ism"] = p
	return start(t, d)
}

// FiveProcessesPlanted is [FiveProcesses] with a second process of messages. Both are built with the tag planted and have the fault, and users call both
// of them, see [User.At].
func FiveProcessesPlanted(t testing.TB, fault string, settings ...Settings) *Deployment {
	t.Helper()
	d := fiveProcesses(t, enginetest.KafkaBrokers(t), settings)
	first, ok := d.processes["messages"].(*process)
	if !ok {
		t.Fatal("messages is not a process of its own")
	}
	first.path = build(t, "messages", "planted")
	first.plant(fault)
	second := *first
	address, internal := FreeAddress(t), FreeAddress(t)
	second.name, second.logFile, second.readyURL = "messages-2", first.logFile+"-2", baseURL(address)+"/ready"
	second.env = append(slices.Clone(first.env), "ISM_HTTP_ADDRESS="+address, "ISM_HTTP_INTERNAL_ADDRESS="+internal)
	d.processes[second.name], d.Internal[second.name] = &second, internal
	d.nodes = []string{strings.TrimSuffix(first.readyURL, "/ready"), baseURL(address)}
	return start(t, d)
}

// Plant has a process have another fault, "" for none, from its next start on.
func (d *Deployment) Plant(t testing.TB, service, fault string) {
	t.Helper()
	d.own(t, service).plant(fault)
}

// plant puts a fault behind the one that is there: of two values of a variable the last counts.
func (p *process) plant(fault string) { p.env = append(slices.Clip(p.env), "PLANTED_FAULT="+fault) }

// AwaitEnd waits until a process has ended by itself.
func (d *Deployment) AwaitEnd(t testing.TB, service string) {
	t.Helper()
	p := d.own(t, service)
	select {
	case <-p.done:
	case <-time.After(startTimeout):
		t.Fatalf("%s does not end:\n%s", service, p.tail())
	}
}

// Start starts a process that has ended. It may end again before it is ready.
func (d *Deployment) Start(t testing.TB, service string) {
	t.Helper()
	d.processes[service].start(t)
}

func (d *Deployment) own(t testing.TB, service string) *process {
	t.Helper()
	p, ok := d.processes[service].(*process)
	if !ok {
		t.Fatalf("%s is not a process of the test's own", service)
	}
	return p
}
