#!/usr/bin/env bash
# Proves the compose file on this machine: builds the image, starts everything with profile demo, waits until every
# container is healthy, looks into Kafka and TimescaleDB, waits for a completed trade, then removes it all again.
#
#   deploy/check_compose.sh [ENV_FILE...]     files with image names (PYTHON_IMAGE=...), for hosts without a registry
#
# It runs beside a platform that is already up: its own project name, free ports, its own passwords. With KEEP=1 the
# containers stay. Exit code 0 only when everything was seen; otherwise the logs of what failed are printed.
set -euo pipefail
root=$(cd "$(dirname "$0")/.." && pwd)
cd "$root"
project=${CHECK_PROJECT:-roottrading-check}
healthy_s_max=${HEALTHY_S_MAX:-300}
cycle_s_max=${CYCLE_S_MAX:-600}
began=$SECONDS
work=$(mktemp -d)
settings=$work/env

say() { printf '[%4ds] %s\n' $((SECONDS - began)) "$*"; }
secret() { head -c 18 /dev/urandom | od -An -tx1 | tr -d ' \n'; }

umask 077
{
  for name in PGPASSWORD REDIS_PASSWORD API_TOKEN; do echo "$name=$(secret)"; done
  for name in GATEWAY DISPATCHER MARKET_ANALYZER ANALYZER SIGNAL_AGGREGATOR COORDINATOR TRADER PORTFOLIO VISUALIZATION SIMULATOR; do
    echo "${name}_PORT=0"   # the engine chooses a free one
  done
  echo "COMPOSE_PROFILES=demo"
  echo "SIMULATOR_SPEED=${SIMULATOR_SPEED:-60}"
  echo "ROOTTRADING_IMAGE=roottrading:check"
  echo "ENV_FILE=$settings"
} >"$settings"
# Only this file decides: nothing of the caller's environment or .env may leak in (an exchange key, for instance).
env_files=(--env-file "$settings")
for file in "$@"; do env_files+=(--env-file "$(realpath "$file")"); done
engine=()
while IFS= read -r line; do engine+=("$line"); done < <(env | grep -E '^(DOCKER_[A-Z_]+|(HTTPS?|NO)_PROXY|(https?|no)_proxy)=' || true)
compose() { env -i PATH="$PATH" HOME="$HOME" "${engine[@]}" docker compose "${env_files[@]}" -p "$project" "$@"; }
sql() { compose exec -T db psql -U roottrading -d trading -AtX -v ON_ERROR_STOP=1 -c "$1"; }

# One line for each container: service, state, health ("none" without a check), exit code
states() {
  local ids
  ids=$(docker ps -aq --filter "label=com.docker.compose.project=$project")
  [ -z "$ids" ] || docker inspect --format '{{index .Config.Labels "com.docker.compose.service"}} {{.State.Status}} {{if .State.Health}}{{.State.Health.Status}}{{else}}none{{end}} {{.State.ExitCode}} {{.RestartCount}}' $ids | sort
}
is_fine='($2 == "running" && ($3 == "healthy" || $3 == "none")) || ($2 == "exited" && $3 == "none" && $4 == 0)'

show_failures() {
  states
  states | awk "!($is_fine) {print \$1}" | while read -r service; do
    printf '\n--- %s: last health answer, then its log ---\n' "$service"
    docker inspect "$(compose ps -aq "$service" | head -1)" \
      --format '{{if .State.Health}}{{range .State.Health.Log}}{{.Output}}{{end}}{{end}}' | tail -3 | cut -c1-1000
    compose logs --no-color --no-log-prefix --tail 60 "$service" 2>&1 | cut -c1-600
  done
}
fail() {
  say "FAILED: $*"
  show_failures || true
  exit 1
}
left_behind() {
  docker ps -aq --filter "label=com.docker.compose.project=$project"
  docker volume ls -q --filter "label=com.docker.compose.project=$project"
  docker network ls -q --filter "label=com.docker.compose.project=$project"
}
# Networks that the engine still counts endpoints of though no container is left anywhere near them: engines up to 20.10
# lose count now and then when containers restart (moby/moby#43286), and only a restart of the engine frees such a network.
miscounted_networks() {
  local network
  [ -z "$(docker ps -aq --filter "label=com.docker.compose.project=$project")" ] || return 0
  for network in $(docker network ls -q --filter "label=com.docker.compose.project=$project"); do
    [ "$(docker network inspect --format '{{len .Containers}}' "$network")" != 0 ] || echo "$network"
  done
}
remove() {
  local attempt network
  for attempt in 1 2 3; do
    compose down -v --remove-orphans --timeout 20 >"$work/down.log" 2>&1 && return 0
    grep -q "has active endpoints" "$work/down.log" || break
    sleep $((attempt * 3))
  done
  if [ -n "$(left_behind)" ] && [ "$(left_behind)" = "$(miscounted_networks)" ]; then
    for network in $(miscounted_networks); do
      say "the engine keeps network $network, which no container uses any more (moby/moby#43286)"
    done
    return 0
  fi
  cat "$work/down.log"
  return 1
}
finish() {
  local code=$?
  trap - EXIT
  if [ "${KEEP:-}" = 1 ]; then
    say "kept: docker compose -p $project down -v removes it (settings in $settings)"
  else
    remove || code=1
    rm -rf "$work"
  fi
  exit "$code"
}
trap finish EXIT

