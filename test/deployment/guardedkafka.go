package deployment

import (
	"encoding/base64"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/confluentinc/confluent-kafka-go/v2/kafka"
	"github.com/google/uuid"

	"github.com/ism-chat/ism/libs/bus/buscerts"
	"github.com/ism-chat/ism/libs/enginetest"
)

// GuardedKafka is a Kafka of one broker that lets in only whom it knows, by a certificate, a password or a token, and allows only what an ACL allows. The test
// itself is its superuser, at a listener of its own.
type GuardedKafka struct {
	brokers map[string]string // host:port, by listener
	ca      *buscerts.Authority
	node    *process
	admin   *kafka.AdminClient
}

// The clients of Keycloak's realm that get tokens, and whom a certificate or password is made for.
const (
	tokenClient, tokenSecret = "ism-backend", "ism-backend-secret"
	scramPassword            = "of-a-service-in-a-test"
)

// StartGuardedKafka starts the broker, and ends it with the test.
func StartGuardedKafka(t testing.TB) *GuardedKafka {
	t.Helper()
	program := filepath.Join(root(t), "test", "engines", "kafka-node")
	if out, err := exec.CommandContext(t.Context(), program).CombinedOutput(); err != nil {
		t.Fatalf("get Kafka: %v\n%s", err, out)
	}
	g := &GuardedKafka{brokers: map[string]string{}, ca: buscerts.New(t)}
	issuer := enginetest.Keycloak(t)
	keys := issuer + "/protocol/openid-connect/certs"
	dir, id, controller := t.TempDir(), uuid.New(), FreeAddress(t)
	listeners := []string{"CONTROLLER://" + controller}
	var advertised []string
	for _, name := range []string{"SUPERUSER", "MTLS", "SCRAM", "OAUTH"} {
		g.brokers[name] = FreeAddress(t)
		listeners, advertised = append(listeners, name+"://"+g.brokers[name]), append(advertised, name+"://"+g.brokers[name])
	}
	server := g.ca.Issue(t, "broker", time.Now().Add(time.Hour))
	config := filepath.Join(dir, "kafka.properties")
	writeProperties(t, config, map[string]string{
		"process.roles": "broker,controller", "node.id": "1", "controller.quorum.voters": "1@" + controller,
		"listeners": strings.Join(listeners, ","), "advertised.listeners": strings.Join(advertised, ","),
		"listener.security.protocol.map": "CONTROLLER:PLAINTEXT,SUPERUSER:PLAINTEXT,MTLS:SSL,SCRAM:SASL_SSL,OAUTH:SASL_SSL",
		"inter.broker.listener.name":     "SUPERUSER", "controller.listener.names": "CONTROLLER",
		"offsets.topic.replication.factor": "1", "offsets.topic.num.partitions": "4", "group.initial.rebalance.delay.ms": "0",
		"auto.create.topics.enable": "false", "log.dirs": filepath.Join(dir, "kafka"),

		"authorizer.class.name": "org.apache.kafka.metadata.authorizer.StandardAuthorizer", "super.users": "User:ANONYMOUS",
		"allow.everyone.if.no.acl.found": "false",

		"ssl.keystore.type": "PEM", "ssl.keystore.location": server.BothFile, "ssl.truststore.type": "PEM", "ssl.truststore.location": g.ca.CAFile,
		"listener.name.mtls.ssl.client.auth": "required", "ssl.principal.mapping.rules": "RULE:^CN=([^,]+)$/$1/",

		"connections.max.reauth.ms":                                          "4000", // who is in has to say again who it is
		"listener.name.scram.sasl.enabled.mechanisms":                        "SCRAM-SHA-512",
		"listener.name.scram.scram-sha-512.sasl.jaas.config":                 "org.apache.kafka.common.security.scram.ScramLoginModule required;",
		"listener.name.oauth.sasl.enabled.mechanisms":                        "OAUTHBEARER",
		"listener.name.oauth.oauthbearer.sasl.jaas.config":                   "org.apache.kafka.common.security.oauthbearer.OAuthBearerLoginModule required;",
		"listener.name.oauth.oauthbearer.sasl.server.callback.handler.class": "org.apache.kafka.common.security.oauthbearer.OAuthBearerValidatorCallbackHandler",
		"sasl.oauthbearer.jwks.endpoint.url":                                 keys, "sasl.oauthbearer.expected.audience": "ism",
		"sasl.oauthbearer.expected.issuer": issuer, "sasl.oauthbearer.sub.claim.name": "azp",
	})
	g.node = &process{
		name: "kafka", path: program, args: []string{base64.RawURLEncoding.EncodeToString(id[:]), config}, logFile: filepath.Join(dir, "kafka.log"), infrastructure: true,
		env: append(os.Environ(), "JAVA_TOOL_OPTIONS=-Dorg.apache.kafka.sasl.oauthbearer.allowed.urls="+keys),
	}
	g.node.start(t)
	t.Cleanup(func() { g.end(t) })
	g.connect(t)
	return g
}

