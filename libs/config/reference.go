package config

import (
	"bufio"
	"fmt"
	"io"
	"strings"
)

// Section is a part of the generated reference: a deployable and the struct that it loads.
type Section struct {
	Title string
	About string
	Cfg   any // pointer to a zero struct
}

// row is a setting as the reference shows it.
type row struct{ variable, kind, fallback, required, meaning string }

// WriteReference writes the configuration reference in Markdown: first a table of the settings that all sections have in
// common, if there are several sections, then for each section a table of its own.
func WriteReference(w io.Writer, sections ...Section) error {
	tables := make([][]row, 0, len(sections))
	uses := map[row]int{}
	for _, section := range sections {
		settings, err := settingsOf(section.Cfg)
		if err != nil {
			return fmt.Errorf("describe %s: %w", section.Title, err)
		}
		rows := make([]row, 0, len(settings))
		for _, s := range settings {
			r := s.row()
			rows = append(rows, r)
			uses[r]++
		}
		tables = append(tables, rows)
	}
	shared := func(r row) bool { return len(sections) > 1 && uses[r] == len(sections) }

	out := bufio.NewWriter(w)
	var common []row
	if len(tables) > 0 {
		common = pick(tables[0], shared)
	}
	if len(common) > 0 {
		writeSection(out, "Every deployable", "All that follow have these settings too.", common)
	}
	for i, section := range sections {
		own := pick(tables[i], func(r row) bool { return !shared(r) })
		writeSection(out, section.Title, section.About, own)
	}
	if err := out.Flush(); err != nil {
		return fmt.Errorf("write the configuration reference: %w", err)
	}
	return nil
}

func pick(rows []row, wanted func(row) bool) []row {
	var picked []row
	for _, r := range rows {
		if wanted(r) {
			picked = append(picked, r)
		}
	}
	return picked
}

func (s setting) row() row {
	r := row{
		variable: "`" + s.variable + "`",
		kind:     kindOf(s.value.Type()).name,
		required: "no",
		meaning:  s.meaning + formerly(s.former),
	}
	if s.secret {
		r.variable += " or `" + s.variable + fileSuffix + "`"
	}
	if s.required {
		r.required = "yes"
	}
	switch {
	case s.fallback == "":
	case s.secret:
		r.fallback = hidden
	default:
		r.fallback = "`" + s.fallback + "`"
	}
	return r
}

func formerly(names []string) string {
	if len(names) == 0 {
		return ""
	}
	return "; formerly `" + strings.Join(names, "`, `") + "`, which are still read"
}

// writeSection leaves its errors to the writer's Flush.
func writeSection(out *bufio.Writer, title, about string, rows []row) {
	fmt.Fprintf(out, "## %s\n", title)
	if about != "" {
		fmt.Fprintf(out, "%s\n", about)
	}
	if len(rows) > 0 {
		fmt.Fprint(out, "\n| variable | type | default | required | meaning |\n|---|---|---|---|---|\n")
	}
	for _, r := range rows {
		cells := []string{r.variable, r.kind, r.fallback, r.required, r.meaning}
		for i := range cells {
			cells[i] = strings.NewReplacer("|", `\|`, "\n", " ").Replace(cells[i])
		}
		fmt.Fprintf(out, "| %s |\n", strings.Join(cells, " | "))
	}
	fmt.Fprintln(out)
}

// Variables gives the names of all environment variables that the struct which cfg points to is loaded from, in the order of its fields: those of the
// files that secrets may stand in are among them, and names that settings had before.
func Variables(cfg any) ([]string, error) {
	settings, err := settingsOf(cfg)
	if err != nil {
		return nil, err
	}
	var all []string
	for _, s := range settings {
		all = append(all, s.variables()...)
	}
	return all, nil
}
