// Package config reads a deployable's configuration from environment variables.
package config

import "io"

// Secret is a configuration value that is never printed, logged or marshalled.
type Secret string

// Reveal gives the value itself, for the one place that needs it.
func (s Secret) Reveal() string { return string(s) }

// String hides the value.
func (s Secret) String() string { return "[secret]" }

// Fault is one thing wrong with the configuration.
type Fault struct {
	Variable string // the environment variable, for example ISM_HTTP_ADDRESS
	Problem  string // what is wrong, and what is allowed
}

// Faults is all that is wrong with the configuration, as one error.
type Faults []Fault

func (f Faults) Error() string { panic("skeleton") }

// Validator is implemented by a configuration struct that has rules beyond its fields' types.
// Variable names in the faults are relative: the field's name; Load makes them whole.
type Validator interface {
	Validate() []Fault
}

// Load fills the struct that cfg points to from the environment, names beginning with ISM_. The error is a [Faults].
func Load(cfg any) error { panic("skeleton") }

// Section is a part of the generated reference: a deployable and the struct that it loads.
type Section struct {
	Title string
	About string
	Cfg   any // pointer to a zero struct
}

// WriteReference writes the configuration reference in Markdown.
func WriteReference(w io.Writer, sections ...Section) error { panic("skeleton") }