func (g *GuardedKafka) end(t testing.TB) {
	t.Helper()
	if g.admin != nil {
		g.admin.Close()
	}
	g.node.kill(t)
	if t.Failed() {
		t.Logf("the end of the broker's log:\n%s", g.node.tail())
	}
}

// connect waits until the broker answers.
func (g *GuardedKafka) connect(t testing.TB) {
	t.Helper()
	admin, err := kafka.NewAdminClient(&kafka.ConfigMap{"bootstrap.servers": g.brokers["SUPERUSER"], "log_level": 0, "reconnect.backoff.max.ms": 200})
	if err != nil {
		t.Fatal(err)
	}
	g.admin = admin
	for end := time.Now().Add(startTimeout); ; {
		select {
		case <-g.node.done:
			t.Fatalf("the broker has ended:\n%s", g.node.tail())
		default:
		}
		metadata, err := admin.GetMetadata(nil, true, 1000)
		if err == nil && len(metadata.Brokers) == 1 {
			return
		}
		if time.Now().After(end) {
			t.Fatalf("the broker does not answer: %v\n%s", err, g.node.tail())
		}
	}
}

// Superuser are the brokers for who may do all.
func (g *GuardedKafka) Superuser() string { return g.brokers["SUPERUSER"] }

// ByCertificate makes a principal of the name that shows a certificate, and gives the settings, behind the prefix, that have a service be it.
func (g *GuardedKafka) ByCertificate(t testing.TB, prefix, name string) Settings {
	t.Helper()
	pair := g.ca.Issue(t, name, time.Now().Add(time.Hour))
	return Settings{
		prefix + "BROKERS": g.brokers["MTLS"], prefix + "SECURITY_PROTOCOL": "ssl",
		prefix + "CA_FILE": g.ca.CAFile, prefix + "CERT_FILE": pair.CertFile, prefix + "KEY_FILE": pair.KeyFile,
	}
}

// ByPassword is the same for one with a password, in a file.
func (g *GuardedKafka) ByPassword(t testing.TB, prefix, name string) (settings Settings, passwordFile string) {
	t.Helper()
	g.SetPassword(t, name, scramPassword)
	passwordFile = filepath.Join(t.TempDir(), "password")
	if err := os.WriteFile(passwordFile, []byte(scramPassword), 0o600); err != nil {
		t.Fatal(err)
	}
	return Settings{
		prefix + "BROKERS": g.brokers["SCRAM"], prefix + "SECURITY_PROTOCOL": "sasl_ssl", prefix + "CA_FILE": g.ca.CAFile,
		prefix + "SASL_MECHANISM": "SCRAM-SHA-512", prefix + "SASL_USERNAME": name, prefix + "SASL_PASSWORD_FILE": passwordFile,
	}, passwordFile
}

// ByToken is the same for the one of whom Keycloak gives tokens, whose name it gives.
func (g *GuardedKafka) ByToken(t testing.TB, prefix string) (settings Settings, name string) {
	t.Helper()
	return Settings{
		prefix + "BROKERS": g.brokers["OAUTH"], prefix + "SECURITY_PROTOCOL": "sasl_ssl", prefix + "CA_FILE": g.ca.CAFile,
		prefix + "SASL_MECHANISM": "OAUTHBEARER", prefix + "OAUTH_TOKEN_URL": enginetest.Keycloak(t) + "/protocol/openid-connect/token",
		prefix + "OAUTH_CLIENT_ID": tokenClient, prefix + "OAUTH_CLIENT_SECRET": tokenSecret,
	}, tokenClient
}

// SetPassword gives a user a password.
func (g *GuardedKafka) SetPassword(t testing.TB, name, password string) {
	t.Helper()
	ctx, cancel := within(t)
	defer cancel()
	result, err := g.admin.AlterUserScramCredentials(ctx, []kafka.UserScramCredentialUpsertion{{
		User: name, Password: []byte(password), ScramCredentialInfo: kafka.ScramCredentialInfo{Mechanism: kafka.ScramMechanismSHA512, Iterations: 4096},
	}}, nil)
	if err != nil || result.Errors[name].Code() != kafka.ErrNoError {
		t.Fatalf("set the password of %s: %v, %v", name, err, result.Errors)
	}
}

