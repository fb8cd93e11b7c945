package queries

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
)

// Faults tries every expression on the Prometheus at baseURL, which must have scraped all services twice while they had
// something to do, and gives what is wrong with each, and with the rules that it has loaded. An alert is tried without its
// comparison, which holds only when something is wrong. The error says that it cannot be asked.
func Faults(ctx context.Context, baseURL string, expressions []Expression) ([]string, error) {
	p := prometheus{baseURL: baseURL}
	faults, err := p.ruleFaults(ctx)
	if err != nil {
		return nil, err
	}
	for _, expression := range expressions {
		found, err := p.faultsOf(ctx, expression)
		if err != nil {
			return nil, err
		}
		for _, fault := range found {
			faults = append(faults, fmt.Sprintf("%s: %s\n\t%s", expression.Where, fault, expression.Text))
		}
	}
	return faults, nil
}

type prometheus struct{ baseURL string }

// sample is one series of a result, at one time.
type sample struct {
	Metric map[string]string `json:"metric"`
	Value  [2]any            `json:"value"` // time, and the number as text
}

func (s sample) isNumber() bool { return s.Value[1] != "NaN" }

func (p prometheus) faultsOf(ctx context.Context, expression Expression) ([]string, error) {
	var faults []string
	found := dissect(expression.Text)
	var result []sample
	for _, operand := range found.operands {
		samples, refused, err := p.query(ctx, operand)
		switch {
		case err != nil:
			return nil, err
		case refused != "":
			return []string{refused}, nil
		case len(samples) == 0:
			faults = append(faults, "no data")
		case !slices.ContainsFunc(samples, sample.isNumber):
			faults = append(faults, "nothing but NaN")
		}
		result = append(result, samples...)
	}
	for _, s := range found.selectors {
		fault, err := p.selectorFault(ctx, s, found.guarded)
		if err != nil {
			return nil, err
		}
		if fault != "" {
			faults = append(faults, fault)
		}
	}
	for _, label := range found.grouping {
		if there, err := p.anyHas(ctx, found.selectors, label); err != nil {
			return nil, err
		} else if !there {
			faults = append(faults, "grouped by "+label+", which no series has")
		}
	}
	for _, label := range expression.shown {
		if _, known := expression.known[label]; known || found.guarded && slices.Contains(found.grouping, label) {
			continue
		}
		if !slices.ContainsFunc(result, func(s sample) bool { return s.Metric[label] != "" }) {
			faults = append(faults, "shows the label "+label+", which the result does not have")
		}
	}
	return faults, nil
}

// selectorFault says what is wrong with a selector: it has no series. Where an or provides for that, the metric and the
// labels that it names must exist all the same.
func (p prometheus) selectorFault(ctx context.Context, s selector, guarded bool) (string, error) {
	asked := s.text
	if guarded {
		var matchers []string
		for _, label := range s.labels {
			matchers = append(matchers, label+`!=""`)
		}
		asked = s.metric + "{" + strings.Join(matchers, ",") + "}"
	}
	samples, refused, err := p.query(ctx, "count("+asked+")")
	if err != nil || refused != "" {
		return refused, err
	}
	if len(samples) == 0 {
		return "there is no " + asked, nil
	}
	return "", nil
}

func (p prometheus) anyHas(ctx context.Context, selectors []selector, label string) (bool, error) {
	for _, s := range selectors {
		samples, _, err := p.query(ctx, "count("+s.metric+"{"+label+`!=""})`)
		if err != nil {
			return false, err
		}
		if len(samples) > 0 {
			return true, nil
		}
	}
	return false, nil
}

// query gives a result, or why Prometheus refuses the query.
func (p prometheus) query(ctx context.Context, expression string) (samples []sample, refused string, err error) {
	var answer struct {
		Status, Error string
		Data          struct {
			ResultType string
			Result     json.RawMessage
		}
	}
	if err := p.get(ctx, "/api/v1/query?query="+url.QueryEscape(expression), &answer); err != nil {
		return nil, "", err
	}
	if answer.Status != "success" {
		return nil, answer.Error, nil
	}
	if answer.Data.ResultType != "vector" {
		return nil, "the result is a " + answer.Data.ResultType, nil
	}
	if err := json.Unmarshal(answer.Data.Result, &samples); err != nil {
		return nil, "", fmt.Errorf("read the result of %s: %w", expression, err)
	}
	return samples, "", nil
}

// ruleFaults says which of the loaded rules cannot be evaluated.
func (p prometheus) ruleFaults(ctx context.Context) ([]string, error) {
	var answer struct {
		Data struct {
			Groups []struct {
				Rules []struct{ Name, Health, LastError string }
			}
		}
	}
	if err := p.get(ctx, "/api/v1/rules", &answer); err != nil {
		return nil, err
	}
	var faults []string
	loaded := 0
	for _, group := range answer.Data.Groups {
		for _, rule := range group.Rules {
			loaded++
			if rule.Health != "ok" {
				faults = append(faults, fmt.Sprintf("the rule %s is %s: %s", rule.Name, rule.Health, rule.LastError))
			}
		}
	}
	if loaded == 0 {
		faults = append(faults, "no rules are loaded")
	}
	return faults, nil
}

func (p prometheus) get(ctx context.Context, path string, answer any) error {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, p.baseURL+path, http.NoBody)
	if err != nil {
		return fmt.Errorf("ask Prometheus: %w", err)
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return fmt.Errorf("ask Prometheus: %w", err)
	}
	defer response.Body.Close()
	if err := json.NewDecoder(response.Body).Decode(answer); err != nil { // refusals are JSON, too
		return fmt.Errorf("read the answer of Prometheus to %s, status %d: %w", path, response.StatusCode, err)
	}
	return nil
}
