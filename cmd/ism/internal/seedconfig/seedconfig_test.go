package seedconfig

import (
	"bytes"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/compose-spec/compose-go/v2/dotenv"
)

// importFile runs the command over a file with the content.
func importFile(t *testing.T, content string) (code int, env map[string]string, stdout, stderr string) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "production.config.toml")
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	var out, errs bytes.Buffer
	code = Main([]string{path}, &out, &errs)
	env, err := dotenv.Parse(&out)
	if err != nil {
		t.Fatalf("compose does not read it: %v", err)
	}
	return code, env, out.String(), errs.String()
}

func TestTheDocumentedFile(t *testing.T) {
	content, err := os.ReadFile("testdata/production.config.toml")
	if err != nil {
		t.Fatal(err)
	}
	code, env, _, stderr := importFile(t, string(content))
	if code != 0 {
		t.Fatalf("exit code %d: %s", code, stderr)
	}
	for variable, want := range map[string]string{
		"ISM_NOTIFICATIONS_KAFKA_IN":       "false",
		"ISM_NOTIFICATIONS_KAFKA_IN_TOPIC": "user-notification-events",
		"ISM_NOTIFICATIONS_KAFKA_IN_GROUP": "ism",
		"ISM_HTTP_ADDRESS":                 "127.0.0.1:5403",
		"GATEWAY_BIND":                     "127.0.0.1",
		"GATEWAY_PORT":                     "5403",
		"ISM_LOG_LEVEL":                    "info",
		"ISM_HTTP_CORS_ORIGINS":            "http://localhost:4200",
		"ISM_MESSAGES_CASSANDRA_HOSTS":     "localhost:9042",
		"ISM_MESSAGES_CASSANDRA_USERNAME":  "cassandra",
		"ISM_MESSAGES_CASSANDRA_PASSWORD":  "cassandra",
		"ISM_MESSAGES_CASSANDRA_KEYSPACE":  "messaging",
		"ISM_MESSAGES_MIGRATE":             "auto",
		"ISM_ROOMS_POSTGRES_URL":           "postgres://postgres:postgres@localhost:32768/postgres",
		"ISM_OIDC_ISSUER":                  "http://localhost:8180/realms/my-realm",
		"ISM_OIDC_AUDIENCE":                "account",
		"ISM_MEDIA_S3_ENDPOINT":            "http://localhost:9000",
		"ISM_MEDIA_S3_PUBLIC_URL":          "http://localhost:9000",
		"ISM_MEDIA_S3_ACCESS_KEY":          "minioadmin",
		"ISM_MEDIA_S3_SECRET_KEY":          "minioadmin",
		"ISM_MEDIA_S3_BUCKET":              "meventure",
		"ISM_KAFKA_BROKERS":                "localhost:19192",
		"ISM_KAFKA_CLIENT_ID":              "ism-1",
	} {
		if env[variable] != want {
			t.Errorf("%s is %q, expected %q", variable, env[variable], want)
		}
		delete(env, variable)
	}
	if len(env) > 0 {
		t.Errorf("nobody expected %v", env)
	}
	for _, key := range []string{"kafka_config.partition"} {
		if !strings.Contains(stderr, key+": ") {
			t.Errorf("%s is not told to have no variable:\n%s", key, stderr)
		}
	}
}

func TestEveryKeyIsUsedOrTold(t *testing.T) {
	content, err := os.ReadFile("testdata/production.config.toml")
	if err != nil {
		t.Fatal(err)
	}
	found, faults := read(string(content))
	if len(faults) > 0 {
		t.Fatal(faults)
	}
	lines, _ := convert(found)
	for _, k := range keys {
		if _, ok := found.values[k.name]; !ok {
			t.Errorf("the documented file has no %s", k.name)
		}
		var variables []string
		for _, l := range lines {
			if slices.Contains(l.from, k.name) {
				variables = append(variables, l.variable)
			}
		}
		documented := []string{}
		if k.variables != "" {
			documented = strings.Split(k.variables, ", ")
		}
		slices.Sort(variables)
		slices.Sort(documented)
		if !slices.Equal(variables, documented) {
			t.Errorf("%s becomes %q, documented is %q", k.name, variables, documented)
		}
	}
	if len(found.unknown) > 0 {
		t.Errorf("documented keys are unknown: %v", found.unknown)
	}
}

