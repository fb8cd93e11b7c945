# Apache Cassandra 5.0, one node. It knows the user cassandra / cassandra; in Docker anybody is let in. Its CQL is ScyllaDB's.
# On its one port it takes connections without TLS, and those with TLS that show a certificate of the authority in cassandra.tls.
# shellcheck shell=bash disable=SC2154
number=$((ports + 9042)) storage=$((ports + 9000)) tls=$state/cassandra.tls

# OPTIONS is answered with SUPPORTED before the default user is there, which the log tells.
answers() {
  says $number '\x04\0\0\0\x05\0\0\0\0' 8400000006 &&
    { [ ! -f "$state/cassandra.pid" ] || grep -q "Created default superuser" "$state/cassandra.log"; }
}

address() {
  echo "export ISM_TEST_CASSANDRA_HOSTS=127.0.0.1:$number"
  if [ -f "$tls/up" ]; then echo "export ISM_TEST_CASSANDRA_TLS=$tls"; fi # an older checkout's engine has none
}

# authority: an authority, whose key tests issue certificates with, and the node's certificate of it. Whoever runs the node may read them.
authority() {
  rm -rf "$tls"
  mkdir -p "$tls"
  local new=(openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 30)
  "${new[@]}" -subj '/CN=authority of the engines' -keyout "$tls/ca.key" -out "$tls/ca.crt"
  "${new[@]}" -subj '/CN=cassandra' -CA "$tls/ca.crt" -CAkey "$tls/ca.key" -addext 'subjectAltName=IP:127.0.0.1,DNS:localhost' \
    -addext 'basicConstraints=critical,CA:FALSE' -keyout "$tls/node.key" -out "$tls/node.crt"
  cat "$tls/node.key" "$tls/node.crt" >"$tls/node.pem"
  chmod 644 "$tls"/*
} >"$state/cassandra.tls.log" 2>&1

# settings DATA SYNC LISTEN PORT STORAGE AUTHENTICATOR TLS: cassandra.yaml. Its deadlines are none that a busy machine meets: they are not what is tested.
settings() {
  cat <<Y
cluster_name: ism-test
num_tokens: 1
partitioner: org.apache.cassandra.dht.Murmur3Partitioner
$2
auto_snapshot: false
read_request_timeout: 60s
range_request_timeout: 60s
write_request_timeout: 60s
cas_contention_timeout: 60s
request_timeout: 60s
native_transport_timeout: 60s
commitlog_directory: $1/commitlog
data_file_directories: [$1/data]
saved_caches_directory: $1/saved_caches
hints_directory: $1/hints
cdc_raw_directory: $1/cdc_raw
endpoint_snitch: SimpleSnitch
seed_provider: [{class_name: org.apache.cassandra.locator.SimpleSeedProvider, parameters: [{seeds: "127.0.0.1:$5"}]}]
listen_address: 127.0.0.1
storage_port: $5
rpc_address: $3
broadcast_rpc_address: 127.0.0.1
native_transport_port: $4
authenticator: $6
authorizer: AllowAllAuthorizer
client_encryption_options:
  enabled: true
  optional: true
  require_client_auth: true
  ssl_context_factory: {class_name: org.apache.cassandra.security.PEMBasedSslContextFactory}
  keystore: $7/node.pem
  truststore: $7/ca.crt
Y
}

run_docker() {
  local options='-Dcassandra.config=file:///ism/cassandra.yaml -Dcassandra.skip_wait_for_gossip_to_settle=0 -Dcassandra.ring_delay_ms=100 -Dcassandra.test.flush_local_schema_changes=false'
  authority
  settings /var/lib/cassandra $'commitlog_sync: periodic\ncommitlog_sync_period: 10s' 0.0.0.0 9042 7000 AllowAllAuthenticator /ism >"$tls/cassandra.yaml"
  container cassandra -p 127.0.0.1:$number:9042 -e MAX_HEAP_SIZE=1G -e HEAP_NEWSIZE=200M -e JVM_OPTS="$options" -v "$tls:/ism:ro" cassandra:5.0
  touch "$tls/up"
}

run_native() {
  local libs java dir=$state/cassandra package flags=() sync='commitlog_sync: batch'
  if [ -n "${ISM_TEST_BRIEFLY:-}" ]; then
    # What is compiled better pays after many minutes only. Nothing is forced to disk. A sign-in hashes the password little: tests make hundreds of connections,
    # which cost as much as their queries otherwise.
    flags=(-XX:TieredStopAtLevel=1 -Dcassandra.skip_sync=true -Dcassandra.auth_bcrypt_gensalt_log2_rounds=4
      -Dorg.apache.cassandra.disable_mbean_registration=true)
    sync=$'commitlog_sync: periodic\ncommitlog_sync_period: 10s'
  fi
  libs=$(jars cassandra-5.0.6 org.apache.cassandra:cassandra-all:5.0.6)
  java=$(java17)
  rm -rf "$dir"
  mkdir -p "$dir/conf"
  authority
  settings "$dir" "$sync" 127.0.0.1 $number $storage PasswordAuthenticator "$tls" >"$dir/conf/cassandra.yaml"
  cat >"$dir/conf/logback.xml" <<'X'
<configuration>
  <appender name="OUT" class="ch.qos.logback.core.ConsoleAppender"><encoder><pattern>%-5level %date{ISO8601} %logger{20} %msg%n</pattern></encoder></appender>
  <root level="WARN"><appender-ref ref="OUT"/></root>
  <logger name="org.apache.cassandra.auth.CassandraRoleManager" level="INFO"/>
</configuration>
X
  for package in java.base/{java.lang.module,jdk.internal.loader,jdk.internal.ref,jdk.internal.reflect,jdk.internal.math,jdk.internal.module,jdk.internal.util.jar,sun.nio.ch,java.io,java.util.concurrent,java.util,java.util.concurrent.atomic,java.nio,java.lang,java.math,java.lang.reflect,java.net} jdk.management/com.sun.management.internal; do
    flags+=(--add-opens "$package=ALL-UNNAMED")
  done
  for package in java.base/{jdk.internal.misc,jdk.internal.ref,sun.nio.ch} java.management.rmi/com.sun.jmx.remote.internal.rmi java.rmi/sun.rmi.{registry,server} java.sql/java.sql; do
    flags+=(--add-exports "$package=ALL-UNNAMED")
  done
  # A change of the schema flushes the tables of the schema, which is most of what it costs, and tests make dozens of keyspaces.
  detach cassandra "$java" -Xms1g -Xmx1g -Xss1m -XX:+UseSerialGC -javaagent:"$(find "$libs" -name 'jamm-*.jar')" -Djdk.attach.allowAttachSelf=true "${flags[@]}" \
    -Dcassandra.skip_wait_for_gossip_to_settle=0 -Dcassandra.ring_delay_ms=100 -Dcassandra.superuser_setup_delay_ms=0 -Dcassandra.test.flush_local_schema_changes=false \
    -Dcassandra.storagedir="$dir" -Dcassandra.logdir="$dir" -Dlogback.configurationFile=logback.xml -Dcassandra-foreground=yes \
    -cp "$dir/conf:$libs/*" org.apache.cassandra.service.CassandraDaemon
  touch "$tls/up"
}
