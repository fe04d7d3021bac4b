#!/bin/sh
# Prepares pgAdmin: the platform's database is already in its list, and its password is known (never in servers.json).
set -eu
umask 077
storage="/var/lib/pgadmin/storage/$(printf '%s' "$PGADMIN_DEFAULT_EMAIL" | tr '@' '_')"
mkdir -p "$storage"
escape() { printf '%s' "$1" | sed 's/[\\:]/\\&/g'; }
printf 'db:5432:*:%s:%s\n' "$(escape "$PGUSER")" "$(escape "$PGPASSWORD")" > "$storage/pgpass"
chmod 600 "$storage/pgpass"
cat > "$PGADMIN_SERVER_JSON_FILE" <<SERVERS
{"Servers": {"1": {"Name": "RootTrading", "Group": "Servers", "Host": "db", "Port": 5432, "MaintenanceDB": "$PGDATABASE",
  "Username": "$PGUSER", "PassFile": "/pgpass", "SSLMode": "prefer"}}}
SERVERS
exec /entrypoint.sh
