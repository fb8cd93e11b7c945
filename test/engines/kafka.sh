# Apache Kafka 4.1 in KRaft mode, one node.
# shellcheck shell=bash disable=SC2154
number=$((ports + 9092)) controller=$((ports + 9093))

# ApiVersions, version 0, as request 7; the answer bears that number behind its own length.
answers() { says $number '\0\0\0\x0a\0\x12\0\0\0\0\0\7\xff\xff' '????????00000007'; }

address() { echo "export ISM_TEST_KAFKA_BROKERS=127.0.0.1:$number"; }

run_docker() {
  container kafka -p 127.0.0.1:$number:$number \
    -e KAFKA_NODE_ID=1 -e KAFKA_PROCESS_ROLES=broker,controller \
    -e KAFKA_LISTENERS=CLIENT://:$number,CONTROLLER://:$controller \
    -e KAFKA_ADVERTISED_LISTENERS=CLIENT://127.0.0.1:$number \
    -e KAFKA_LISTENER_SECURITY_PROTOCOL_MAP=CLIENT:PLAINTEXT,CONTROLLER:PLAINTEXT \
    -e KAFKA_INTER_BROKER_LISTENER_NAME=CLIENT -e KAFKA_CONTROLLER_LISTENER_NAMES=CONTROLLER \
    -e KAFKA_CONTROLLER_QUORUM_VOTERS=1@localhost:$controller \
    -e KAFKA_OFFSETS_TOPIC_REPLICATION_FACTOR=1 -e KAFKA_TRANSACTION_STATE_LOG_REPLICATION_FACTOR=1 \
    -e KAFKA_TRANSACTION_STATE_LOG_MIN_ISR=1 -e KAFKA_GROUP_INITIAL_REBALANCE_DELAY_MS=0 \
    -e KAFKA_AUTO_CREATE_TOPICS_ENABLE=false -e KAFKA_HEAP_OPTS=-Xmx512m apache/kafka:4.1.1
}

# kafka_program OPTION…: the command that a class of Kafka's follows, with options for Java, in an array of that name.
kafka_program() {
  local libs java
  libs=$(jars kafka-4.1.1 org.apache.kafka:kafka_2.13:4.1.1 org.apache.kafka:kafka-tools:4.1.1 org.slf4j:slf4j-simple:1.7.36) || return 1
  java=$(java17) || return 1
  kafka_program=("$java" "$@" -XX:+UseSerialGC -Dorg.slf4j.simpleLogger.defaultLogLevel=warn -cp "$libs/*")
}

run_native() {
  local conf=$state/kafka.properties
  kafka_program -Xmx512m
  rm -rf "$state/kafka"
  cat >"$conf" <<P
process.roles=broker,controller
node.id=1
controller.quorum.voters=1@127.0.0.1:$controller
listeners=CLIENT://127.0.0.1:$number,CONTROLLER://127.0.0.1:$controller
advertised.listeners=CLIENT://127.0.0.1:$number
listener.security.protocol.map=CLIENT:PLAINTEXT,CONTROLLER:PLAINTEXT
inter.broker.listener.name=CLIENT
controller.listener.names=CONTROLLER
offsets.topic.replication.factor=1
offsets.topic.num.partitions=8
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
share.coordinator.state.topic.replication.factor=1
share.coordinator.state.topic.min.isr=1
group.initial.rebalance.delay.ms=0
auto.create.topics.enable=false
log.dirs=$state/kafka
P
  "${kafka_program[@]}" kafka.tools.StorageTool format -t "$("${kafka_program[@]}" kafka.tools.StorageTool random-uuid)" -c "$conf"
  detach kafka "${kafka_program[@]}" kafka.Kafka "$conf"
}
