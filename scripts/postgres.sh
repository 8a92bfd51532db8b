#!/usr/bin/env bash
# A throw-away PostgreSQL for the suite: own folder, own port, nothing durable. Sourced.

start_postgres() {
    local bin port
    bin=$(dirname "$(ls /usr/lib/postgresql/*/bin/initdb | sort -V | tail -1)")
    PG_DIR=$(mktemp -d)
    port=$((20000 + RANDOM % 20000))
    PG_AS=()
    if [ "$(id -u)" = 0 ]; then
        # The server refuses to run as root.
        chown postgres "$PG_DIR"
        PG_AS=(setpriv --reuid=postgres --regid=postgres --init-groups)
    fi
    PG_BIN=$bin
    (cd / && "${PG_AS[@]}" "$bin/initdb" -D "$PG_DIR/data" -U postgres -A trust -E UTF8 --locale=C >/dev/null)
    (cd / && "${PG_AS[@]}" "$bin/pg_ctl" -D "$PG_DIR/data" -l "$PG_DIR/log" -w \
        -o "-p $port -c listen_addresses=127.0.0.1 -c unix_socket_directories='' -c fsync=off -c full_page_writes=off -c max_connections=400" start >/dev/null)
    export TEST_POSTGRES_URL="postgres://postgres@127.0.0.1:$port/postgres"
}

stop_postgres() {
    (cd / && "${PG_AS[@]}" "$PG_BIN/pg_ctl" -D "$PG_DIR/data" -m immediate stop >/dev/null 2>&1) || true
    rm -rf "$PG_DIR"
}
