# Keycloak 26.4 with the realm of the compose stack.
# shellcheck shell=bash disable=SC2154
number=$((ports + 8080))
realm=$root/deploy/compose/keycloak
# Who guards passwords refuses a sign-in while another of the same user is under way, as those of tests beside each other are.
concurrent=--spi-brute-force-protector--default-brute-force-detector--allow-concurrent-requests=true

# The answer begins with HTTP/1.1 200.
answers() {
  says $number "GET /realms/ism/.well-known/openid-configuration HTTP/1.1\\r\\nHost: 127.0.0.1:$number\\r\\nConnection: close\\r\\n\\r\\n" \
    485454502f312e3120323030
}

address() { echo "export ISM_TEST_KEYCLOAK_URL=http://127.0.0.1:$number/realms/ism"; }

run_docker() {
  container keycloak -p 127.0.0.1:$number:8080 -v "$realm:/opt/keycloak/data/import:ro" \
    -e KC_BOOTSTRAP_ADMIN_USERNAME=admin -e KC_BOOTSTRAP_ADMIN_PASSWORD=admin \
    quay.io/keycloak/keycloak:26.4 start-dev --import-realm "$concurrent"
}

run_native() {
  local home java dir=$state/keycloak
  java=$(java17)
  export JAVA_HOME=${java%/bin/java} JAVA_OPTS_KC_HEAP='-Xms128m -Xmx512m'
  home=$(built)
  rm -rf "$dir"
  cp -al "$home" "$dir" 2>/dev/null || cp -a "$home/." "$dir"
  mkdir -p "$dir/data/import"
  cp "$realm"/*.json "$dir/data/import/"
  KC_BOOTSTRAP_ADMIN_USERNAME=admin KC_BOOTSTRAP_ADMIN_PASSWORD=admin \
    JAVA_OPTS_APPEND='-XX:TieredStopAtLevel=1' \
    detach keycloak "$dir/bin/kc.sh" start --optimized --import-realm --cache=local \
    --http-enabled=true --http-host=127.0.0.1 --http-port=$number --hostname-strict=false "$concurrent"
}

# built: the folder of a Keycloak that has its build step behind it, which takes longer than its start.
built() {
  local version=26.4.7 home work
  home=$cache/keycloak-$version
  if [ ! -d "$home" ]; then
    work=$(mktemp -d "$state/work.XXXXXX")
    mvn -q -B dependency:copy -Dartifact=org.keycloak:keycloak-quarkus-dist:$version:zip -DoutputDirectory="$work" >&2 || return 1
    unzip -q "$work"/*.zip -d "$work" || return 1
    "$work/keycloak-$version/bin/kc.sh" build --db=dev-file >&2 || return 1
    keep "$work/keycloak-$version" "$home" || return 1
    rm -rf "$work"
  fi
  echo "$home"
}
