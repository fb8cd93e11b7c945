package seedconfig

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/BurntSushi/toml"
)

// fault is what is wrong at a line of the file. It has no values: one may be a password.
type fault struct {
	line    int
	problem string
}

// settings are the file's values by key, each a string, as the environment has it; and the names of keys that nobody knows.
type settings struct {
	values  map[string]string
	unknown []string
}

// read parses the file, as far as it can, and says all that is wrong with it.
func read(content string) (settings, []fault) {
	top := map[string]toml.Primitive{}
	meta, err := toml.Decode(content, &top)
	if err != nil {
		return settings{}, []fault{faultOf(err)}
	}
	found := settings{values: map[string]string{}}
	var faults []fault
	known := tables()
	take := func(name string, value toml.Primitive) {
		at := slices.IndexFunc(keys, func(k key) bool { return k.name == name })
		if at < 0 {
			found.unknown = append(found.unknown, name)
			return
		}
		read := leaf{kind: keys[at].kind}
		if err := meta.PrimitiveDecode(value, &read); err != nil {
			faults = append(faults, faultOf(err))
			return
		}
		found.values[name] = read.text
	}
	for _, name := range slices.Sorted(maps.Keys(top)) {
		if !known[name] {
			take(name, top[name])
			continue
		}
		var table tableOnly
		inner := map[string]toml.Primitive{}
		if err := meta.PrimitiveDecode(top[name], &table); err != nil {
			faults = append(faults, faultOf(err))
		} else if err := meta.PrimitiveDecode(top[name], &inner); err != nil {
			faults = append(faults, faultOf(err))
		}
		for _, key := range slices.Sorted(maps.Keys(inner)) {
			take(name+"."+key, inner[key])
		}
	}
	slices.SortStableFunc(faults, func(a, b fault) int { return cmp.Compare(a.line, b.line) })
	return found, faults
}

func faultOf(err error) fault {
	var at toml.ParseError
	if !errors.As(err, &at) {
		return fault{problem: err.Error()}
	}
	problem := at.Message
	if at.LastKey != "" {
		problem = at.LastKey + ": " + problem
	}
	return fault{line: at.Position.Line, problem: problem}
}

// tableOnly insists on a table.
type tableOnly struct{}

// UnmarshalTOML implements [toml.Unmarshaler].
func (*tableOnly) UnmarshalTOML(value any) error {
	if _, ok := value.(map[string]any); !ok {
		return errors.New("must be a table, not " + named(value))
	}
	return nil
}

// leaf takes a value of its kind, as text.
type leaf struct {
	kind kind
	text string
}

// UnmarshalTOML implements [toml.Unmarshaler]. What it takes is what the Rust ISM takes: its numbers may also be texts.
func (l *leaf) UnmarshalTOML(value any) error {
	refused := fmt.Errorf("must be %s, not %s", l.kind, named(value))
	switch l.kind {
	case text:
		written, ok := value.(string)
		if !ok {
			return refused
		}
		if strings.ContainsAny(written, "\x00\r\n") {
			return errors.New("must be a text of one line")
		}
		l.text = written
	case port:
		if number, ok := value.(int64); ok {
			value = strconv.FormatInt(number, 10)
		}
		written, ok := value.(string)
		if !ok {
			return refused
		}
		number, err := strconv.ParseUint(written, 10, 16)
		if err != nil || number == 0 {
			return fmt.Errorf("must be %s", l.kind)
		}
		l.text = strconv.FormatUint(number, 10)
	case boolean:
		yes, ok := value.(bool)
		if !ok {
			return refused
		}
		l.text = strconv.FormatBool(yes)
	case numbers:
		list, ok := value.([]any)
		if !ok {
			return refused
		}
		for _, entry := range list {
			if _, ok := entry.(int64); !ok {
				return refused
			}
		}
	}
	return nil
}

// named says what a value of TOML is.
func named(value any) string {
	switch value.(type) {
	case string:
		return "a text"
	case int64:
		return "a whole number"
	case float64:
		return "a number with a point"
	case bool:
		return "true or false"
	case map[string]any, []map[string]any:
		return "a table"
	case []any:
		return "a list"
	default:
		return "a date or time"
	}
}
