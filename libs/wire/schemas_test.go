package wire_test

import (
	"encoding/json"
	"go/ast"
	"go/parser"
	"go/token"
	"maps"
	"path/filepath"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"gopkg.in/yaml.v3"

	"github.com/ism-chat/ism/libs/httpapi/openapitest"
	"github.com/ism-chat/ism/libs/wire"
)

// types are the structs of this package, each of which has a schema.
var types = []reflect.Type{
	reflect.TypeFor[wire.Room](), reflect.TypeFor[wire.Member](), reflect.TypeFor[wire.Preview](),
	reflect.TypeFor[wire.Message](), reflect.TypeFor[wire.TextBody](), reflect.TypeFor[wire.MediaBody](), reflect.TypeFor[wire.ReplyBody](),
	reflect.TypeFor[wire.ReplyDetails](), reflect.TypeFor[wire.RoomChangeBody](), reflect.TypeFor[wire.SystemBody](), reflect.TypeFor[wire.DeletedBody](),
	reflect.TypeFor[wire.MessageEdited](), reflect.TypeFor[wire.MessageDeleted](), reflect.TypeFor[wire.MessageChange](), reflect.TypeFor[wire.Changes](),
	reflect.TypeFor[wire.ChatMessage](), reflect.TypeFor[wire.NewRoom](), reflect.TypeFor[wire.RoomChangeEvent](), reflect.TypeFor[wire.LeaveRoom](),
	reflect.TypeFor[wire.PublicRoom](), reflect.TypeFor[wire.RoomRetention](), reflect.TypeFor[wire.RoomChanged](), reflect.TypeFor[wire.UnreadChanged](), reflect.TypeFor[wire.UserReadChat](),
	reflect.TypeFor[wire.Resync](), reflect.TypeFor[wire.StreamEnded](),
	reflect.TypeFor[wire.StreamTicket](), reflect.TypeFor[wire.Poll](), reflect.TypeFor[wire.PolledEvent](),
	reflect.TypeFor[wire.User](), reflect.TypeFor[wire.RelatedUser](), reflect.TypeFor[wire.UserPage](), reflect.TypeFor[wire.RelationshipState](),
	reflect.TypeFor[wire.FriendRequestReceived](), reflect.TypeFor[wire.FriendRequestAccepted](),
	reflect.TypeFor[wire.CustomNotification](), reflect.TypeFor[wire.Notified](), reflect.TypeFor[wire.NotifiedUser](),
	reflect.TypeFor[wire.NotificationsRead](), reflect.TypeFor[wire.UnreadNotifications](), reflect.TypeFor[wire.InboxEntry](),
	reflect.TypeFor[wire.MediaChanged](),
	reflect.TypeFor[wire.Problem](),
}

// neverNull are the pointers that are never null: a room has a preview from its beginning, and of a message what is not said is left out.
var neverNull = []string{"Room.latestMessagePreviewText", "Message.editedAt", "Message.deletedAt", "CustomNotification.expiresAt"}

// timeName is the struct that is a text on the wire, as its schema says.
var timeName = reflect.TypeFor[wire.Time]().Name()

// body is the field whose schema depends on the message's type.
const body = "Message.msgBody"

type schema struct {
	Required   []string            `yaml:"required"`
	Properties map[string]property `yaml:"properties"`
}

type property struct {
	Type   kinds      `yaml:"type"`
	Format string     `yaml:"format"`
	Ref    string     `yaml:"$ref"`
	Enum   []string   `yaml:"enum"`
	AnyOf  []property `yaml:"anyOf"`
}

// kinds are the JSON types that a value may have: one, or a list of them.
type kinds []string

func (k *kinds) UnmarshalYAML(node *yaml.Node) error {
	if node.Kind == yaml.ScalarNode {
		*k = kinds{node.Value}
		return nil
	}
	return node.Decode((*[]string)(k))
}

func schemas(t *testing.T) map[string]schema {
	t.Helper()
	var document struct {
		Components struct {
			Schemas map[string]schema `yaml:"schemas"`
		} `yaml:"components"`
	}
	if err := yaml.Unmarshal([]byte(wire.Schemas), &document); err != nil {
		t.Fatal(err)
	}
	return document.Components.Schemas
}