func TestComposeReadsEveryValueUnchanged(t *testing.T) {
	for _, value := range []string{
		"plain", "", "a b", "$HOME", "${HOME}", "$$", "pa'ss", `pa"ss`, `back\slash`, `end\`, `two\\`, `\'`, `'\`, `\"$'`, "#no comment", " # x",
		"`id`", "ä€𝄞", "a=b", `\n`, `\$x'`, "tab\there", `'$HOME'`, `"`, `'`, `$(id)'`, `\\$\\'`,
	} {
		env, err := dotenv.UnmarshalWithLookup("A="+quote(value)+"\nB='next'\n", func(string) (string, bool) { return "expanded", true })
		if err != nil {
			t.Errorf("%q as %s: %v", value, quote(value), err)
			continue
		}
		if env["A"] != value || env["B"] != "next" {
			t.Errorf("%q as %s is read as %q", value, quote(value), env["A"])
		}
	}
}

func FuzzComposeReadsEveryValueUnchanged(f *testing.F) {
	f.Add(`\'$"#`)
	f.Fuzz(func(t *testing.T, value string) {
		if strings.ContainsAny(value, "\x00\r\n") {
			t.Skip("no setting has it")
		}
		env, err := dotenv.UnmarshalWithLookup("A="+quote(value)+"\n", func(string) (string, bool) { return "expanded", true })
		if err != nil || env["A"] != value {
			t.Fatalf("%q as %s is read as %q, %v", value, quote(value), env["A"], err)
		}
	})
}

func TestPasswordsSurvive(t *testing.T) {
	const password, inTOML = "p@ss:w/r?d#%$'\"\\ ü", `"""p@ss:w/r?d#%$'\"\\ ü"""`
	code, env, _, stderr := importFile(t, `
[user_db_config]
db_host = "db.example.com"
db_user = "ism user"
db_password = `+inTOML+`
db_name = "rooms"
[message_db_config]
db_url = "node"
db_password = `+inTOML+`
`)
	if code != 0 {
		t.Fatalf("exit code %d: %s", code, stderr)
	}
	if got := env["ISM_MESSAGES_CASSANDRA_PASSWORD"]; got != password {
		t.Errorf("the password is read back as %q", got)
	}
	if got := env["ISM_ROOMS_POSTGRES_URL"]; got != "postgres://ism%20user:p%40ss%3Aw%2Fr%3Fd%23%25$%27%22%5C%20%C3%BC@db.example.com:5432/rooms" {
		t.Errorf("the URL is %q", got)
	}
	if strings.Contains(stderr, "p@ss") {
		t.Errorf("a password is told:\n%s", stderr)
	}
}

func TestNoPasswordIsToldOfAFileThatCannotBeParsed(t *testing.T) {
	for _, content := range []string{"db_password = 'p@ssword", "db_password = p@ssword", "[a]\ndb_password = 'x' 'p@ssword'"} {
		code, env, _, stderr := importFile(t, content)
		if code != 2 || len(env) > 0 || strings.Contains(stderr, "p@ssword") {
			t.Errorf("exit code %d: %s", code, stderr)
		}
	}
}

func TestWhatIsWrongIsToldWithItsLine(t *testing.T) {
	for name, test := range map[string]struct{ content, want string }{
		"no TOML":            {"ism_port = 1\nism_url = = 2\n", ":2: "},
		"wrong type":         {"ism_url = 'x'\nlog_level = 3\n", ":2: log_level: must be a text, not a whole number"},
		"port as words":      {"ism_port = 'many'\n", ":1: ism_port: must be a port from 1 to 65535"},
		"port out of range":  {"\n\nism_port = 70000\n", ":3: ism_port: must be a port"},
		"flag as text":       {"use_kafka = 'yes'\n", ":1: use_kafka: must be true or false, not a text"},
		"in a table":         {"[kafka_config]\n\nbootstrap_port = 1.5\n", ":3: kafka_config.bootstrap_port: must be a port from 1 to 65535, not a number with a point"},
		"list of texts":      {"[kafka_config]\npartition = ['a']\n", ":2: kafka_config.partition: must be a list of whole numbers"},
		"table as text":      {"user_db_config = 'db'\n", ":1: user_db_config: must be a table, not a text"},
		"key as table":       {"[ism_url]\nx = 1\n", "ism_url: must be a text, not a table"},
		"two lines":          {"[user_db_config]\ndb_password = \"\"\"a\nb\"\"\"\n", "user_db_config.db_password: must be a text of one line"},
		"twice":              {"ism_port = 1\nism_port = 2\n", ":2: "},
		"refused by service": {"[message_db_config]\ndb_keyspace = 'Not-CQL'\n", "message_db_config.db_keyspace: ISM_MESSAGES_CASSANDRA_KEYSPACE must be lower-case"},
		"a topic of ours":    {"[kafka_config]\ntopic = 'ism.rooms'\n", "kafka_config.topic: ISM_NOTIFICATIONS_KAFKA_IN_TOPIC"},
		"wildcard origin":    {"cors_origin = 'https://*.example.com'\n", "cors_origin: ISM_HTTP_CORS_ORIGINS"},
	} {
		t.Run(name, func(t *testing.T) {
			code, env, _, stderr := importFile(t, test.content)
			if code != 2 || len(env) > 0 || !strings.Contains(stderr, test.want) {
				t.Errorf("exit code %d, %v:\n%s", code, env, stderr)
			}
		})
	}
}

