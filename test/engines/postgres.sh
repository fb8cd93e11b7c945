# PostgreSQL, as the role postgres, trusting loopback.
# shellcheck shell=bash disable=SC2154
number=$((ports + 5432))

# The start of a session: R is the server's turn to ask for the password, E that it is still starting.
answers() { says $number '\0\0\0\x29\0\3\0\0user\0postgres\0database\0postgres\0\0' 52; }

address() { echo "export ISM_TEST_POSTGRES_URL='postgres://postgres:postgres@127.0.0.1:$number/postgres?sslmode=disable'"; }

loose=()
if [ -n "${ISM_TEST_BRIEFLY:-}" ]; then loose=(-c fsync=off -c full_page_writes=off); fi # what is committed outlives a crash of Postgres all the same

run_docker() {
  container postgres -p 127.0.0.1:$number:5432 -e POSTGRES_PASSWORD=postgres postgres:17 -c max_connections=300 "${loose[@]}"
}

run_native() {
  local bin data=$state/postgres as=()
  bin=$(postgres_binaries)
  [ -n "$bin" ] || { echo "no PostgreSQL is installed" >&2; return 1; }
  rm -rf "$data"
  mkdir -p "$data"
  if [ "$(id -u)" = 0 ]; then # it refuses to run as root
    data=$(mktemp -d /tmp/ism-test-postgres.XXXXXX)
    rm -rf "$state/postgres"
    echo "$data" >"$state/postgres.data"
    chown postgres "$data"
    as=(runuser -u postgres --)
  fi
  "${as[@]}" "$bin/initdb" -D "$data/pg" -U postgres -A trust -E UTF8 --locale=C.UTF-8 >"$state/postgres.log"
  detach postgres "${as[@]}" "$bin/postgres" -D "$data/pg" -p $number -c listen_addresses=127.0.0.1 \
    -c unix_socket_directories="$data" -c max_connections=300 "${loose[@]}"
}
