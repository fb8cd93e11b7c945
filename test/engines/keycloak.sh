# Keycloak 26.4 with the realm of the compose stack.
# shellcheck shell=bash disable=SC2154
number=28080
realm=$root/deploy/compose/keycloak

answers() { curl -fsS -m 5 "http://127.0.0.1:$number/realms/ism/.well-known/openid-configuration"; }

address() { echo "export ISM_TEST_KEYCLOAK_URL=http://127.0.0.1:$number/realms/ism"; }

run_docker() {
  container keycloak -p 127.0.0.1:$number:8080 -v "$realm:/opt/keycloak/data/import:ro" \
    -e KC_BOOTSTRAP_ADMIN_USERNAME=admin -e KC_BOOTSTRAP_ADMIN_PASSWORD=admin \
    quay.io/keycloak/keycloak:26.4 start-dev --import-realm
}

run_native() {
  local version=26.4.7 zip java
  zip=$cache/keycloak-quarkus-dist-$version.zip
  java=$(java17)
  if [ ! -f "$zip" ]; then
    mvn -q -B dependency:copy -Dartifact=org.keycloak:keycloak-quarkus-dist:$version:zip -DoutputDirectory="$cache/part"
    mv "$cache/part/keycloak-quarkus-dist-$version.zip" "$zip"
  fi
  rm -rf "$state/keycloak"
  mkdir -p "$state/keycloak"
  unzip -q "$zip" -d "$state/keycloak"
  mkdir -p "$state/keycloak/keycloak-$version/data/import"
  cp "$realm"/*.json "$state/keycloak/keycloak-$version/data/import/"
  detach keycloak env JAVA_HOME="$(dirname "$(dirname "$java")")" KC_BOOTSTRAP_ADMIN_USERNAME=admin KC_BOOTSTRAP_ADMIN_PASSWORD=admin \
    JAVA_OPTS_KC_HEAP="-Xms128m -Xmx512m" "$state/keycloak/keycloak-$version/bin/kc.sh" start-dev --import-realm \
    --http-host=127.0.0.1 --http-port=$number
}
