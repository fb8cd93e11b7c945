package seedconfig

import (
	"strings"
)

// kind is what a key's value must be.
type kind int

const (
	text kind = iota
	port      // a whole number, or a text of digits
	boolean
	numbers
)

func (k kind) String() string {
	return [...]string{"a text", "a port from 1 to 65535", "true or false", "a list of whole numbers"}[k]
}

// key is one setting of production.config.toml.
type key struct {
	name      string // with its table before a dot
	kind      kind
	variables string // comma-separated; "": none
	note      string
}

// keys are all settings that the Rust ISM documents, in its order.
var keys = []key{
	{"ism_url", text, "ISM_HTTP_ADDRESS, GATEWAY_BIND", "the host of ISM_HTTP_ADDRESS; in the compose stack GATEWAY_BIND is the interface that the gateway is published on"},
	{"ism_port", port, "ISM_HTTP_ADDRESS, GATEWAY_PORT", "the port of ISM_HTTP_ADDRESS; in the compose stack GATEWAY_PORT is the port that the gateway is published on"},
	{"log_level", text, "ISM_LOG_LEVEL", "debug, info, warn or error; trace becomes debug"},
	{"cors_origin", text, "ISM_HTTP_CORS_ORIGINS", "a list may stand here now, comma-separated"},
	{"use_kafka", boolean, "ISM_NOTIFICATIONS_KAFKA_IN", "whether custom notifications are read from Kafka; Kafka itself is always used: it is the log that nothing acknowledged is lost from"},
	{"message_db_config.db_url", text, "ISM_MESSAGES_CASSANDRA_HOSTS", "several nodes are comma-separated"},
	{"message_db_config.db_user", text, "ISM_MESSAGES_CASSANDRA_USERNAME", ""},
	{"message_db_config.db_password", text, "ISM_MESSAGES_CASSANDRA_PASSWORD", "or in a file: ISM_MESSAGES_CASSANDRA_PASSWORD_FILE"},
	{"message_db_config.db_keyspace", text, "ISM_MESSAGES_CASSANDRA_KEYSPACE", "the tables are others than the Rust ISM's: give it a keyspace of its own"},
	{"message_db_config.with_db_init", boolean, "ISM_MESSAGES_MIGRATE", "true is auto, false is check"},
	{"user_db_config.db_host", text, "ISM_ROOMS_POSTGRES_URL", "with the next four keys, as one URL"},
	{"user_db_config.db_port", port, "ISM_ROOMS_POSTGRES_URL", "5432 if it is missing"},
	{"user_db_config.db_user", text, "ISM_ROOMS_POSTGRES_URL", ""},
	{"user_db_config.db_password", text, "ISM_ROOMS_POSTGRES_URL", "escaped as URLs want it; or the URL in a file: ISM_ROOMS_POSTGRES_URL_FILE"},
	{"user_db_config.db_name", text, "ISM_ROOMS_POSTGRES_URL", "the tables are others than the Rust ISM's: give it a database of its own"},
	{"token_issuer.iss_host", text, "ISM_OIDC_ISSUER", "HOST/realms/REALM, as tokens carry it in iss"},
	{"token_issuer.iss_realm", text, "ISM_OIDC_ISSUER, ISM_OIDC_AUDIENCE", "ISM_OIDC_AUDIENCE is account, which the Rust ISM insists on; better is an audience of ISM's own"},
	{"object_db_config.db_user", text, "ISM_MEDIA_S3_ACCESS_KEY", ""},
	{"object_db_config.db_url", text, "ISM_MEDIA_S3_ENDPOINT, ISM_MEDIA_S3_PUBLIC_URL", "change ISM_MEDIA_S3_PUBLIC_URL if browsers reach the store at another address than the service does"},
	{"object_db_config.db_password", text, "ISM_MEDIA_S3_SECRET_KEY", "or in a file: ISM_MEDIA_S3_SECRET_KEY_FILE"},
	{"object_db_config.bucket_name", text, "ISM_MEDIA_S3_BUCKET", ""},
	{"kafka_config.bootstrap_host", text, "ISM_KAFKA_BROKERS", "several brokers are comma-separated, each host:port"},
	{"kafka_config.bootstrap_port", port, "ISM_KAFKA_BROKERS", "9092 if it is missing"},
	{"kafka_config.topic", text, "ISM_NOTIFICATIONS_KAFKA_IN_TOPIC", "of custom notifications; all other topics have fixed names"},
	{"kafka_config.client_id", text, "ISM_KAFKA_CLIENT_ID", ""},
	{"kafka_config.partition", numbers, "", "partitions are shared out among the replicas by Kafka's consumer groups"},
	{"kafka_config.consumer_group", text, "ISM_NOTIFICATIONS_KAFKA_IN_GROUP", "of custom notifications: it goes on where the Rust ISM has committed, which must have ended; all other groups have fixed names"},
}

// tables are the names of the TOML tables that the keys stand in.
func tables() map[string]bool {
	names := map[string]bool{}
	for _, k := range keys {
		if table, _, ok := strings.Cut(k.name, "."); ok {
			names[table] = true
		}
	}
	return names
}