// BackendsTopic makes a topic of a company's backends, which write as the superuser.
func (g *GuardedKafka) BackendsTopic(t testing.TB, name string) *BackendsTopic {
	t.Helper()
	createTopic(t, g.Superuser(), name)
	return &BackendsTopic{name: name, brokers: g.Superuser()}
}

// PushTopic makes a topic from which an operator's own sender of pushes reads, as the superuser.
func (g *GuardedKafka) PushTopic(t testing.TB, name string) *PushTopic {
	t.Helper()
	createTopic(t, g.Superuser(), name)
	return &PushTopic{name: name, brokers: g.Superuser()}
}

// Allow applies commands of kafka-acls.sh, one a line, as deploy/kafka/acls prints them. It understands no others.
func (g *GuardedKafka) Allow(t testing.TB, commands string) {
	t.Helper()
	ctx, cancel := within(t)
	defer cancel()
	results, err := g.admin.CreateACLs(ctx, bindings(t, commands))
	if err != nil {
		t.Fatalf("make ACLs: %v", err)
	}
	for _, result := range results {
		if result.Error.Code() != kafka.ErrNoError {
			t.Fatalf("make ACLs: %v", result.Error)
		}
	}
}

// Take takes away what such commands have given.
func (g *GuardedKafka) Take(t testing.TB, commands string) {
	t.Helper()
	ctx, cancel := within(t)
	defer cancel()
	given := bindings(t, commands)
	results, err := g.admin.DeleteACLs(ctx, kafka.ACLBindingFilters(given))
	if err != nil {
		t.Fatalf("delete ACLs: %v", err)
	}
	var deleted int
	for _, result := range results {
		deleted += len(result.ACLBindings)
	}
	if deleted != len(given) {
		t.Fatalf("of %d ACLs %d are deleted", len(given), deleted)
	}
}

// bindings are what commands of kafka-acls.sh give.
func bindings(t testing.TB, commands string) (all kafka.ACLBindings) {
	t.Helper()
	for command := range strings.Lines(strings.TrimSpace(commands)) {
		words := strings.Fields(command)
		if len(words) < 2 || words[0] != "kafka-acls.sh" || words[1] != "--add" || len(words)%2 != 0 {
			t.Fatalf("%q does not add ACLs", command)
		}
		binding := kafka.ACLBinding{Host: "*", PermissionType: kafka.ACLPermissionTypeAllow, ResourcePatternType: kafka.ResourcePatternTypeLiteral}
		var operations []string
		for i := 2; i < len(words); i += 2 {
			switch value := strings.Trim(words[i+1], "'"); words[i] {
			case "--allow-principal":
				binding.Principal = value
			case "--operation":
				operations = append(operations, value)
			case "--topic":
				binding.Type, binding.Name = kafka.ResourceTopic, value
			case "--group":
				binding.Type, binding.Name = kafka.ResourceGroup, value
			case "--resource-pattern-type":
				binding.ResourcePatternType = kafka.ResourcePatternTypePrefixed
			default:
				t.Fatalf("%s is not known in %q", words[i], command)
			}
		}
		for _, name := range operations {
			operation, err := kafka.ACLOperationFromString(operationNames[name])
			if err != nil {
				t.Fatalf("%s in %q: %v", name, command, err)
			}
			binding.Operation = operation
			all = append(all, binding)
		}
	}
	return all
}

// operationNames are the client's names of operations, by those of Kafka's tools.
var operationNames = map[string]string{ //nolint:gochecknoglobals // a table
	"Read": "READ", "Write": "WRITE", "Create": "CREATE", "Delete": "DELETE", "Describe": "DESCRIBE", "DescribeConfigs": "DESCRIBE_CONFIGS",
}

// FiveProcessesBehind is [FiveProcesses] at a guarded Kafka: each of them has the settings that are given for it, beside those that all have.
func FiveProcessesBehind(t testing.TB, own map[string]Settings, settings ...Settings) *Deployment {
	t.Helper()
	d := fiveProcesses(t, []string{"127.0.0.1:1"}, settings)
	for service, given := range own {
		p, ok := d.processes[service].(*process)
		if !ok {
			t.Fatalf("%s is not a process of its own", service)
		}
		for name, value := range given {
			p.env = append(p.env, name+"="+value)
		}
	}
	return start(t, d)
}
