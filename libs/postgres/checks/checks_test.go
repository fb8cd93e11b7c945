package checks_test

import (
	"testing"
	"time"

	"github.com/ism-chat/ism/libs/certificates/certificatestest"
	"github.com/ism-chat/ism/libs/examine"
	"github.com/ism-chat/ism/libs/examine/examinetest"
	"github.com/ism-chat/ism/libs/postgres"
	"github.com/ism-chat/ism/libs/postgres/checks"
	"github.com/ism-chat/ism/libs/servicetest"
)

func TestMain(m *testing.M) { servicetest.VerifyNoLeaks(m) }

// of gives the checks of a service notes, whose database is at the address.
func of(t *testing.T, address string) []examine.Check {
	t.Helper()
	var cfg struct {
		Notes struct{ Postgres postgres.Config }
	}
	found := examinetest.Survey(t, &cfg, "ISM_NOTES_POSTGRES_URL="+address)
	return checks.Part(postgres.Schema{Service: "notes"}, cfg.Notes.Postgres, postgres.MigrateAuto, found).Checks
}

func TestConnectionsThatMayBeWithoutTLSAreAWarning(t *testing.T) {
	examinetest.Expect(t, examinetest.Find(t, of(t, "postgres://notes@database.invalid:1/notes"), "tls"), examine.Warning, "database.invalid", "sslmode=verify-full in ISM_NOTES_POSTGRES_URL")
	for _, meant := range []string{"postgres://notes@127.0.0.1:1/notes", "postgres://notes@database.invalid:1/notes?sslmode=disable"} {
		for _, f := range examine.Run(t.Context(), of(t, meant)) {
			if f.Check == "tls" {
				t.Errorf("%s: %s", meant, f.Found)
			}
		}
	}
}

func TestCertificatesThatEndSoonAreAWarning(t *testing.T) {
	authority := certificatestest.NewAuthority(t)
	files := certificatestest.Write(t, t.TempDir(), authority.Issue(t, "notes", 48*time.Hour), authority.PEM)
	address := "postgres://notes@127.0.0.1:1/notes?sslmode=verify-full&sslrootcert=" + files.Authority + "&sslcert=" + files.Certificate + "&sslkey=" + files.Key
	examinetest.Expect(t, examinetest.Find(t, of(t, address), "certificates"), examine.Warning, "CN=notes", files.Certificate)
}
