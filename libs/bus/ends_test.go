package bus

import (
	"math"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus/testutil"

	"github.com/ism-chat/ism/libs/bus/buscerts"
	"github.com/ism-chat/ism/libs/telemetry"
)

func TestWhenCertificatesEndIsMeasured(t *testing.T) {
	t.Parallel()
	authority := buscerts.New(t) // it ends within a day
	pair, late := authority.Issue(t, "ism-rooms", time.Now().Add(2*time.Hour)), authority.Issue(t, "late", time.Now().Add(100*time.Hour))
	shown, ends := at(t, pair.CertFile), at(t, authority.CAFile)
	both := filepath.Join(t.TempDir(), "both.pem")
	if err := os.WriteFile(both, slices.Concat(content(t, authority.CAFile), content(t, late.CertFile)), 0o600); err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		security Security
		want     float64
	}{
		"none":                        {Security{}, math.Inf(1)},
		"one that is shown":           {Security{CertFile: pair.CertFile}, shown},
		"an authority":                {Security{CAFile: authority.CAFile}, ends},
		"both":                        {Security{CertFile: pair.CertFile, CAFile: authority.CAFile}, shown},
		"shown longer than vouched":   {Security{CertFile: late.CertFile, CAFile: authority.CAFile}, ends},
		"an authority beside another": {Security{CAFile: both}, at(t, late.CertFile)},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			tel := telemetry.Discard(nil)
			b := New(Config{Brokers: []string{"kafka:9093"}, Security: c.security}, tel)
			defer b.Close()
			got := testutil.ToFloat64(b.certificatesEnd())
			if got != c.want {
				t.Errorf("they end at %v, want %v", got, c.want)
			}
		})
	}
}

// at is when the one certificate of a file ends.
func at(t *testing.T, file string) float64 {
	t.Helper()
	all, err := Certificates(file)
	if err != nil || len(all) != 1 {
		t.Fatalf("%d certificates, %v", len(all), err)
	}
	return float64(all[0].NotAfter.Unix())
}

func content(t *testing.T, file string) []byte {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return text
}