func TestAllFaultsAreToldAtOnce(t *testing.T) {
	_, _, _, stderr := importFile(t, "ism_port = 'x'\nlog_level = 1\n[kafka_config]\nbootstrap_port = true\n")
	for _, want := range []string{":1: ism_port", ":2: log_level", ":4: kafka_config.bootstrap_port"} {
		if !strings.Contains(stderr, want) {
			t.Errorf("%q is not told:\n%s", want, stderr)
		}
	}
}

func TestWhatMeansNothingHereIsTold(t *testing.T) {
	code, env, _, stderr := importFile(t, `
ism_url = "chat.example.com"
ism_prot = 1
log_level = "trace"
cors_origin = "https://app.example.com/"
[user_db_config]
db_hots = "x"
[webhooks]
url = "x"
`)
	if code != 0 || env["ISM_LOG_LEVEL"] != "debug" || env["ISM_HTTP_CORS_ORIGINS"] != "https://app.example.com" {
		t.Errorf("exit code %d, %v", code, env)
	}
	if _, given := env["GATEWAY_BIND"]; given {
		t.Error("a name became GATEWAY_BIND, which docker refuses")
	}
	for _, want := range []string{"ism_prot: is no key", "user_db_config.db_hots: is no key", "webhooks: is no key", "log_level: trace", "ism_url: is no IP", "ISM_KAFKA_BROKERS yourself", "ISM_OIDC_ISSUER yourself", "ISM_ROOMS_POSTGRES_URL yourself"} {
		if !strings.Contains(stderr, want) {
			t.Errorf("%q is not told:\n%s", want, stderr)
		}
	}
}

func TestCommandLine(t *testing.T) {
	for _, args := range [][]string{nil, {"a", "b"}, {"-x"}, {"/does/not/exist"}, {t.TempDir()}} {
		var out, errs bytes.Buffer
		if code := Main(args, &out, &errs); code != 2 || out.Len() > 0 || errs.Len() == 0 {
			t.Errorf("%q: exit code %d: %s", args, code, errs.String())
		}
	}
	var out, errs bytes.Buffer
	if code := Main([]string{"-h"}, &out, &errs); code != 0 || !strings.Contains(out.String(), "usage") {
		t.Errorf("-h: exit code %d: %s", code, out.String())
	}
}

var update = flag.Bool("update", false, "write the table of keys anew")

const tableHead = "| key | variable | note |\n|---|---|---|\n"

const page = "../../../../docs/configuration-from-toml.md"

func TestTheTableInTheDocumentIsWhatTheCodeDoes(t *testing.T) {
	var table strings.Builder
	table.WriteString(tableHead)
	for _, k := range keys {
		variables := "none"
		if k.variables != "" {
			variables = "`" + strings.ReplaceAll(k.variables, ", ", "`, `") + "`"
		}
		fmt.Fprintf(&table, "| `%s` | %s | %s |\n", k.name, variables, k.note)
	}
	content, err := os.ReadFile(page)
	if err != nil {
		t.Fatal(err)
	}
	before, rest, found := strings.Cut(string(content), tableHead)
	if !found {
		t.Fatalf("%s has no table", page)
	}
	_, after, _ := strings.Cut(rest, "\n\n")
	want := before + table.String() + "\n" + after
	if *update {
		if err := os.WriteFile(page, []byte(want), 0o600); err != nil {
			t.Fatal(err)
		}
		return
	}
	if string(content) != want {
		t.Error("docs/configuration-from-toml.md is not what the code says: make generate")
	}
}
