package queries

import (
	"slices"
	"testing"
)

func TestDissect(t *testing.T) {
	for _, c := range []struct {
		expression string
		selectors  []string
		grouping   []string
		operands   []string
		guarded    bool
	}{
		{"up == 0", []string{"up"}, nil, []string{"up"}, false},
		{
			`(sum(up{service="a"}) or vector(0)) == 0`, []string{`up{service="a"}`}, nil, []string{`(sum(up{service="a"}) or vector(0))`}, true,
		},
		{
			`histogram_quantile(0.99, sum by (le, route) (rate(x_bucket{a="1}>2", b=~"y|z"}[5m]))) > bool 0.5`,
			[]string{`x_bucket{a="1}>2", b=~"y|z"}`},
			[]string{"le", "route"},
			[]string{`histogram_quantile(0.99, sum by (le, route) (rate(x_bucket{a="1}>2", b=~"y|z"}[5m])))`},
			false,
		},
		{"a > 1 and b / on (job) c <= 2e3", []string{"a", "b", "c"}, []string{"job"}, []string{"a", "b / on (job) c"}, false},
		{"a or vector(0)", []string{"a"}, nil, []string{"a or vector(0)"}, true},
		{"a > 1 or b > 1", []string{"a", "b"}, nil, []string{"a", "b"}, true},
		{"sum without (le) (x offset 5m) * 1.5", []string{"x"}, nil, []string{"sum without (le) (x offset 5m) * 1.5"}, false},
	} {
		got := dissect(c.expression)
		var selectors []string
		for _, s := range got.selectors {
			selectors = append(selectors, s.text)
		}
		if !slices.Equal(selectors, c.selectors) || !slices.Equal(got.grouping, c.grouping) || !slices.Equal(got.operands, c.operands) || got.guarded != c.guarded {
			t.Errorf("%s: %q, %+v", c.expression, selectors, got)
		}
	}
}

func TestLabelsOfMatchers(t *testing.T) {
	got := dissect(`x{service="a", outcome=~"b|c", q!="{"}`).selectors[0].labels
	if !slices.Equal(got, []string{"service", "outcome", "q"}) {
		t.Errorf("%q", got)
	}
}
