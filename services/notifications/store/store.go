// Package store is what notifications keeps: the inboxes of users, where they are told by push, and webhooks. Two backends keep it, Postgres and SQLite, and
// package storetest holds both to what is said here.
package store

import (
	"context"
	"errors"
)

// Errors of all operations.
var (
	// ErrUnavailable says that the store cannot be used now: what was asked for may succeed later.
	ErrUnavailable = errors.New("the notifications store is unavailable")
	// ErrUnstorable says that the store never takes a value that it was given.
	ErrUnstorable = errors.New("the store cannot keep that")
)

// Store is all that notifications keeps.
type Store interface {
	// Run connects and serves until ctx is done; what fails is tried again. Before that, and after it, all else is [ErrUnavailable].
	Run(ctx context.Context) error
	// Ping writes something, so that it fails where writing does.
	Ping(ctx context.Context) error
	Inbox
	Webhooks
	Devices
}