wait_until_healthy() {
  local deadline=$((SECONDS + healthy_s_max)) before="" now
  while true; do
    now=$(states)
    if [ -n "$now" ] && ! awk "!($is_fine) {bad = 1} END {exit !bad}" <<<"$now"; then
      say "every container is healthy"
      return
    fi
    [ "$now" = "$before" ] || say "$(awk "($is_fine) {fine++} {all++} !($is_fine) {waiting = waiting \" \" \$1} END {printf \"%d of %d ready; waiting for%s\", fine, all, waiting}" <<<"$now")"
    before=$now
    awk '$5 >= 5 {exit 1}' <<<"$now" || fail "a container keeps restarting"
    [ $SECONDS -lt $deadline ] || fail "not every container became healthy within $healthy_s_max s"
    sleep 2
  done
}

check_kafka() {
  local topics name
  topics=$(compose exec -T kafka /opt/kafka/bin/kafka-topics.sh --bootstrap-server kafka:9092 --list)
  for name in market.data.btcusdc market.data.polusdc signals orders executions logs.info logs.error logs.debug dead.letters; do
    grep -qx "$name" <<<"$topics" || fail "Kafka has no topic $name"
  done
  compose exec -T kafka /opt/kafka/bin/kafka-console-consumer.sh --bootstrap-server kafka:9092 \
    --topic market.data.btcusdc --from-beginning --max-messages 1 --timeout-ms 60000 2>/dev/null | grep -q . ||
    fail "no market data in Kafka"
  say "Kafka is real: $(grep -vc '^__' <<<"$topics") topics, market data flows"
}

check_database() {
  local tables version
  version=$(sql "SELECT extversion FROM pg_extension WHERE extname = 'timescaledb'")
  [ -n "$version" ] || fail "the database has no TimescaleDB"
  tables=$(sql "SELECT string_agg(hypertable_name, ' ' ORDER BY hypertable_name) FROM timescaledb_information.hypertables")
  grep -qw market_data <<<"$tables" || fail "market_data is no hypertable (there are: $tables)"
  for _ in $(seq 30); do
    [ "$(sql 'SELECT count(*) FROM market_data')" -gt 0 ] && break
    sleep 2
  done
  say "TimescaleDB $version is real: hypertables $tables; market_data has $(sql 'SELECT count(*) FROM market_data') rows"
}

check_dashboard() {
  local address
  address=$(compose port visualization 5009)
  python3 - "http://$address" <<'P' || fail "the dashboard does not answer as it should"
import sys, urllib.request
base = sys.argv[1]
page = urllib.request.urlopen(base + "/", timeout=10).read().decode()
assert "<div id=\"root\"" in page, page[:300]
assert urllib.request.urlopen(base + "/api/health", timeout=10).status == 200
P
  say "the dashboard answers at http://$address"
}

