package deployment

import (
	"path/filepath"
	"testing"
)

// OneProcess starts the messenger in one process on a fresh data directory.
func OneProcess(t testing.TB, settings ...Settings) *Deployment {
	t.Helper()
	d, p := oneProcess(t, settings)
	d.processes["ism"] = p
	return start(t, d)
}

func oneProcess(t testing.TB, settings []Settings) (*Deployment, *process) {
	t.Helper()
	address, internal := FreeAddress(t), FreeAddress(t)
	base := baseURL(address)
	spans := startCollector(t)
	d := newDeployment(t, "one process", base, base+"/realms/ism", spans)
	d.Internal = map[string]string{"ism": internal}
	dir := t.TempDir()
	variables := map[string]string{
		"ISM_DATA_DIR":                    filepath.Join(dir, "data"),
		"ISM_HTTP_ADDRESS":                address,
		"ISM_HTTP_INTERNAL_ADDRESS":       internal,
		"ISM_MEDIA_DIRECTORY_ADDRESS":     FreeAddress(t),
		"ISM_MEDIA_FORM_BYTES":            formBytes,
		"ISM_MEDIA_PART_BYTES":            partBytes,
		"ISM_OIDC_AUDIENCE":               "account", // of an issuer in the settings; its own has its own
		"ISM_OTLP_ENDPOINT":               spans.Endpoint,
		"ISM_ROOMS_MAX_MEMBERS":           mostMembers,
		"ISM_NOTIFICATIONS_HOOKS":         hooks,
		"ISM_NOTIFICATIONS_UNKNOWN_USERS": "refuse",
	}
	d.apply(variables, settings)
	if variables["ISM_OIDC_ISSUER"] == "" {
		variables["ISM_DEV_IDP_ENABLED"] = "true"
	}
	d.objects = inDirectory(filepath.Join(variables["ISM_DATA_DIR"], "media"))
	return d, &process{
		name: "ism", path: binary(t, "ism"), readyURL: base + "/ready", logFile: filepath.Join(dir, "ism.log"),
		env: environment(variables),
	}
}
