package observability

import (
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"gopkg.in/yaml.v3"

	"github.com/ism-chat/ism/test/observability/queries"
)

const (
	root          = "../.."
	configuration = root + "/deploy/compose/prometheus/prometheus.yml"
)

func services() []string { return []string{"rooms", "messages", "realtime", "notifications", "media"} }

func TestDashboards(t *testing.T) {
	dashboards, err := queries.LoadDashboards(root)
	if err != nil {
		t.Fatal(err)
	}
	files, uids := map[string]bool{}, map[string]bool{}
	for _, d := range dashboards {
		name := strings.TrimSuffix(d.File, ".json")
		files[name] = true
		if d.UID == "" || uids[d.UID] || d.Title == "" {
			t.Errorf("%s has the uid %q and the title %q", d.File, d.UID, d.Title)
		}
		uids[d.UID] = true
		if n := len(d.Panels); n < 6 || n > 12 {
			t.Errorf("%s has %d panels: 6 to 12 can be taken in", d.File, n)
		}
		ids := map[int]bool{}
		for _, p := range d.Panels {
			if ids[p.ID] {
				t.Errorf("%s: the panel id %d is there twice", d.File, p.ID)
			}
			ids[p.ID] = true
			if p.Title == "" || p.Description == "" || p.FieldConfig.Defaults.Unit == "" || len(p.Targets) == 0 || p.Datasource.UID != "prometheus" {
				t.Errorf("%s: a panel has no title, description, unit, target or datasource: %+v", d.File, p)
			}
			for _, target := range p.Targets {
				if target.Expr == "" || target.LegendFormat == "" {
					t.Errorf("%s: a query of %s has no expression or legend", d.File, p.Title)
				}
			}
		}
	}
	for _, want := range append(services(), "overview", queries.Engines) {
		if !files[want] {
			t.Errorf("%s has no dashboard", want)
		}
	}
}

func TestEachAlertHasItsRunbook(t *testing.T) {
	alerts, err := queries.LoadAlerts(root)
	if err != nil {
		t.Fatal(err)
	}
	names := map[string]bool{}
	for _, a := range alerts {
		if a.Name == "" || names[a.Name] {
			t.Errorf("%s: the alert %q has no name, or that of another", a.File, a.Name)
		}
		names[a.Name] = true
		if severity := a.Labels["severity"]; severity != "critical" && severity != "warning" {
			t.Errorf("%s: the severity is %q", a.Name, severity)
		}
		if a.Annotations["summary"] == "" || a.Annotations["description"] == "" {
			t.Errorf("%s has no summary or no description", a.Name)
		}
		owner := strings.TrimSuffix(a.File, ".yml")
		readme := "services/" + owner + "/README.md"
		switch owner {
		case "whole":
			readme = "deploy/compose/prometheus/README.md"
		case queries.Engines:
			readme = "docs/operations.md"
		default:
			if a.Labels["service"] != owner {
				t.Errorf("%s: the label service is %q", a.Name, a.Labels["service"])
			}
		}
		if want := readme + "#" + strings.ToLower(a.Name); a.Annotations["runbook"] != want {
			t.Errorf("%s: the runbook is %q, not %q", a.Name, a.Annotations["runbook"], want)
		}
		raw, err := os.ReadFile(filepath.Join(root, readme))
		if err != nil {
			t.Fatal(err)
		}
		if headings := strings.Split(string(raw), "\n"); !slices.Contains(headings, "### "+a.Name) && !slices.Contains(headings, "#### "+a.Name) {
			t.Errorf("%s has no heading %s", readme, a.Name)
		}
	}
}

// scraping is what is checked of Prometheus's configuration.
type scraping struct {
	Scrapes []struct {
		Job    string                         `yaml:"job_name"`
		DNS    []struct{ Names []string }     `yaml:"dns_sd_configs"`
		Static []struct{ Targets []string }   `yaml:"static_configs"`
		Label  []struct{ Replacement string } `yaml:"relabel_configs"`
	} `yaml:"scrape_configs"`
}

// exporters are the jobs of what the messenger stands on, and of who tells, each with the name that DNS has for it.
func exporters() map[string]string {
	return map[string]string{
		"gateway": "gateway-exporter", "postgres": "postgres-exporter", "kafka": "kafka-exporter", "disks": "disks-exporter",
		"scylla": "scylla", "keycloak": "keycloak", "alertmanager": "alertmanager",
	}
}

func TestEachServiceIsScraped(t *testing.T) {
	raw, err := os.ReadFile(configuration)
	if err != nil {
		t.Fatal(err)
	}
	var config scraping
	if err := yaml.Unmarshal(raw, &config); err != nil {
		t.Fatal(err)
	}
	jobs := map[string]bool{}
	for _, s := range config.Scrapes {
		jobs[s.Job] = true
		name, known := exporters()[s.Job]
		if !known {
			name = s.Job
		}
		found := len(s.DNS) == 1 && slices.Equal(s.DNS[0].Names, []string{name})
		if s.Job == "prometheus" {
			found = len(s.Static) == 1 && slices.Equal(s.Static[0].Targets, []string{"localhost:9090"})
		}
		if !found || len(s.Label) != 1 || s.Label[0].Replacement != s.Job {
			t.Errorf("the job %s finds %+v %+v and names it %+v", s.Job, s.DNS, s.Static, s.Label)
		}
	}
	want := slices.Concat(services(), slices.Collect(maps.Keys(exporters())), []string{"prometheus"})
	for _, name := range want {
		if !jobs[name] {
			t.Errorf("%s is not scraped", name)
		}
	}
	if len(jobs) != len(want) {
		t.Errorf("the jobs are %v", jobs)
	}
}