func TestEachTypeHasASchema(t *testing.T) {
	var tested []string
	for _, goType := range types {
		tested = append(tested, goType.Name())
	}
	slices.Sort(tested)
	if declared := declaredStructs(t); !slices.Equal(declared, tested) {
		t.Errorf("the package has the structs %v, the list of types in this test %v: bring the list up to date", declared, tested)
	}
	described := slices.Sorted(maps.Keys(schemas(t)))
	if described = slices.DeleteFunc(described, func(name string) bool { return name == timeName }); !slices.Equal(described, tested) {
		t.Errorf("schemas.yaml describes %v, the package has %v: each type needs the schema of its name, each schema its type", described, tested)
	}
}

func declaredStructs(t *testing.T) []string {
	t.Helper()
	var names []string
	inspect(t, func(node ast.Node) {
		if spec, ok := node.(*ast.TypeSpec); ok {
			if _, ok := spec.Type.(*ast.StructType); ok && spec.Name.IsExported() && spec.Name.Name != timeName {
				names = append(names, spec.Name.Name)
			}
		}
	})
	slices.Sort(names)
	return names
}

// inspect calls see for every node of the package, without its tests.
func inspect(t *testing.T, see func(ast.Node)) {
	t.Helper()
	files, err := filepath.Glob("*.go")
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		if strings.HasSuffix(file, "_test.go") {
			continue
		}
		parsed, err := parser.ParseFile(token.NewFileSet(), file, nil, 0)
		if err != nil {
			t.Fatal(err)
		}
		ast.Inspect(parsed, func(node ast.Node) bool {
			see(node)
			return true
		})
	}
}

func TestEnumsAreTheConstants(t *testing.T) {
	described := schemas(t)
	constants := constantsByType(t)
	compared := map[string]bool{}
	for _, goType := range types {
		for field := range goType.Fields() {
			named := field.Type
			if named.Kind() == reflect.Pointer {
				named = named.Elem()
			}
			if named.Kind() != reflect.String || named.PkgPath() == "" {
				continue
			}
			name, _, _ := strings.Cut(field.Tag.Get("json"), ",")
			enum := slices.Sorted(slices.Values(described[goType.Name()].Properties[name].Enum))
			if inCode := constants[named.Name()]; !slices.Equal(enum, inCode) {
				t.Errorf("%s.%s may be %v in schemas.yaml, the constants of %s are %v: bring them together", goType.Name(), name, enum, named.Name(), inCode)
			}
			compared[named.Name()] = true
		}
	}
	for name := range constants {
		if !compared[name] {
			t.Errorf("no field of the wire is a %s, which has constants", name)
		}
	}
}

// constantsByType gives the sorted values of the text constants, by the name of their type.
func constantsByType(t *testing.T) map[string][]string {
	t.Helper()
	values := map[string][]string{}
	inspect(t, func(node ast.Node) {
		spec, ok := node.(*ast.ValueSpec)
		if !ok {
			return
		}
		typeName, ok := spec.Type.(*ast.Ident)
		if !ok {
			return
		}
		for _, value := range spec.Values {
			literal, ok := value.(*ast.BasicLit)
			if !ok {
				continue
			}
			text, err := strconv.Unquote(literal.Value)
			if err != nil {
				t.Fatal(err)
			}
			values[typeName.Name] = append(values[typeName.Name], text)
		}
	})
	for _, texts := range values {
		slices.Sort(texts)
	}
	return values
}

func TestFieldsAreAsDescribed(t *testing.T) {
	described := schemas(t)
	for _, goType := range types {
		t.Run(goType.Name(), func(t *testing.T) {
			want := described[goType.Name()]
			var inCode, required []string
			for field := range goType.Fields() {
				name, option, _ := strings.Cut(field.Tag.Get("json"), ",")
				if name == "-" { // what the type's own methods encode
					continue
				}
				inCode = append(inCode, name)
				if option != "omitempty" && option != "omitzero" {
					required = append(required, name)
				}
				inSchema := want.Properties[name]
				inSchema.Enum = nil // see TestEnumsAreTheConstants
				if got := propertyOf(goType.Name()+"."+name, field.Type); !reflect.DeepEqual(got, inSchema) {
					t.Errorf("%s is %+v in Go and %+v in schemas.yaml", name, got, inSchema)
				}
			}
			slices.Sort(inCode)
			if inSchema := slices.Sorted(maps.Keys(want.Properties)); !slices.Equal(inSchema, inCode) {
				t.Errorf("the Go type has the fields %v, its schema in schemas.yaml %v", inCode, inSchema)
			}
			slices.Sort(required)
			if inSchema := slices.Sorted(slices.Values(want.Required)); !slices.Equal(inSchema, required) {
				t.Errorf("always there in Go, without omitempty or omitzero, are %v; required in schemas.yaml are %v", required, inSchema)
			}
		})
	}
}

