package directory

import (
	"net/http/httptest"
	"testing"

	"github.com/ism-chat/ism/libs/servicetest"
	"github.com/ism-chat/ism/libs/telemetry"
	"github.com/ism-chat/ism/services/media/objects/objectstest"
)

func TestMain(m *testing.M) { servicetest.VerifyNoLeaks(m) }

// serve runs a store on a directory, behind its handler.
func serve(t *testing.T, dir string, origins ...string) *Store {
	t.Helper()
	store, err := New(Config{Path: dir, CORSOrigins: origins}, telemetry.Discard(nil))
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewUnstartedServer(nil)
	store.public = store.public.JoinPath() // set below
	store.public, err = store.public.Parse("http://" + server.Listener.Addr().String() + "/media/objects")
	if err != nil {
		t.Fatal(err)
	}
	server.Config.Handler = store.Handler()
	server.Start()
	t.Cleanup(server.Close)
	servicetest.Run(t, "directory", store.Run)
	servicetest.AwaitSuccess(t, "it is ready", func() error { return store.Ready(t.Context()) })
	return store
}

func TestConformance(t *testing.T) {
	objectstest.Run(t, serve(t, t.TempDir(), "*"))
}
