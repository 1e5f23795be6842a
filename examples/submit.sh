#!/bin/sh
# Submits every example to a Sluice, waits for each job and prints how it ended.
# Needs curl, and nothing else beyond a POSIX system.
#
#   examples/submit.sh                 all examples
#   examples/submit.sh FILE...         these documents instead
#
#   SLUICE_URL      where Sluice listens   (default http://127.0.0.1:8080)
#   SLUICE_API_KEY  key, if it wants one   (default none)
#   SLUICE_LANE     lane of the jobs       (default interactive)
#   SLUICE_WAIT     seconds to wait for all (default 300)
#   SLUICE_RUN      makes the jobs new: a second run with the same value (default 1)
#                   finds the jobs of the first, by their Idempotency-Key
#
# A document is read under the schema in NAME.schema.json beside it, if there is
# one, else as an invoice. Exit status: 0 when every job came to an end or to a
# person, 1 when one did not or was not accepted.
set -u
LC_ALL=C
export LC_ALL

url=${SLUICE_URL:-http://127.0.0.1:8080}
url=${url%/}
here=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd)
work=$(mktemp -d) || exit 1
trap 'rm -rf "$work"' EXIT
trap 'exit 130' INT TERM
failed=0

# call METHOD PATH [CURL ARGUMENTS...]: the answer's body goes to $work/body, its
# headers to $work/head; prints the status, 000 when there was no answer.
call() {
	method=$1 path=$2
	shift 2
	if [ -n "${SLUICE_API_KEY:-}" ]; then
		# In a file, so that the key does not show among the processes.
		(umask 077 && printf 'header = "Authorization: Bearer %s"\n' "$SLUICE_API_KEY" >"$work/key")
		set -- --config "$work/key" "$@"
	fi
	: >"$work/body"
	: >"$work/head"
	curl -sS --max-time 60 -X "$method" -o "$work/body" -D "$work/head" -w '%{http_code}' "$@" "$url$path" 2>"$work/errors"
}

# fields: reads JSON, prints one line for each value: its path, a tab, the value.
fields() {
	awk '
	{ text = text $0 "\n" }
	END { size = length(text); at = 1; value("", 0) }
	function blank() { while (at <= size && index(" \t\r\n", substr(text, at, 1))) at++ }
	function quoted(   from, c) {
		from = ++at
		while (at <= size && (c = substr(text, at, 1)) != "\"") at += (c == "\\") ? 2 : 1
		return substr(text, from, at++ - from)
	}
	function value(path, depth,   c, n) {
		blank()
		c = substr(text, at, 1)
		if (depth > 40 || at > size) { at = size + 1; return }
		if (c == "{" || c == "[") {
			at++
			for (n = 0; at <= size; n++) {
				blank()
				if (index("}]", substr(text, at, 1))) { at++; return }
				if (substr(text, at, 1) == ",") { at++; blank() }
				if (c == "{") { key = quoted(); blank(); at++ } else key = n
				value(path == "" ? key : path "." key, depth + 1)
				blank()
			}
			return
		}
		if (c == "\"") { print path "\t" quoted(); return }
		match(substr(text, at, 64), /^[^],} \t\r\n]*/)
		print path "\t" substr(text, at, RLENGTH)
		at += RLENGTH > 0 ? RLENGTH : 1
	}'
}

# field PATH: the value at PATH in the list that fields printed, empty for null.
field() {
	awk -F '\t' -v path="$1" '$1 == path && $2 != "null" { print $2; exit }' "$work/fields"
}

# submit FILE: prints the id of the job, or nothing; $work/fields has the answer.
submit() {
	schema='"schema":"invoice"'
	if [ -f "${1%.*}.schema.json" ]; then
		schema="\"schema_json\":$(cat "${1%.*}.schema.json")"
	fi
	printf '{%s,"lane":"%s"}' "$schema" "${SLUICE_LANE:-interactive}" >"$work/options"
	key="example-$(cat "$1" "$work/options" | cksum | tr -cs '0-9' '-')${SLUICE_RUN:-1}"
	for try in 1 2 3 4 5; do
		status=$(call POST /v1/jobs -H "Idempotency-Key: $key" \
			-F "document=@$1" -F "options=<$work/options;type=application/json")
		fields <"$work/body" >"$work/fields"
		case $status in
		200 | 201 | 202) field id; return ;;
		429 | 503) ;; # asked to come back later
		*) return ;;
		esac
		after=$(sed -n 's/^[Rr]etry-[Aa]fter: *\([0-9][0-9]*\).*/\1/p' "$work/head" | head -n 1)
		[ "$try" -lt 5 ] && sleep "$([ "${after:-2}" -lt 30 ] && echo "${after:-2}" || echo 30)"
	done
}

# row FILE STATE TIER DEGRADED RESULT
row() { printf '%-30s %-10s %-5s %-9s %s\n' "$@"; }

# report FILE: prints the row of the job in $work/fields.
report() {
	state=$(field state) tier=$(field quality.tier) degraded=$(field quality.degraded)
	tier=${tier:-$(field tier)}
	case $state in
	succeeded)
		result=$(field result.data.total)
		currency=$(field result.data.currency)
		if [ -n "$result" ]; then
			result="total $result${currency:+ $currency}"
		else
			result="$(grep -c '^result\.data\.' "$work/fields") values"
		fi ;;
	in_review) result=$(field review.reason) ;;
	*) result=$(field failure.class) ;;
	esac
	row "$1" "$state" "${tier:--}" "${degraded:--}" "${result:--}"
}

# ended STATE: whether nothing more will happen to the job by itself.
ended() {
	case $1 in
	succeeded | failed | cancelled | expired | in_review) return 0 ;;
	*) return 1 ;;
	esac
}

if [ $# -eq 0 ]; then
	set -- "$here"/*.pdf "$here"/*.txt
fi

echo "Submitting $# documents to $url" >&2
for file in "$@"; do
	id=$(submit "$file")
	if [ -n "$id" ]; then
		printf '%s\t%s\n' "$id" "$file" >>"$work/jobs"
		continue
	fi
	failed=1
	status=$(sed -n '1s/^HTTP[^ ]* \([0-9]*\).*/\1/p' "$work/head")
	fields <"$work/body" >"$work/fields"
	why=$(field title)
	echo "${file##*/} was not accepted: ${status:-no answer} ${why:-$(cat "$work/errors")}" >&2
done

row FILE STATE TIER DEGRADED 'TOTAL OR REASON'
[ -f "$work/jobs" ] || exit 1
deadline=$(($(date +%s) + ${SLUICE_WAIT:-300}))
tab=$(printf '\t')
while IFS=$tab read -r id file; do
	while :; do
		asked=$(date +%s)
		left=$((deadline - asked))
		[ "$left" -gt 30 ] && left=30
		[ "$left" -lt 1 ] && left=1
		status=$(call GET "/v1/jobs/$id?wait=$left" </dev/null)
		fields <"$work/body" >"$work/fields"
		ended "$(field state)" && break
		now=$(date +%s)
		if [ "$now" -ge "$deadline" ] || [ "$status" = 404 ]; then
			failed=1
			break
		fi
		[ $((now - asked)) -lt 1 ] && sleep 1 # the server did not wait
	done
	report "${file##*/}"
done <"$work/jobs"
exit "$failed"
