package config

import (
	"cmp"
	"encoding"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"reflect"
	"strconv"
	"strings"

	"github.com/kelseyhightower/envconfig"
)

const fileSuffix = "_FILE"

// setting is a leaf of a configuration struct.
type setting struct {
	variable string
	meaning  string
	fallback string // the default
	required bool
	secret   bool
	former   []string // names that the variable had before
	value    reflect.Value
	file     reflect.Value // the [SecretFile] of a secret that has one
}

// variables are all that the leaf is read from.
func (s setting) variables() []string {
	if s.secret {
		return []string{s.variable, s.variable + fileSuffix}
	}
	return append([]string{s.variable}, s.former...)
}

// settingsOf finds the leaves of the struct that cfg points to. Its error is a fault in the program.
func settingsOf(cfg any) ([]setting, error) {
	pointer := reflect.ValueOf(cfg)
	if pointer.Kind() != reflect.Pointer || pointer.IsNil() || pointer.Elem().Kind() != reflect.Struct {
		return nil, fmt.Errorf("configuration %T: want a pointer to a struct", cfg)
	}
	var settings []setting
	walk(pointer.Elem(), prefix, func(found setting) { settings = append(settings, found) }, nil)
	seen := make(map[string]bool, len(settings))
	for _, s := range settings {
		for _, variable := range s.variables() {
			if seen[variable] {
				return nil, fmt.Errorf("configuration %T: two fields read %s", cfg, variable)
			}
			seen[variable] = true
		}
		if !parsable(s.value.Type()) {
			return nil, fmt.Errorf("configuration %T: %s has the type %s, which cannot be read", cfg, s.variable, s.value.Type())
		}
	}
	return settings, nil
}

// walk calls leaf for each leaf and branch, if not nil, for each struct, with the prefix of its variables. A struct
// comes after what is in it.
func walk(structure reflect.Value, under string, leaf func(setting), branch func(structure reflect.Value, under string)) {
	for field, value := range structure.Fields() {
		ignored, _ := strconv.ParseBool(field.Tag.Get("ignored"))
		if !field.IsExported() && !field.Anonymous || ignored || field.Type == reflect.TypeFor[SecretFile]() {
			continue
		}
		name := strings.ToUpper(field.Tag.Get("envconfig"))
		if name == "" {
			name = strings.ToUpper(field.Name)
		}
		inner := under + "_" + name
		if value.Kind() == reflect.Struct && !unmarshals(value.Type()) {
			if field.Anonymous {
				inner = under
			}
			walk(value, inner, leaf, branch)
			continue
		}
		if leaf == nil || !value.CanSet() {
			continue
		}
		required, _ := strconv.ParseBool(field.Tag.Get("required"))
		leaf(setting{
			variable: inner,
			meaning:  field.Tag.Get("desc"),
			fallback: field.Tag.Get("default"),
			required: required,
			secret:   isSecret(value.Type()),
			former:   strings.FieldsFunc(field.Tag.Get("was"), func(r rune) bool { return r == ',' }),
			value:    value,
			file:     fileOf(structure, name),
		})
	}
	if branch != nil {
		branch(structure, under)
	}
}

// fileOf is the field that says which file the structure's secret of that name was read from. It is invalid where there is none.
func fileOf(structure reflect.Value, name string) reflect.Value {
	for field, value := range structure.Fields() {
		if field.Type == reflect.TypeFor[SecretFile]() && field.Tag.Get("of") == name && value.CanSet() {
			return value
		}
	}
	return reflect.Value{}
}

var errRequired = errors.New("is required")

// load sets the leaf and returns the text that it has been set from. A leaf whose variable is faulty gets its default.
func (s setting) load(env map[string]string) (string, error) {
	text, err := s.lookup(env)
	if s.file.IsValid() {
		s.file.SetString(env[s.variable+fileSuffix])
	}
	if err == nil && text != "" {
		if s.parse(text) == nil {
			return text, nil
		}
		err = fmt.Errorf("%q is not %s%s", text, kindOf(s.value.Type()).allowed, s.explained())
	}
	if s.fallback == "" {
		if err == nil && s.required {
			err = fmt.Errorf("%w%s", errRequired, s.explained())
		}
		return "", err
	}
	if s.parse(s.fallback) != nil {
		return "", fmt.Errorf("its default %q is not %s", s.fallback, kindOf(s.value.Type()).allowed)
	}
	return s.fallback, err
}

