package postgres

import (
	"errors"

	"github.com/jackc/pgx/v5/pgconn"
)

// isConflict reports whether the database ended a transaction in favour of others: serialization failure, or deadlock.
func isConflict(err error) bool {
	failed, ok := errors.AsType[*pgconn.PgError](err)
	return ok && (failed.Code == "40001" || failed.Code == "40P01")
}

// RefusesValue reports whether the error is about the values that are written, which the database never takes. See Postgres's appendix A.
func RefusesValue(err error) bool {
	class := classOf(err)
	return class == "22" || class == "23" // data, integrity
}

// IsFault reports whether the error is a fault of the program, such as wrong SQL, which no later attempt mends. A role that may not is none: somebody may
// let it.
func IsFault(err error) bool {
	failed, _ := errors.AsType[*pgconn.PgError](err)
	class := classOf(err)
	return class == "21" || class == "42" && failed.Code != "42501" // cardinality, syntax or access rule
}

// classOf is the class of a server's error; empty: it is none.
func classOf(err error) string {
	failed, ok := errors.AsType[*pgconn.PgError](err)
	if !ok || len(failed.Code) != 5 {
		return ""
	}
	return failed.Code[:2]
}
