#!/bin/sh
# Runs Sluice with a simulated model provider that fails now and then, and sends
# it the examples again and again, so that jobs fall through the tiers before
# your eyes. Everything stays on this machine; Ctrl-C ends it.
#
#   DEMO_SECONDS  how long examples are sent (default 60: each minute has a time
#                 when only the primary is down and one when both models are)
set -u
cd "$(dirname "$0")/.." || exit 1
data=$(mktemp -d) || exit 1
log=$data/log
api=
finish() {
	trap - EXIT INT TERM
	[ -n "$api" ] && kill "$api" 2>/dev/null && wait "$api"
	rm -rf "$data"
}
trap finish EXIT
trap 'finish; exit 130' INT TERM

SLUICE_ADDR=${SLUICE_ADDR:-127.0.0.1:8080}
SLUICE_URL=http://$SLUICE_ADDR
SLUICE_SERVER=$SLUICE_URL
SLUICE_LOG__FORMAT=json
export SLUICE_ADDR SLUICE_URL SLUICE_SERVER SLUICE_LOG__FORMAT
bin/api -demo -data-dir "$data" 2>"$log" &
api=$!
tries=0
until curl -fsS "$SLUICE_URL/readyz" >/dev/null 2>&1; do
	tries=$((tries + 1))
	if ! kill -0 "$api" 2>/dev/null || [ "$tries" -gt 100 ]; then
		cat "$log" >&2
		exit 1
	fi
	sleep 0.1
done
echo "Sluice listens on $SLUICE_URL. Its simulated provider has a bad day: the primary times out,"
echo "rate-limits, sends broken JSON and is down for 15 seconds of every minute."

end=$(($(date +%s) + ${DEMO_SECONDS:-60}))
round=1
while :; do
	printf '\n== Round %s\n' "$round"
	SLUICE_RUN=$(date +%s) SLUICE_WAIT=60 examples/submit.sh
	[ "$(date +%s)" -ge "$end" ] && break
	round=$((round + 1))
	sleep 5
done

printf '\n== What needs an operator: bin/dlqctl ls\n'
bin/dlqctl ls
id=$(bin/dlqctl ls -o name | head -n 1)
if [ -n "$id" ]; then
	printf '\n== Why: bin/dlqctl explain %s\n' "$id"
	bin/dlqctl explain "$id"
fi
printf '\nSluice goes on until Ctrl-C; its log is %s.\n' "$log"
wait "$api"
