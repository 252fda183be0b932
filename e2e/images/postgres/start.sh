#!/bin/sh
# Makes an empty database cluster below /data and serves it on port 5432; further arguments go to postgres.
#   POSTGRES_PASSWORD    of the superuser postgres (SCRAM); required
#   /initdb.d/*.sql      run once, in order
#   /tls/tls.{crt,key}   when mounted, TLS is offered
set -eu
: "${POSTGRES_PASSWORD:?of the superuser}"
if [ ! -s "$PGDATA/PG_VERSION" ]; then
  password=$(mktemp) && printf '%s\n' "$POSTGRES_PASSWORD" >"$password"
  initdb --username=postgres --pwfile="$password" --auth=scram-sha-256 --auth-local=trust --locale=C.UTF-8 --no-sync >/dev/null
  rm "$password"
  echo 'host all all all scram-sha-256' >>"$PGDATA/pg_hba.conf"
  for script in /initdb.d/*.sql; do
    # Single-user mode ends a statement at an empty line (-j), so that a script may hold statements of several lines.
    [ ! -e "$script" ] || postgres --single -j -D "$PGDATA" postgres <"$script" >/dev/null
  done
fi
set -- -c listen_addresses='*' -c unix_socket_directories=/tmp -c fsync=off -c jit=off -c log_connections=on -c log_statement=all "$@"
if [ -e /tls/tls.crt ]; then
  # postgres refuses a key that others may read, as a mounted secret often is.
  cp /tls/tls.crt /tls/tls.key "$PGDATA" && chmod 600 "$PGDATA/tls.key"
  set -- -c ssl=on -c ssl_cert_file=tls.crt -c ssl_key_file=tls.key "$@"
fi
exec postgres "$@"
