// Package enginetest gives tests the real engines: Postgres, Cassandra, Kafka, Keycloak and S3, wherever `make test` has
// started them, and the programs that it has installed. Without what it needs a test is skipped, unless ISM_TEST_REQUIRE_ENGINES=1, as in CI: then it fails.
package enginetest

import (
	"context"
	"net/url"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
)

// Environment variables that say where the engines are; test/engines/up prints them.
const (
	postgresVariable  = "ISM_TEST_POSTGRES_URL"
	cassandraVariable = "ISM_TEST_CASSANDRA_HOSTS"
	cassandraTLS      = "ISM_TEST_CASSANDRA_TLS"
	kafkaVariable     = "ISM_TEST_KAFKA_BROKERS"
	keycloakVariable  = "ISM_TEST_KEYCLOAK_URL"
	s3Variable        = "ISM_TEST_S3_URL"
	requireVariable   = "ISM_TEST_REQUIRE_ENGINES"
)

func address(t testing.TB, engine, variable string) string {
	t.Helper()
	if value := os.Getenv(variable); value != "" {
		return value
	}
	if os.Getenv(requireVariable) == "1" {
		t.Fatalf("%s is required and not there: %s is not set", engine, variable)
	}
	t.Skipf("NOT PROVED without %s: set %s, or run make test", engine, variable)
	return ""
}

// Installed is the path of the first of the programs that is here: test/engines/up installs what tests need.
func Installed(t testing.TB, programs ...string) string {
	t.Helper()
	for _, program := range programs {
		if path, err := exec.LookPath(program); err == nil {
			return path
		}
	}
	if os.Getenv(requireVariable) == "1" {
		t.Fatalf("%s is required and not installed: run make test", programs[0])
	}
	t.Skipf("NOT PROVED without %s: run make test", programs[0])
	return ""
}

// Postgres is the URL of a server, as a superuser.
func Postgres(t testing.TB) string {
	t.Helper()
	return address(t, "Postgres", postgresVariable)
}

// PostgresDatabase is the URL of a new, empty database, which is dropped at the end of the test.
func PostgresDatabase(t testing.TB) string {
	t.Helper()
	server := Postgres(t)
	name := "ism_test_" + strings.ReplaceAll(uuid.NewString(), "-", "")
	execute(t, server, "CREATE DATABASE "+name)
	t.Cleanup(func() { execute(t, server, "DROP DATABASE "+name+" WITH (FORCE)") })
	database, err := url.Parse(server)
	if err != nil {
		t.Fatalf("parse %s: it is no URL", postgresVariable)
	}
	database.Path = "/" + name
	return database.String()
}

func execute(t testing.TB, server, statement string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.WithoutCancel(t.Context()), time.Minute)
	defer cancel()
	connection, err := pgx.Connect(ctx, server)
	if err != nil {
		t.Fatalf("connect to Postgres: %v", err)
	}
	defer connection.Close(ctx)
	if _, err := connection.Exec(ctx, statement); err != nil {
		t.Fatalf("%s: %v", statement, err)
	}
}

// CassandraHosts are contact points, host:port, of a cluster with the user cassandra, password cassandra.
func CassandraHosts(t testing.TB) []string {
	t.Helper()
	return strings.Split(address(t, "Cassandra", cassandraVariable), ",")
}

// CassandraTLS is the folder of the authority, ca.crt and ca.key, whose certificates the cluster asks for on connections with TLS.
func CassandraTLS(t testing.TB) string {
	t.Helper()
	return address(t, "Cassandra with TLS, which engines of an older checkout lack: test/engines/down and up", cassandraTLS)
}

// KafkaBrokers are bootstrap brokers, host:port.
func KafkaBrokers(t testing.TB) []string {
	t.Helper()
	return strings.Split(address(t, "Kafka", kafkaVariable), ",")
}

// Keycloak is the URL of the realm ism of deploy/compose/keycloak.
func Keycloak(t testing.TB) string {
	t.Helper()
	return address(t, "Keycloak", keycloakVariable)
}

// ObjectStore is an S3-compatible object store.
type ObjectStore struct {
	Endpoint  string // http://host:port
	AccessKey string
	SecretKey string
}

// S3 is an object store, with the keys of its administrator.
func S3(t testing.TB) ObjectStore {
	t.Helper()
	at, err := url.Parse(address(t, "S3", s3Variable))
	if err != nil || at.User == nil {
		t.Fatalf("parse %s: it must be http://key:secret@host:port", s3Variable)
	}
	secret, _ := at.User.Password()
	return ObjectStore{Endpoint: "http://" + at.Host, AccessKey: at.User.Username(), SecretKey: secret}
}
