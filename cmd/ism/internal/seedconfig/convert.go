package seedconfig

import (
	"cmp"
	"net"
	"net/netip"
	"net/url"
	"slices"
	"strings"
)

// line is a variable of the .env.
type line struct {
	variable string
	value    string
	from     []string // keys
}

// remark is something about a key that the person has to know.
type remark struct{ key, text string }

// conversion is the .env in the making.
type conversion struct {
	values  map[string]string
	lines   []line
	remarks []remark
}

// convert makes variables of the file's keys.
func convert(found settings) ([]line, []remark) {
	c := &conversion{values: found.values}
	c.addresses()
	c.logLevel()
	if origin, ok := c.values["cors_origin"]; ok && origin != "" {
		c.add("ISM_HTTP_CORS_ORIGINS", strings.TrimRight(origin, "/"), "cors_origin")
	}
	c.issuer()
	c.kafka()
	c.postgres()
	c.cassandra()
	c.objects()
	for _, k := range keys {
		if _, given := c.values[k.name]; given && k.variables == "" {
			c.remark(k.name, k.note)
		}
	}
	slices.Sort(found.unknown)
	for _, name := range found.unknown {
		c.remark(name, "is no key of the Rust ISM's; it is left out")
	}
	return c.lines, c.remarks
}

func (c *conversion) add(variable, value string, from ...string) {
	var given []string
	for _, key := range from {
		if _, ok := c.values[key]; ok {
			given = append(given, key)
		}
	}
	c.lines = append(c.lines, line{variable, value, given})
}

func (c *conversion) remark(key, text string) { c.remarks = append(c.remarks, remark{key, text}) }

// copy makes a variable of a key as it is, if it is there and not empty.
func (c *conversion) copy(key, variable string) {
	if value := c.values[key]; value != "" {
		c.add(variable, value, key)
	}
}

func (c *conversion) addresses() {
	host, port := c.values["ism_url"], c.values["ism_port"]
	if host == "" && port == "" {
		return
	}
	c.add("ISM_HTTP_ADDRESS", net.JoinHostPort(host, cmp.Or(port, "5403")), "ism_url", "ism_port")
	if port != "" {
		c.add("GATEWAY_PORT", port, "ism_port")
	}
	bind := host
	if bind == "localhost" {
		bind = "127.0.0.1"
	}
	switch _, err := netip.ParseAddr(bind); {
	case host == "":
	case err != nil:
		c.remark("ism_url", "is no IP address, as GATEWAY_BIND must be; the compose stack keeps to 127.0.0.1")
	default:
		c.add("GATEWAY_BIND", bind, "ism_url")
	}
}

func (c *conversion) logLevel() {
	level, given := c.values["log_level"]
	switch lower := strings.ToLower(level); {
	case !given || level == "":
	case lower == "trace":
		c.add("ISM_LOG_LEVEL", "debug", "log_level")
		c.remark("log_level", "trace becomes debug, the lowest level here")
	case slices.Contains([]string{"debug", "info", "warn", "error"}, lower):
		c.add("ISM_LOG_LEVEL", lower, "log_level")
	default:
		c.remark("log_level", "is left out: it must be debug, info, warn or error, for all of a process")
	}
}

func (c *conversion) issuer() {
	host, realm := c.values["token_issuer.iss_host"], c.values["token_issuer.iss_realm"]
	if host == "" || realm == "" {
		c.remark("token_issuer", "lacks iss_host or iss_realm: set ISM_OIDC_ISSUER yourself, without it nothing runs")
		return
	}
	issuer := strings.TrimRight(host, "/") + "/realms/" + url.PathEscape(realm)
	c.add("ISM_OIDC_ISSUER", issuer, "token_issuer.iss_host", "token_issuer.iss_realm")
	// The Rust ISM takes tokens with this audience alone, whatever the file says.
	c.add("ISM_OIDC_AUDIENCE", "account", "token_issuer.iss_realm")
	c.remark("token_issuer", "accepts the audience account, as the Rust ISM does: Keycloak gives it to every application's tokens; "+
		"give ISM's clients an audience of their own, and name it in ISM_OIDC_AUDIENCE")
}

func (c *conversion) kafka() {
	if host := c.values["kafka_config.bootstrap_host"]; host == "" {
		c.remark("kafka_config", "has no bootstrap_host: set ISM_KAFKA_BROKERS yourself, Kafka is always used")
	} else {
		c.add("ISM_KAFKA_BROKERS", net.JoinHostPort(strings.Trim(host, "[]"), cmp.Or(c.values["kafka_config.bootstrap_port"], "9092")),
			"kafka_config.bootstrap_host", "kafka_config.bootstrap_port")
	}
	c.copy("kafka_config.client_id", "ISM_KAFKA_CLIENT_ID")
	c.copy("use_kafka", "ISM_NOTIFICATIONS_KAFKA_IN")
	c.copy("kafka_config.topic", "ISM_NOTIFICATIONS_KAFKA_IN_TOPIC")
	c.copy("kafka_config.consumer_group", "ISM_NOTIFICATIONS_KAFKA_IN_GROUP")
}

func (c *conversion) postgres() {
	const table = "user_db_config."
	host := c.values[table+"db_host"]
	if host == "" {
		c.remark("user_db_config", "has no db_host: set ISM_ROOMS_POSTGRES_URL yourself, rooms needs it")
		return
	}
	address := url.URL{
		Scheme: "postgres",
		Host:   net.JoinHostPort(strings.Trim(host, "[]"), cmp.Or(c.values[table+"db_port"], "5432")),
		Path:   "/" + c.values[table+"db_name"],
	}
	if user := c.values[table+"db_user"]; user != "" {
		address.User = url.UserPassword(user, c.values[table+"db_password"])
	}
	c.add("ISM_ROOMS_POSTGRES_URL", address.String(),
		table+"db_host", table+"db_port", table+"db_user", table+"db_password", table+"db_name")
}

func (c *conversion) cassandra() {
	const table = "message_db_config."
	if c.values[table+"db_url"] == "" {
		c.remark("message_db_config", "has no db_url: set ISM_MESSAGES_CASSANDRA_HOSTS yourself")
	}
	c.copy(table+"db_url", "ISM_MESSAGES_CASSANDRA_HOSTS")
	c.copy(table+"db_user", "ISM_MESSAGES_CASSANDRA_USERNAME")
	c.copy(table+"db_password", "ISM_MESSAGES_CASSANDRA_PASSWORD")
	c.copy(table+"db_keyspace", "ISM_MESSAGES_CASSANDRA_KEYSPACE")
	switch c.values[table+"with_db_init"] {
	case "true":
		c.add("ISM_MESSAGES_MIGRATE", "auto", table+"with_db_init")
	case "false":
		c.add("ISM_MESSAGES_MIGRATE", "check", table+"with_db_init")
	}
}

func (c *conversion) objects() {
	const table = "object_db_config."
	if c.values[table+"db_url"] == "" {
		c.remark("object_db_config", "has no db_url: set ISM_MEDIA_S3_ENDPOINT yourself, media needs it")
	}
	c.copy(table+"db_url", "ISM_MEDIA_S3_ENDPOINT")
	c.copy(table+"db_url", "ISM_MEDIA_S3_PUBLIC_URL")
	c.copy(table+"db_user", "ISM_MEDIA_S3_ACCESS_KEY")
	c.copy(table+"db_password", "ISM_MEDIA_S3_SECRET_KEY")
	c.copy(table+"bucket_name", "ISM_MEDIA_S3_BUCKET")
}
