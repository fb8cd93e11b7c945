package authn

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

func TestRedirectsStayUnderTLS(t *testing.T) {
	plain := httptest.NewServer(http.NotFoundHandler())
	defer plain.Close()
	secure := httptest.NewTLSServer(http.RedirectHandler(plain.URL, http.StatusFound))
	defer secure.Close()
	client := secure.Client()
	client.CheckRedirect = checkRedirect
	response, err := client.Get(secure.URL)
	if err == nil {
		response.Body.Close()
		t.Fatal("followed from https to http")
	}
	if !strings.Contains(err.Error(), "from https to http") {
		t.Error(err)
	}
}