// propertyOf is the schema that a field has by its Go type.
func propertyOf(name string, field reflect.Type) property {
	if field.Kind() == reflect.Pointer {
		p := propertyOf(name, field.Elem())
		switch {
		case slices.Contains(neverNull, name):
			return p
		case p.Ref != "":
			return property{AnyOf: []property{p, {Type: kinds{"null"}}}}
		}
		p.Type = append(p.Type, "null")
		return p
	}
	switch {
	case name == body:
		return property{AnyOf: []property{
			{Ref: "#/components/schemas/TextBody"},
			{Ref: "#/components/schemas/MediaBody"},
			{Ref: "#/components/schemas/ReplyBody"},
			{Ref: "#/components/schemas/RoomChangeBody"},
			{Ref: "#/components/schemas/SystemBody"},
			{Ref: "#/components/schemas/DeletedBody"},
		}}
	case field == reflect.TypeFor[uuid.UUID]():
		return property{Type: kinds{"string"}, Format: "uuid"}
	case field == reflect.TypeFor[time.Time]():
		return property{Format: "none: it would be written with as many decimals as it happens to have; use wire.Time"}
	case field == reflect.TypeFor[json.RawMessage]():
		return property{Type: kinds{"object"}}
	}
	switch field.Kind() {
	case reflect.String:
		return property{Type: kinds{"string"}}
	case reflect.Bool:
		return property{Type: kinds{"boolean"}}
	case reflect.Int:
		return property{Type: kinds{"integer"}}
	case reflect.Slice:
		return property{Type: kinds{"array"}}
	default:
		return property{Ref: "#/components/schemas/" + field.Name()}
	}
}

func TestOpenAPIChecksNullsAndTypes(t *testing.T) {
	described := openapitest.Load(t, "schemas.yaml")
	preview := wire.NewRoomPreview()
	room := wire.Room{ID: alice, Type: wire.Group, CreatedAt: wire.At(time.Now()), LatestMessage: wire.At(time.Now()), LatestMessageText: &preview}
	member := wire.Member{ID: bob, JoinedAt: wire.At(time.Now()), Status: wire.Joined}
	for _, c := range []struct {
		schema   string
		value    any
		nullable []string
	}{
		{"Room", room, []string{"roomImageUrl", "roomName"}},
		{"Member", member, []string{"profilePicture", "lastMessageReadAt"}},
		{"User", wire.User{ID: alice}, []string{"profilePicture", "description", "role"}},
		{"RelatedUser", wire.RelatedUser{}, []string{"relationshipType"}},
		{"RelationshipState", wire.RelationshipState{}, []string{"state"}},
	} {
		var fields map[string]any
		raw, err := json.Marshal(c.value)
		if err != nil {
			t.Fatal(err)
		}
		if err := json.Unmarshal(raw, &fields); err != nil {
			t.Fatal(err)
		}
		check := func(field string, value any) error {
			changed := maps.Clone(fields)
			changed[field] = value
			raw, err := json.Marshal(changed)
			if err != nil {
				t.Fatal(err)
			}
			return described.Conforms(c.schema, raw)
		}
		for field := range fields {
			if err := check(field, nil); (err == nil) != slices.Contains(c.nullable, field) {
				t.Errorf("%s.%s with null: %v", c.schema, field, err)
			}
			if err := check(field, []int{7}); err == nil {
				t.Errorf("%s.%s may be a list", c.schema, field)
			}
		}
	}
}

// What services answer is held to these schemas by their tests, so a time of any other form is found there.
func TestTheSchemaOfTimesTakesOneFormOnly(t *testing.T) {
	described := openapitest.Load(t, "schemas.yaml")
	preview := wire.NewRoomPreview()
	event := wire.ChatMessage{Type: "ChatMessage", Message: wire.Message{ID: alice, Body: []byte(`{"text":"Soup?"}`), Type: wire.Text}, Preview: preview}
	raw, err := json.Marshal(event)
	if err != nil {
		t.Fatal(err)
	}
	if err := described.Conforms("ChatMessage", raw); err != nil {
		t.Errorf("%s: %v", raw, err)
	}
	for _, other := range []string{"0001-01-01T00:00:00Z", "0001-01-01T00:00:00.12Z", "0001-01-01T00:00:00.000000+00:00"} {
		if err := described.Conforms("ChatMessage", []byte(strings.Replace(string(raw), "0001-01-01T00:00:00.000000Z", other, 1))); err == nil {
			t.Errorf("the schema takes %s", other)
		}
	}
}
