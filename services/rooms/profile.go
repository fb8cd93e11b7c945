package rooms

import (
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/google/uuid"

	"github.com/ism-chat/ism/libs/authn"
	"github.com/ism-chat/ism/libs/httpapi"
	"github.com/ism-chat/ism/services/rooms/store/people"
)

const (
	maxDisplayName = 255  // characters, as of a token's name
	maxDescription = 1000 // characters
	maxRole        = 64   // characters
	maxPicture     = 2048 // bytes
)

// profileBody is what a backend says of a user.
type profileBody struct {
	DisplayName   string  `json:"displayName"`
	Picture       *string `json:"profilePicture"`
	Description   *string `json:"description"`
	Role          *string `json:"role"`
	StreetCredits int32   `json:"streetCredits"`
	Tenant        *string `json:"tenant"`
}

// profile checks what is said of the user by a backend whose token is of the tenant. The error is the problem invalid-request or other-tenant.
func (b profileBody) profile(id uuid.UUID, tenant string) (people.Profile, error) {
	profile := people.Profile{
		ID: id, Tenant: tenant, DisplayName: b.DisplayName, Picture: b.Picture, Description: b.Description, Role: b.Role, StreetCredits: b.StreetCredits,
	}
	if id == uuid.Nil {
		return people.Profile{}, httpapi.InvalidRequest("the id is nobody's")
	}
	if strings.TrimSpace(b.DisplayName) == "" || !isLine(b.DisplayName, maxDisplayName) {
		return people.Profile{}, httpapi.InvalidRequest(fmt.Sprintf("displayName must have 1 to %d characters, not only white space, and none that control or turn text", maxDisplayName))
	}
	if b.Picture != nil && !isPicture(*b.Picture) {
		return people.Profile{}, httpapi.InvalidRequest(fmt.Sprintf("profilePicture must be an http or https URL of at most %d bytes", maxPicture))
	}
	if b.Description != nil && !isLine(strings.ReplaceAll(*b.Description, "\n", " "), maxDescription) {
		return people.Profile{}, httpapi.InvalidRequest(fmt.Sprintf("description must have at most %d characters, and beside line breaks none that control or turn text", maxDescription))
	}
	if b.Role != nil && !isLine(*b.Role, maxRole) {
		return people.Profile{}, httpapi.InvalidRequest(fmt.Sprintf("role must have at most %d characters, and none that control or turn text", maxRole))
	}
	if b.Tenant != nil {
		if !authn.IsTenant(*b.Tenant) {
			return people.Profile{}, httpapi.InvalidRequest("tenant must have at most 64 characters that can be seen")
		}
		if tenant != "" && *b.Tenant != tenant {
			return people.Profile{}, otherTenant("the token is of another tenant")
		}
		profile.Tenant = *b.Tenant
	}
	return profile, nil
}

// isLine reports whether a text has at most so many characters, none of which controls a terminal or turns the direction of what is around it.
func isLine(text string, most int) bool {
	return utf8.RuneCountInString(text) <= most && !strings.ContainsFunc(text, func(r rune) bool {
		return unicode.IsControl(r) || unicode.Is(unicode.Bidi_Control, r)
	})
}

// isPicture reports whether a text is a URL that a browser may load, and nothing that it may run.
func isPicture(text string) bool {
	u, err := url.Parse(text)
	return err == nil && (u.Scheme == "http" || u.Scheme == "https") && u.Host != "" && len(text) <= maxPicture && isLine(text, maxPicture)
}

func otherTenant(detail string) error {
	return httpapi.NewProblem(http.StatusForbidden, "other-tenant", "Other tenant", detail)
}
