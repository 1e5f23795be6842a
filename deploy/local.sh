#!/usr/bin/env bash
# Runs a whole fleet on this machine, without containers: a Redis that loses
# nothing, a NATS cluster of three, two API processes and three workers. Ctrl-C
# ends it. Everything listens on 127.0.0.1.
#
#   deploy/local.sh [directory]     what it keeps; default data/local
#
#   SLUICE_LOCAL_PORT  first of the 14 ports that it takes (default 8080):
#                      +0 +1 the APIs, +2 +3 their admin ports, +4 +5 +6 those of
#                      the workers, +7 Redis, +8 … +13 NATS
#   SLUICE_LOCAL_BIN   where api, worker and nats-server are (default bin;
#                      `make fleet` builds them and runs this)
#
# Other SLUICE_ variables go to all processes: SLUICE_PRIMARY_URL and
# SLUICE_PRIMARY_MODEL, for example, or SLUICE_SLOTS for each worker. Process
# ids are in the directory, so that you can kill one and see what the rest do:
# kill -9 "$(cat data/local/worker-1.pid)".
set -u
cd "$(dirname "$0")/.." || exit 1
dir=${1:-data/local}
bin=${SLUICE_LOCAL_BIN:-bin}
first=${SLUICE_LOCAL_PORT:-8080}
slots=${SLUICE_SLOTS:-8}
unset SLUICE_LOCAL_BIN SLUICE_LOCAL_PORT SLUICE_SLOTS

for program in redis-server "$bin/nats-server" "$bin/api" "$bin/worker"; do
	if ! command -v "$program" >/dev/null; then
		echo "$program is missing: run \`make fleet\`, which builds what can be built (redis-server comes with your system: \`make servers\`)" >&2
		exit 1
	fi
done
open() { (: <"/dev/tcp/127.0.0.1/$1") 2>/dev/null; }
for ((port = first; port < first + 14; port++)); do
	if open "$port"; then
		echo "port $port is taken, by another fleet perhaps: end it, or choose 14 others with SLUICE_LOCAL_PORT" >&2
		exit 1
	fi
done
mkdir -p "$dir/redis" "$dir/documents" || exit 1
rm -f "$dir"/*.pid

names=() pids=()
# run NAME COMMAND...: starts a process whose output is in NAME.log
run() {
	local name=$1
	shift
	"$@" >"$dir/$name.log" 2>&1 &
	names+=("$name") pids+=($!)
	echo $! >"$dir/$name.pid"
}

# finish ends what was started last first, so that nobody loses what it stands
# on: workers, APIs, NATS, Redis.
finish() {
	trap '' INT TERM
	local i
	for ((i = ${#pids[@]} - 1; i >= 0; i--)); do
		kill "${pids[i]}" 2>/dev/null && wait "${pids[i]}" 2>/dev/null
		rm -f "$dir/${names[i]}.pid"
	done
	exit "${1:-0}"
}
trap finish INT TERM

# until_it NAME COMMAND...: waits until the command succeeds
until_it() {
	local name=$1 tries=0
	shift
	until "$@" >/dev/null 2>&1; do
		tries=$((tries + 1))
		if ! kill -0 "$(cat "$dir/$name.pid")" 2>/dev/null || [ "$tries" -gt 600 ]; then
			echo "$name does not start:" >&2
			tail -n 20 "$dir/$name.log" >&2
			finish 1
		fi
		sleep 0.1
	done
}

ready() { exec 9<>"/dev/tcp/127.0.0.1/$1" && printf 'GET /readyz HTTP/1.0\r\nHost: 127.0.0.1\r\n\r\n' >&9 && grep -q ' 200 ' <&9; }
tell() { (ready "$1") 2>/dev/null; }

# Each write is on disk before it is answered, and nothing is ever evicted: with
# less the engine refuses to start.
redis=$((first + 7))
run redis redis-server --bind 127.0.0.1 --port "$redis" --dir "$dir/redis" --save '' \
	--appendonly yes --appendfsync always --maxmemory-policy noeviction
until_it redis open "$redis"

nats=$((first + 8))
routes="nats://127.0.0.1:$((nats + 3)),nats://127.0.0.1:$((nats + 4)),nats://127.0.0.1:$((nats + 5))"
for i in 0 1 2; do
	run "nats-$((i + 1))" "$bin/nats-server" -a 127.0.0.1 -p $((nats + i)) \
		-cluster_name sluice -cluster "nats://127.0.0.1:$((nats + 3 + i))" -routes "$routes"
done
for i in 0 1 2; do until_it "nats-$((i + 1))" open $((nats + i)); done

export SLUICE_ENGINE=redis://127.0.0.1:$redis
export NATS_URL=nats://127.0.0.1:$nats,nats://127.0.0.1:$((nats + 1)),nats://127.0.0.1:$((nats + 2))
export SLUICE_DATA_DIR=$dir SLUICE_REDIS__DOCUMENTS_DIR=$dir/documents
export SLUICE_LOG__FORMAT=${SLUICE_LOG__FORMAT:-json}
for i in 0 1; do
	run "api-$((i + 1))" env SLUICE_SLOTS=0 SLUICE_ADDR=127.0.0.1:$((first + i)) \
		SLUICE_ADMIN_ADDR=127.0.0.1:$((first + 2 + i)) "$bin/api"
done
for i in 0 1 2; do
	run "worker-$((i + 1))" env SLUICE_SLOTS="$slots" SLUICE_ADMIN_ADDR=127.0.0.1:$((first + 4 + i)) "$bin/worker"
done
for i in 0 1; do until_it "api-$((i + 1))" tell $((first + i)); done
for i in 0 1 2; do until_it "worker-$((i + 1))" tell $((first + 4 + i)); done

echo "Sluice listens on http://127.0.0.1:$first and http://127.0.0.1:$((first + 1)); logs and process ids are in $dir."
wait
echo 'All processes have ended.' >&2
finish 1
