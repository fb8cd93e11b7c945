// Package schema is what all stores say of the steps of their schemas, whatever engine has them.
package schema

import (
	"context"
	"time"
)

// Step is a step of a schema, as an engine has it.
type Step struct {
	Number  int64
	Name    string
	Known   bool      // it is one of this version's: another has made it otherwise
	Applied bool      // the engine has it
	At      time.Time // when it was made; zero where that was not recorded
}

// Migrations are the steps of one schema.
type Migrations interface {
	// List gives this version's steps, and those that the engine has beside them, in their order. It changes nothing.
	List(ctx context.Context) ([]Step, error)
	// Up makes what is missing, and says what it has made, also with an error. Of several processes one makes it, the others wait.
	Up(ctx context.Context) (made []string, err error)
	// Newest gives the step that Down undoes, and what does it, in the engine's language. It changes nothing.
	Newest(ctx context.Context) (name, undo string, err error)
	// Down undoes the newest step, with all data that only it has room for, and gives its name.
	Down(ctx context.Context) (undone string, err error)
}

// Pending are those of the steps that the engine lacks.
func Pending(all []Step) []Step {
	var pending []Step
	for _, step := range all {
		if !step.Applied {
			pending = append(pending, step)
		}
	}
	return pending
}