// lookup gives the text of the variable, or of the file that a secret is in. Its errors do not contain the file's name:
// by mistake that may be the secret itself.
func (s setting) lookup(env map[string]string) (string, error) {
	text, path := env[s.variable], env[s.variable+fileSuffix]
	switch {
	case !s.secret:
		return s.lookupFormer(text, env)
	case path == "":
		return text, nil
	case text != "":
		return "", fmt.Errorf("is set, and %s%s is too: set one of them", s.variable, fileSuffix)
	}
	text, err := readSecret(path)
	if err != nil {
		return "", fmt.Errorf("cannot be read from the file that %s%s names: %w", s.variable, fileSuffix, err)
	}
	return text, nil
}

// secretLimit is the size of the largest file that is taken for a secret, in bytes.
const secretLimit = 64 << 10

func readSecret(path string) (string, error) {
	file, err := os.Open(path)
	if err != nil {
		return "", withoutPath(err)
	}
	content, err := io.ReadAll(io.LimitReader(file, secretLimit+1))
	_ = file.Close() // nothing was written
	text := strings.TrimSuffix(strings.TrimSuffix(string(content), "\n"), "\r")
	switch {
	case err != nil:
		return "", withoutPath(err)
	case len(content) > secretLimit:
		return "", fmt.Errorf("it has more than %d bytes", secretLimit)
	case text == "":
		return "", errors.New("it is empty")
	}
	return text, nil
}

func withoutPath(err error) error {
	var at *fs.PathError
	if errors.As(err, &at) {
		return at.Err
	}
	return err
}

// nowhere is a name that no environment variable can have.
const nowhere = "="

// parse has envconfig parse the text. The library reads the process's environment only, and stops at the first fault of a
// struct, so it is given a struct of one field, whose text is the default of a variable that cannot be set.
func (s setting) parse(text string) error {
	if s.secret {
		s.value.SetString(text)
		return nil
	}
	if isList(s.value.Type()) {
		text = tidyList(text)
	}
	parsed := reflect.New(reflect.StructOf([]reflect.StructField{{
		Name: "Value",
		Type: s.value.Type(),
		Tag:  reflect.StructTag(fmt.Sprintf("envconfig:%q default:%q", nowhere, text)),
	}}))
	if err := envconfig.Process("", parsed.Interface()); err != nil {
		return err
	}
	s.value.Set(parsed.Elem().Field(0))
	return nil
}

// tidyList trims the entries of a comma-separated list and leaves the empty ones out.
func tidyList(text string) string {
	var entries []string
	for entry := range strings.SplitSeq(text, ",") {
		if entry = strings.TrimSpace(entry); entry != "" {
			entries = append(entries, entry)
		}
	}
	return strings.Join(entries, ",")
}

func (s setting) explained() string {
	if s.meaning == "" {
		return ""
	}
	return " (" + s.meaning + ")"
}

// validate asks all structs of the configuration for their faults. A struct has the rules of those that it embeds, so a
// fault is taken once.
func validate(cfg any) Faults {
	var faults Faults
	seen := map[Fault]bool{}
	walk(reflect.ValueOf(cfg).Elem(), prefix, nil, func(structure reflect.Value, under string) {
		if !structure.CanInterface() {
			return
		}
		validator, ok := reflect.TypeAssert[Validator](structure.Addr())
		if !ok {
			return
		}
		for _, fault := range validator.Validate() {
			fault.Variable = under + "_" + cmp.Or(fault.Variable, "*")
			if !seen[fault] {
				seen[fault] = true
				faults = append(faults, fault)
			}
		}
	})
	return faults
}

// unmarshals reports whether values of the type parse themselves, as envconfig sees it.
func unmarshals(t reflect.Type) bool {
	for _, parser := range []reflect.Type{
		reflect.TypeFor[envconfig.Decoder](),
		reflect.TypeFor[envconfig.Setter](),
		reflect.TypeFor[encoding.TextUnmarshaler](),
		reflect.TypeFor[encoding.BinaryUnmarshaler](),
	} {
		if t.Implements(parser) || reflect.PointerTo(t).Implements(parser) {
			return true
		}
	}
	return false
}
