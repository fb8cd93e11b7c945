#!/usr/bin/env bash
# The role that the exporter measures with: it reads statistics, and no row. Run by the image when it makes the data directory, and by hand where
# that was made before there was this role, or to change its password:
#   docker compose exec postgres bash /docker-entrypoint-initdb.d/20-metrics.sh
set -euo pipefail
[ -n "${METRICS_POSTGRES_PASSWORD:-}" ] || { echo "METRICS_POSTGRES_PASSWORD is not set" >&2; exit 1; }
psql -v ON_ERROR_STOP=1 --quiet --username "${POSTGRES_USER:-postgres}" --dbname postgres -v password="$METRICS_POSTGRES_PASSWORD" <<'SQL'
SELECT 'CREATE ROLE metrics LOGIN CONNECTION LIMIT 5' WHERE NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'metrics') \gexec
ALTER ROLE metrics PASSWORD :'password';
GRANT pg_monitor TO metrics;
SQL