wait_for_cycle() {
  local deadline=$((SECONDS + cycle_s_max)) before="" now
  while true; do
    now=$(sql "SELECT (SELECT count(*) FROM trading_signals) || ' consensus signals, ' || (SELECT count(*) FROM orders) || ' orders, '
      || (SELECT count(*) FROM trade_executions) || ' fills, ' || count(*) || ' cycles opened, '
      || count(*) FILTER (WHERE status = 'completed') || ' completed' FROM trade_cycles")
    [ "$now" = "$before" ] || say "$now"
    before=$now
    [ "$(sql "SELECT count(*) FROM trade_cycles WHERE status = 'completed'")" -gt 0 ] && break
    [ $SECONDS -lt $deadline ] || {
      say "what was decided, and what became of it:"
      sql "SELECT count(*), approved, left(reason, 150) FROM decisions GROUP BY 2, 3 ORDER BY 1 DESC LIMIT 10"
      sql "SELECT count(*), status FROM orders GROUP BY 2; SELECT count(*), status FROM trade_cycles GROUP BY 2"
      compose logs --no-color --no-log-prefix --tail 40 coordinator trader 2>&1 | grep -v '"INFO"' | cut -c1-600 || true
      fail "no cycle was completed within $cycle_s_max s"
    }
    sleep 5
  done
  sql "SELECT symbol, side, strategy, quantity, entry_price, exit_price, profit_loss FROM trade_cycles WHERE status = 'completed' LIMIT 3"
}

# Not `docker kill`: the engine takes that for a wish and does not start the container again.
kill_the_service='
import os, pathlib, signal
for path in pathlib.Path("/proc").glob("[0-9]*/cmdline"):
    if b".src.main" in (line := path.read_bytes()) and line.startswith(b"python"):
        os.kill(int(path.parent.name), signal.SIGKILL)'

check_restart() {
  local service
  for service in trader dispatcher; do
    compose exec -T "$service" python -c "$kill_the_service" || true
  done
  sleep 3
  wait_until_healthy
  for service in trader dispatcher; do
    [ "$(states | awk -v name="$service" '$1 == name {print $5}')" -gt 0 ] || fail "$service was killed and not started again"
  done
  say "killed services were started again"
}

check_ledger() {
  local report
  report=$(compose exec -T -e PYTHONPATH=/app trader python /app/deploy/docker/entrypoint.py python /app/deploy/docker/ledger.py) ||
    fail "the ledger differs from the exchange: $report"
  say "the ledger equals the exchange: $report"
}

check_scale() {
  local number owned=0 gaps doubled
  compose -f docker-compose.yml -f deploy/compose.scale.yml up -d --scale dispatcher=2 --scale market_analyzer=2 \
    --scale analyzer=3 --scale signal_aggregator=2 >"$work/scale.log" 2>&1 || { tail -20 "$work/scale.log"; fail "scaling failed"; }
  wait_until_healthy
  compose exec -T --index 2 analyzer python -c "$kill_the_service" || true
  sleep 5
  wait_until_healthy
  for number in 1 2 3; do
    owned=$((owned + $(compose exec -T --index "$number" analyzer python -c '
import json, urllib.request
report = json.load(urllib.request.urlopen("http://127.0.0.1:5012/diagnostic", timeout=10))
print(len(report["bus"]["analyzer"]["streams"]))')))
  done
  [ "$owned" = 16 ] || fail "the replicas of the analyzer own $owned of 16 partitions"
  gaps=$(sql "SELECT count(*) FROM (SELECT time - lag(time) OVER (PARTITION BY symbol ORDER BY time) AS step
    FROM analyzer_data WHERE timeframe = '1m') AS steps WHERE step > interval '1 minute'")
  [ "$gaps" = 0 ] || fail "$gaps gaps in the features"
  doubled=$(sql "SELECT count(*) FROM (SELECT consensus_id, kind FROM decisions GROUP BY 1, 2 HAVING count(*) > 1) AS more")
  [ "$doubled" = 0 ] || fail "$doubled signals were decided on twice"
  say "with replicas, one of them killed: 16 partitions owned once, no gap in the features, no signal decided on twice"
}

check_stop() {
  local bad
  compose stop --timeout 60 gateway dispatcher market_analyzer analyzer signal_aggregator coordinator trader portfolio visualization simulator >/dev/null 2>&1
  bad=$(states | awk '$2 == "exited" && $4 != 0')
  [ -z "$bad" ] || { compose logs --no-color --tail 15 $(awk '{print $1}' <<<"$bad"); fail "did not stop cleanly: $bad"; }
  say "every service stopped with exit code 0"
}

check_removed() {
  local left
  remove || fail "down -v failed"
  left=$(grep -vxF "$(miscounted_networks)" <<<"$(left_behind)" || true)
  [ -z "$left" ] || fail "down -v left behind: $left"
  say "down -v left nothing of ours behind"
}

say "$(docker version --format 'Docker engine {{.Server.Version}}'), $(docker compose version)"
compose config --quiet
remove
compose build >"$work/build.log" 2>&1 || { tail -60 "$work/build.log"; fail "the image does not build"; }
say "image built: $(docker image inspect roottrading:check --format '{{.Size}}' | awk '{printf "%d MB", $1 / 1e6}')"
compose up -d --build >"$work/up.log" 2>&1 || { tail -40 "$work/up.log"; fail "docker compose up failed"; }
say "docker compose up returned"
wait_until_healthy
check_kafka
check_database
check_dashboard
wait_for_cycle
check_restart
check_ledger
check_scale
docker stats --no-stream --format '{{.Name}} {{.MemUsage}}' | grep "^$project-" | sort || true
[ "${KEEP:-}" = 1 ] || { check_stop; check_removed; }
say "OK: the platform stands on Docker"
