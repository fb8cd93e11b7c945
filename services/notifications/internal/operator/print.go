package operator

import (
	"encoding/json"
	"fmt"
	"io"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"
	"unicode"

	"github.com/ism-chat/ism/libs/wire"
)

// print prints a value as JSON, or as show has it for people.
func (s *session) print(value any, show func(out io.Writer)) error {
	if s.json {
		encoder := json.NewEncoder(s.out)
		encoder.SetIndent("", "  ")
		encoder.SetEscapeHTML(false)
		if err := encoder.Encode(value); err != nil {
			return fmt.Errorf("print: %w", err)
		}
		return nil
	}
	table := tabwriter.NewWriter(s.out, 0, 0, 3, ' ', 0)
	show(table)
	if err := table.Flush(); err != nil {
		return fmt.Errorf("print: %w", err)
	}
	return nil
}

// row writes a row of a table.
func row(out io.Writer, cells ...string) {
	for i, cell := range cells {
		cells[i] = printable(cell)
		if cells[i] == "" {
			cells[i] = "-"
		}
	}
	_, _ = fmt.Fprintln(out, strings.Join(cells, "\t"))
}

// printable is a text without what would move a terminal's cursor or break a table: receivers and users have written some of them.
func printable(text string) string {
	return strings.Map(func(r rune) rune {
		if !unicode.IsPrint(r) {
			return ' '
		}
		return r
	}, text)
}

// clip shortens a text to so many characters.
func clip(text string, characters int) string {
	if runes := []rune(text); len(runes) > characters {
		return string(runes[:characters-1]) + "…"
	}
	return text
}

func timeOf(at wire.Time) string { return at.UTC().Format(time.RFC3339) }

func timeOrNone(at *wire.Time) string {
	if at == nil {
		return ""
	}
	return timeOf(*at)
}

func textOrNone(text *string) string {
	if text == nil {
		return ""
	}
	return *text
}

func numberOrNone(number *int) string {
	if number == nil {
		return ""
	}
	return strconv.Itoa(*number)
}
