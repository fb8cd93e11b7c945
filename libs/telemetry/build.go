package telemetry

import (
	"cmp"
	"runtime/debug"

	"github.com/prometheus/client_golang/prometheus"
)

// What a release is made as, set by the linker: -X github.com/ism-chat/ism/libs/telemetry.version=1.2.3. Empty otherwise.
var version, revision string

// build is what the binary knows of how it was made. Fields are "unknown" where it does not, as in tests.
type build struct {
	version   string // of the release, or else of the main module
	revision  string // commit
	goVersion string
}

func readBuild() build {
	b := build{goVersion: "unknown"}
	if info, ok := debug.ReadBuildInfo(); ok {
		b.version, b.goVersion = info.Main.Version, info.GoVersion
		for _, setting := range info.Settings {
			if setting.Key == "vcs.revision" {
				b.revision = setting.Value
			}
		}
	}
	b.version = cmp.Or(version, b.version, "unknown")
	b.revision = cmp.Or(revision, b.revision, "unknown")
	return b
}

func (b build) collector(service string) prometheus.Collector {
	return prometheus.NewGaugeFunc(prometheus.GaugeOpts{
		Name: "ism_build_info",
		Help: "Always 1; the labels say what runs.",
		ConstLabels: prometheus.Labels{
			"service": service, "version": b.version, "revision": b.revision, "go_version": b.goVersion,
		},
	}, func() float64 { return 1 })
}
