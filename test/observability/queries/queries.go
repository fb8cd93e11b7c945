// Package queries knows every expression of the dashboards and alert rules, and tries each on a live Prometheus, so that none
// of them shows "no data" because a metric was renamed.
package queries

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"

	"gopkg.in/yaml.v3"
)

// Where the files are, below the root of the repository.
const (
	Dashboards = "deploy/compose/grafana/dashboards"
	Rules      = "deploy/compose/prometheus/rules"
)

// Dashboard is what is checked of one.
type Dashboard struct {
	File   string
	UID    string
	Title  string
	Panels []Panel
}

// Panel is what is checked of one.
type Panel struct {
	ID          int
	Title       string
	Description string
	Datasource  struct{ Type, UID string }
	FieldConfig struct{ Defaults struct{ Unit string } }
	Targets     []struct{ Expr, LegendFormat string }
}

// Alert is an alert rule.
type Alert struct {
	File        string            `yaml:"-"`
	Name        string            `yaml:"alert"`
	Expr        string            `yaml:"expr"`
	Labels      map[string]string `yaml:"labels"`
	Annotations map[string]string `yaml:"annotations"`
}

// Expression is one to try.
type Expression struct {
	Where string // the file, and the panel or alert in it
	Text  string
	// shown are the labels that its legend or its annotations show.
	shown []string
	// known are the labels that the rule adds.
	known map[string]string
}

// LoadDashboards reads the dashboards of the repository at root.
func LoadDashboards(root string) ([]Dashboard, error) {
	files, err := filepath.Glob(filepath.Join(root, Dashboards, "*.json"))
	if err != nil || len(files) == 0 {
		return nil, fmt.Errorf("find dashboards in %s: %d, %w", Dashboards, len(files), err)
	}
	var all []Dashboard
	for _, file := range files {
		raw, err := os.ReadFile(file)
		if err != nil {
			return nil, fmt.Errorf("read dashboard: %w", err)
		}
		dashboard := Dashboard{}
		if err := json.Unmarshal(raw, &dashboard); err != nil {
			return nil, fmt.Errorf("parse %s: %w", file, err)
		}
		dashboard.File = filepath.Base(file)
		all = append(all, dashboard)
	}
	return all, nil
}

// LoadAlerts reads the alert rules of the repository at root.
func LoadAlerts(root string) ([]Alert, error) {
	files, err := filepath.Glob(filepath.Join(root, Rules, "*.yml"))
	if err != nil || len(files) == 0 {
		return nil, fmt.Errorf("find rules in %s: %d, %w", Rules, len(files), err)
	}
	var all []Alert
	for _, file := range files {
		raw, err := os.ReadFile(file)
		if err != nil {
			return nil, fmt.Errorf("read rules: %w", err)
		}
		var content struct{ Groups []struct{ Rules []Alert } }
		if err := yaml.Unmarshal(raw, &content); err != nil {
			return nil, fmt.Errorf("parse %s: %w", file, err)
		}
		for _, group := range content.Groups {
			for _, alert := range group.Rules {
				alert.File = filepath.Base(file)
				all = append(all, alert)
			}
		}
	}
	return all, nil
}

var (
	legendLabel     = regexp.MustCompile(`\{\{\s*([a-zA-Z_][a-zA-Z0-9_]*)\s*\}\}`)
	annotationLabel = regexp.MustCompile(`\$labels\.([a-zA-Z_][a-zA-Z0-9_]*)`)
)

// Engines is the name of the dashboard and the rules of what the messenger stands on: who measures that is not in every stack.
const Engines = "engines"

// Load gives every expression of the dashboards and rules of the repository at root, but those of the engines, with Grafana's variables filled in.
func Load(root string) ([]Expression, error) {
	return load(root, func(file string) bool { return !ofEngines(file) })
}

// LoadEngines is Load for those of the engines.
func LoadEngines(root string) ([]Expression, error) { return load(root, ofEngines) }

func ofEngines(file string) bool { return strings.TrimSuffix(file, filepath.Ext(file)) == Engines }

func load(root string, wanted func(file string) bool) ([]Expression, error) {
	dashboards, err := LoadDashboards(root)
	if err != nil {
		return nil, err
	}
	alerts, err := LoadAlerts(root)
	if err != nil {
		return nil, err
	}
	variables := strings.NewReplacer("$__rate_interval", "1m", "$__interval", "15s", "$__range", "1h")
	var all []Expression
	for _, dashboard := range dashboards {
		if !wanted(dashboard.File) {
			continue
		}
		for _, panel := range dashboard.Panels {
			for _, target := range panel.Targets {
				all = append(all, Expression{
					Where: dashboard.File + ", " + panel.Title, Text: variables.Replace(target.Expr), shown: labels(legendLabel, target.LegendFormat),
				})
			}
		}
	}
	for _, alert := range alerts {
		if !wanted(alert.File) {
			continue
		}
		text := alert.Annotations["summary"] + alert.Annotations["description"]
		all = append(all, Expression{
			Where: alert.File + ", " + alert.Name, Text: alert.Expr, shown: labels(annotationLabel, text), known: alert.Labels,
		})
	}
	return all, nil
}

func labels(pattern *regexp.Regexp, text string) []string {
	var all []string
	for _, match := range pattern.FindAllStringSubmatch(text, -1) {
		all = append(all, match[1])
	}
	return all
}
