package queries

import (
	"regexp"
	"slices"
	"strings"
)

// selector is what an expression takes from the store of series.
type selector struct {
	metric string
	text   string   // the metric with its matchers, as it stands in the expression
	labels []string // that the matchers name
}

// parts are what can be checked of an expression without knowing all of PromQL.
type parts struct {
	selectors []selector
	grouping  []string // the labels of by, on, group_left and group_right
	operands  []string // the expression without its final comparisons, split where they are combined
	guarded   bool     // there is an or: some series need not exist
}

type token struct {
	text       string
	start, end int
	depth      int // of parentheses
}

// In this order: durations in brackets, matchers in braces, strings, names, numbers, comparisons, and any other character.
var tokens = regexp.MustCompile(`\[[^\]]*\]|\{(?:[^{}"]|"(?:[^"\\]|\\.)*")*\}|"(?:[^"\\]|\\.)*"|[a-zA-Z_:][a-zA-Z0-9_:]*|[0-9.]+[0-9a-z]*|==|!=|>=|<=|\S`)

var matcher = regexp.MustCompile(`([a-zA-Z_][a-zA-Z0-9_]*)\s*(?:=~|!~|!=|=)\s*"(?:[^"\\]|\\.)*"`)

func scan(expression string) []token {
	var all []token
	depth := 0
	for _, at := range tokens.FindAllStringIndex(expression, -1) {
		t := token{text: expression[at[0]:at[1]], start: at[0], end: at[1]}
		if t.text == ")" {
			depth--
		}
		t.depth = depth
		if t.text == "(" {
			depth++
		}
		all = append(all, t)
	}
	return all
}

var name = regexp.MustCompile(`^[a-zA-Z_:]`)

func isName(text string) bool { return name.MatchString(text) }

// dissect takes an expression apart. It is for those that stand in our dashboards and rules: nothing is between a
// metric's name and its braces but white space, and every metric has a name.
func dissect(expression string) parts {
	var found parts
	all := scan(expression)
	begin, cut := 0, -1 // of the operand; where its comparison stands
	finish := func(end int) {
		if cut >= 0 {
			end = cut
		}
		found.operands = append(found.operands, strings.TrimSpace(expression[begin:end]))
		cut = -1
	}
	for i := 0; i < len(all); i++ {
		t := all[i]
		next := token{}
		if i+1 < len(all) {
			next = all[i+1]
		}
		switch {
		case slices.Contains([]string{"by", "on", "group_left", "group_right", "without", "ignoring"}, t.text) && next.text == "(":
			for i += 2; i < len(all) && all[i].text != ")"; i++ {
				if isName(all[i].text) && t.text != "without" && t.text != "ignoring" {
					found.grouping = append(found.grouping, all[i].text)
				}
			}
		case t.text == "or" || t.text == "and" || t.text == "unless":
			found.guarded = found.guarded || t.text == "or"
			if t.depth == 0 && (cut >= 0 || t.text != "or") { // what stands in for no data belongs to it
				finish(t.start)
				begin = t.end
			}
		case slices.Contains([]string{"==", "!=", ">=", "<=", ">", "<"}, t.text):
			if t.depth == 0 && cut < 0 {
				cut = t.start
			}
		case !isName(t.text) || slices.Contains([]string{"(", "by", "without"}, next.text) || t.text == "bool" || t.text == "offset":
		default:
			s := selector{metric: t.text, text: t.text}
			if strings.HasPrefix(next.text, "{") {
				s.text += next.text
				for _, m := range matcher.FindAllStringSubmatch(next.text, -1) {
					s.labels = append(s.labels, m[1])
				}
			}
			found.selectors = append(found.selectors, s)
		}
	}
	finish(len(expression))
	return found
}
