#!/usr/bin/env bash
# A role and a database of its own for each that keeps rows. Run by the image when it makes the data directory.
set -euo pipefail
for name in rooms notifications media keycloak; do
  variable=${name^^}_POSTGRES_PASSWORD
  [ -n "${!variable:-}" ] || { echo "$variable is not set" >&2; exit 1; }
  psql -v ON_ERROR_STOP=1 --quiet --username "$POSTGRES_USER" --dbname postgres -v name="$name" -v password="${!variable}" <<'SQL'
CREATE ROLE :"name" LOGIN PASSWORD :'password';
CREATE DATABASE :"name" OWNER :"name";
REVOKE CONNECT ON DATABASE :"name" FROM PUBLIC;
SQL
done
