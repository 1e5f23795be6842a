package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
	"unicode"

	"github.com/google/go-cmp/cmp"

	"github.com/sluicehq/sluice/pkg/client"
)

// result is what a run of the program left behind.
type result struct {
	code     int
	out, err string
}

// dlqctl runs the program in this process against a server.
func dlqctl(t *testing.T, url string, tty bool, args ...string) result {
	t.Helper()
	var out, err bytes.Buffer
	inv := invocation{
		args: args, now: morning, patience: time.Minute, pulse: 10 * time.Millisecond, stdin: strings.NewReader(""), stdout: &out, stderr: &err,
		stdoutTTY: tty, stderrTTY: tty,
		env: func(name string) string {
			return map[string]string{"SLUICE_SERVER": url, "SLUICE_API_KEY": operatorKey}[name]
		},
	}
	if tty {
		inv.width = 100
	}
	code := run(t.Context(), inv)
	return result{code, out.String(), err.String()}
}

// hostile is a server that answers every request in the same way.
func hostile(t *testing.T, media, body string, status int) string {
	t.Helper()
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", media)
		w.WriteHeader(status)
		_, _ = io.WriteString(w, body)
	}))
	t.Cleanup(srv.Close)
	return srv.URL
}

// evil moves the cursor, colours, sets the title, reverses, hides and breaks
// lines, and is no UTF-8 at its end.
const evil = "\x1b[2J\x1b]0;owned\x07\u009b31m\u202egnp.\u2066\u200b\r\n\ttab\x7f \\ \xff"

// evilJSON is evil in each text that a server sends.
func evilJSON(t *testing.T) string {
	t.Helper()
	text, err := json.Marshal(evil)
	if err != nil {
		t.Fatal(err)
	}
	s := string(text)
	job := `{"id":"job_1","state":"failed","lane":S,"tenant":S,"schema":S,"tier":3,"run":2,"labels":{S:S},"document":{"media_type":S,"sha256":S},
	 "accepted_at":"2026-11-22T09:00:00Z","cancel_reason":S,"failure":{"class":S,"reason":S,"provider":S},
	 "review":{"reason":S,"candidates":[{"tier":2,"reasons":[S],"data":{"a":S}}]},"result":{"data":{S:[S]}},
	 "quality":{"tier":2,"degraded":true,"served_model":S,"reasons":[S],"lost":[S]},
	 "progress":{"phase":S,"reason":S,"gate":S},"notices":[S]}`
	attempts := `[{"generation":2,"n":1,"tier":1,"kind":S,"provider":S,"model":S,"outcome":S,"class":S,"why":S,"billed":S,"started_at":"2026-11-22T09:00:00Z","ms":9},
	 {"generation":2,"n":2,"tier":1,"kind":"skip","outcome":"skipped","why":S}]`
	history := `[{"type":"queued","generation":2,"lane":S,"state":S,"actor":S,"reason":S},{"type":S,"generation":2,"lane":S,"state":S,"actor":S,"reason":S}]`
	problem := `"code":S,"title":S,"detail":S,"request_id":S,"errors":[{"pointer":S,"reason":S}],"suggestions":[S]`
	// One document that is a job, a list, a dead letter, a version and a
	// problem at once.
	all := `{"data":[` + job + `],"job":` + job + `,"attempts":` + attempts + `,"history":` + history + `,"summary":S,"version":S,` + problem + `,` + job[1:]
	return strings.ReplaceAll(strings.Replace(all, `"version":S,`, ``, 1), "S", s)
}

// evilOf is evil in each text of an answer about tenants, operations or groups.
func evilOf(t *testing.T, what string) string {
	t.Helper()
	text, err := json.Marshal(evil)
	if err != nil {
		t.Fatal(err)
	}
	item := map[string]string{
		"tenants": `"name":"acme","weight":1,"lanes":[S],"updated_by":S,"pause":{"reason":S,"by":S,"refuse_intake":true,"until":"2026-11-22T12:00:00Z"},"max_running":-5,"bytes_per_second":9000`,
		"ops": `"id":"op_1","state":S,"action":S,"why":S,"tenant":S,"by":S,"state_by":S,"driver":S,"reason":S,"lane":S,"deadline":S,"rate":1e-9,"stop_if":{"failure_rate":1e300},
		 "filter":{"state":[S],"tenant":S,"lane":[S],"schema":S,"class":[S],"provider":S,"reason":[S],"batch":S,"labels":{S:S}},
		 "selection":{"matched":9,"selected":2,"skipped":{S:7},"by":{"class":{S:1},"state":{S:-1}},"sample":[{"job":S}],"est_duration_s":1e300},
		 "counts":{"total":-3,"done":9,"failed":5,"failed_by":{S:5}}`,
		"gates":  `"gate":"near","closed":true,"until":"2026-11-22T12:00:00Z","reason":S,"by":S`,
		"groups": `"fingerprint":S,"state":S,"class":S,"provider":S,"schema":S,"count":-1,"sample":"job_1"`,
		"audit":  `"n":1,"job":"job_1","result":S,"why":S,"state":S`,
		"lanes":  `"lanes":[{"lane":S,"tenant":S,"queued":1,"running":-1,"oldest_s":1e300,"service_ms":9223372036854775807,"paused":true}],"slots":-1,"workers":0`,
	}[what]
	all := `{"operation":"op_1","next_cursor":S,"data":[{` + item + `}],` + item + `}`
	if what == "groups" || what == "audit" {
		all = `{"operation":"op_1","truncated":true,"data":[{` + item + `}]}`
	}
	return strings.ReplaceAll(all, "S", string(text))
}

func TestTextsAboutTenantsAndOperationsAreNoOrdersEither(t *testing.T) {
	t.Parallel()
	for what, lines := range map[string][]string{
		"tenants": {"tenants ls -n 1", "tenants show acme", "tenants set acme --weight 2", "tenants pause acme", "__complete tenants show a"},
		"ops": {
			"ops ls -n 1", "ops show op_1", "ops watch op_1", "ops start op_1", "requeue --class x -y", "requeue --class x", "requeue --class x --dry-run",
			"__complete ops show op",
		},
		"gates":  {"gates ls", "gates close near --for 1h --reason x", "gates auto near"},
		"groups": {"groups", "__complete ls --class x", "__complete ls --provider x"},
		"audit":  {"ops audit op_1", "ops audit op_1 --failed"},
		"lanes":  {"lanes"},
	} {
		body := evilOf(t, what)
		if !json.Valid([]byte(body)) {
			t.Fatalf("the test's own JSON is broken: %s", body)
		}
		url := hostile(t, "application/json", body, http.StatusOK)
		for _, line := range lines {
			for _, format := range []string{"", " -o table", " -o json", " -o tsv", " -o name"} {
				for _, tty := range []bool{true, false} {
					if strings.HasPrefix(line, "__") && format != "" {
						continue
					}
					checkSafe(t, url, tty, line+format)
				}
			}
		}
	}
}

// checkSafe reports what of an output a terminal would obey.
func checkSafe(t *testing.T, url string, tty bool, line string) {
	t.Helper()
	r := dlqctl(t, url, tty, strings.Fields(line)...)
	plain := strings.NewReplacer(
		"\x1b[0m", "", "\x1b[1m", "", "\x1b[2m", "", "\x1b[31m", "", "\x1b[32m", "", "\x1b[33m", "", "\x1b[36m", "",
	).Replace(r.out)
	messages := strings.ReplaceAll(strings.ReplaceAll(r.err, "\x1b[K", ""), "\r", "")
	if found := unsafe(plain + messages); len(found) > 0 {
		t.Errorf("%s (terminal %t, %d) wrote %q\n%q%q", line, tty, r.code, found, r.out, r.err)
	}
	if strings.Contains(line, "-o tsv") && !strings.Contains(line, "show") && strings.Count(r.out, "\n") > 1 {
		t.Errorf("%s: a text broke a line:\n%s", line, r.out)
	}
	if strings.Contains(r.err, "panic") || strings.Contains(r.out, "NaN") {
		t.Errorf("%s: %s%s", line, r.out, r.err)
	}
}

// unsafe finds what a terminal would obey.
func unsafe(text string) []rune {
	var found []rune
	for _, r := range text {
		if r != '\n' && r != '\t' && !unicode.IsPrint(r) && !slices.Contains(found, r) {
			found = append(found, r)
		}
	}
	return found
}

func TestTextsOfAServerNeverReachTheTerminalAsOrders(t *testing.T) {
	t.Parallel()
	body := evilJSON(t)
	if !json.Valid([]byte(body)) {
		t.Fatalf("the test's own JSON is broken: %s", body)
	}
	good, bad := hostile(t, "application/json", body, http.StatusOK), hostile(t, "application/problem+json", body, http.StatusConflict)
	for _, line := range []string{
		"ls", "ls -o table", "ls -o json", "ls -o name", "ls -o tsv", "show job_1", "show job_1 -o json", "show job_1 -o tsv",
		"explain job_1", "explain job_1 -o json", "explain job_1 -o tsv", "requeue job_1 job_2 -y", "requeue job_1", "requeue job_1 -o json",
		"requeue job_1 -o tsv", "cancel job_1", "reject job_1", "version", "__complete show job",
	} {
		for _, tty := range []bool{true, false} {
			for _, url := range []string{good, bad} {
				r := dlqctl(t, url, tty, strings.Fields(line)...)
				plain := strings.NewReplacer("\x1b[0m", "", "\x1b[1m", "", "\x1b[2m", "", "\x1b[31m", "", "\x1b[32m", "", "\x1b[33m", "", "\x1b[36m", "").Replace(r.out)
				if found := unsafe(plain + r.err); len(found) > 0 {
					t.Errorf("%s (terminal %t, %d) wrote %q\n%q%q", line, tty, r.code, found, r.out, r.err)
				}
				if strings.Contains(line, "-o tsv") && !strings.Contains(line, "show") && strings.Count(r.out, "\n") > 3 {
					t.Errorf("%s: a text broke a line:\n%s", line, r.out)
				}
			}
		}
	}
}

func TestAQueuedJobTellsWhenItMayStart(t *testing.T) {
	t.Parallel()
	for eta, want := range map[string]string{"4.5": "starts_in\tabout 4.5s\n", "1e300": "starts_in\tabout 11d", "-1e300": "starts_in\tabout 0ms\n"} {
		url := hostile(t, "application/json", `{"job":{"id":"job_1","state":"queued","progress":{"phase":"queued","eta_s":`+eta+`}}}`, http.StatusOK)
		if r := dlqctl(t, url, false, "show", "job_1"); !strings.Contains(r.out, want) {
			t.Errorf("eta %s: %s", eta, r.out)
		}
	}
}

func TestJSONMeansTheSameAfterItWasMadeSafe(t *testing.T) {
	t.Parallel()
	url := hostile(t, "application/json", evilJSON(t), http.StatusOK)
	for _, tty := range []bool{true, false} {
		var got struct {
			Data []client.Job `json:"data"`
		}
		if err := json.Unmarshal([]byte(dlqctl(t, url, tty, "ls", "-o", "json").out), &got); err != nil {
			t.Fatal(err)
		}
		want := strings.ToValidUTF8(evil, "\ufffd")
		if len(got.Data) != 1 || got.Data[0].Failure.Reason != want || got.Data[0].Labels[want] != want {
			t.Errorf("the texts changed: %+v", got.Data)
		}
	}
}

func TestServersThatAreNoneAreNamed(t *testing.T) {
	t.Parallel()
	big := `{"data":[` + strings.Repeat(`{"id":"job_1","state":"failed"},`, 400_000) + `{}]}`
	for _, tc := range []struct {
		name, url string
		code      int
		err       string
	}{
		{"a proxy's page", hostile(t, "text/html", "<html>c4n4ry</html>", http.StatusBadGateway), exitUnavailable, "The answer is not Sluice's own (502 status)"},
		{"a portal's page", hostile(t, "text/html", "<html>c4n4ry</html>", http.StatusOK), exitError, "it is not the JSON of this API"},
		{"too much", hostile(t, "application/json", big, http.StatusOK), exitError, "it has more than 8388608 bytes"},
		{"a wrong path", hostile(t, "application/problem+json", `{"code":"route_not_found"}`, http.StatusNotFound), exitError, "404 route_not_found"},
		{"a redirect", hostile(t, "text/html", "", http.StatusFound), exitError, "302 status"},
		{"our fault", hostile(t, "application/problem+json", `{"code":"internal","title":"Something went wrong"}`, 500), exitError, "500 internal"},
		{"throttled", hostile(t, "application/problem+json", `{"code":"rate_limited","retry_after_ms":90000}`, 429), exitUnavailable, "Try again in 90s."},
		{"draining", hostile(t, "application/problem+json", `{"code":"draining","suggestions":["wait"]}`, 503), exitUnavailable, "Suggested: wait"},
	} {
		r := dlqctl(t, tc.url, false, "ls")
		if r.code != tc.code || !strings.Contains(r.err, tc.err) || r.out != "" {
			t.Errorf("%s: code %d, want %d; %q should hold %q", tc.name, r.code, tc.code, r.err, tc.err)
		}
		if strings.Contains(r.err, "c4n4ry") || strings.Contains(r.err, operatorKey) {
			t.Errorf("%s: the message holds what it must not: %s", tc.name, r.err)
		}
	}
}

func TestASlowServerEndsWithTheTimeout(t *testing.T) {
	t.Parallel()
	srv := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }))
	t.Cleanup(srv.Close)
	started := time.Now()
	r := dlqctl(t, srv.URL, false, "ls", "--timeout", "50ms")
	if r.code != exitUnavailable || !strings.Contains(r.err, "gave no answer within 50ms (--timeout)") {
		t.Errorf("code %d: %s", r.code, r.err)
	}
	if took := time.Since(started); took > 10*time.Second {
		t.Errorf("it took %s", took)
	}
	if r := dlqctl(t, srv.URL, false, "version", "--timeout", "50ms"); r.code != exitOK || r.out != "dlqctl\tdev\n" {
		t.Errorf("version: code %d, %q", r.code, r.out)
	}
}

// pages is a server whose lists go on.
func pages(t *testing.T, next func(cursor string, limit int) (jobs int, cursorAfter string)) string {
	t.Helper()
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		limit, err := strconv.Atoi(r.URL.Query().Get("limit"))
		if err != nil {
			t.Error(err)
		}
		n, cursor := next(r.URL.Query().Get("cursor"), limit)
		data := strings.TrimSuffix(strings.Repeat(`{"id":"job_1","state":"failed"},`, n), ",")
		_, _ = fmt.Fprintf(w, `{"data":[%s],"next_cursor":%q}`, data, cursor)
	}))
	t.Cleanup(srv.Close)
	return srv.URL
}

func TestListsGoOnUntilTheLimitOrTheEnd(t *testing.T) {
	t.Parallel()
	// 450 jobs in all.
	url := pages(t, func(cursor string, limit int) (int, string) {
		at, _ := strconv.Atoi(cursor)
		n := min(limit, 450-at)
		if at+n == 450 {
			return n, ""
		}
		return n, strconv.Itoa(at + n)
	})
	for args, want := range map[string]struct {
		lines  int
		cursor string
	}{
		"--all": {450, ""}, "": {50, "50"}, "--limit 201": {201, "201"}, "--limit 1000": {450, ""}, "--limit 3 --cursor 448": {2, ""},
	} {
		r := dlqctl(t, url, false, strings.Fields("ls "+args)...)
		if got := strings.Count(r.out, "\n"); r.code != exitOK || got != want.lines {
			t.Errorf("ls %s: code %d, %d lines, want %d", args, r.code, got, want.lines)
		}
		var list struct {
			Data []any  `json:"data"`
			Next string `json:"next_cursor"`
		}
		r = dlqctl(t, url, false, strings.Fields("ls -o json "+args)...)
		if err := json.Unmarshal([]byte(r.out), &list); err != nil || len(list.Data) != want.lines || list.Next != want.cursor {
			t.Errorf("ls -o json %s: %d jobs, next %q, error %v", args, len(list.Data), list.Next, err)
		}
	}
}

func TestPagesThatDoNotEndAreLeft(t *testing.T) {
	t.Parallel()
	for name, next := range map[string]func(string, int) (int, string){
		"the same again": func(string, int) (int, string) { return 1, "again" },
		"empty ones":     func(c string, _ int) (int, string) { return 0, c + "x" },
		"too many":       func(string, int) (int, string) { return client.MaxPage + 1, "" },
	} {
		if r := dlqctl(t, pages(t, next), false, "ls", "--all", "-o", "name"); r.code != exitError {
			t.Errorf("%s: code %d: %s", name, r.code, r.err)
		}
	}
	r := dlqctl(t, pages(t, func(c string, limit int) (int, string) { return limit, c + "x" }), false, "ls", "--all", "-o", "name")
	if r.code != exitError || !strings.Contains(r.err, "more than 100000 jobs") || strings.Count(r.out, "\n") != maxAll {
		t.Errorf("without end: code %d, %d lines: %s", r.code, strings.Count(r.out, "\n"), r.err)
	}
}

// TestABulkStopsWhereTheNextJobWouldFareNoBetter counts what reaches the
// server, too.
func TestABulkStopsWhereTheNextJobWouldFareNoBetter(t *testing.T) {
	t.Parallel()
	asked := 0
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		if asked++; asked == 1 {
			_, _ = io.WriteString(w, `{"id":"job_1","state":"queued","lane":"batch","run":2,"deadline_at":"2026-11-22T11:00:00Z"}`)
			return
		}
		w.Header().Set("Content-Type", "application/problem+json")
		w.WriteHeader(http.StatusServiceUnavailable)
		_, _ = io.WriteString(w, `{"code":"engine_unavailable","title":"The store is away","detail":"Wait.","retry_after_ms":2000}`)
	}))
	t.Cleanup(srv.Close)
	r := dlqctl(t, srv.URL, false, "requeue", "job_1", "job_2", "job_3", "-y")
	want := "job_1\trequeued\trun 2 in lane batch, deadline 2026-11-22 11:00:00Z\njob_2\tunavailable\tThe store is away: Wait.\njob_3\tnot_tried\t\n"
	if diff := cmp.Diff(want, r.out); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if r.code != exitPartial || asked != 2 || !strings.Contains(r.err, "1 requeued, 1 failed, 1 not tried.") || !strings.Contains(r.err, "Try again in 2.0s.") {
		t.Errorf("code %d after %d requests: %s", r.code, asked, r.err)
	}
	if r := dlqctl(t, srv.URL, false, "requeue", "job_1", "job_2", "-y"); r.code != exitUnavailable {
		t.Errorf("with none done the code is %d, want %d", r.code, exitUnavailable)
	}
}

func TestAFullDiskIsAnError(t *testing.T) {
	t.Parallel()
	var messages bytes.Buffer
	code := run(t.Context(), invocation{
		args: []string{"help", "exit-codes"}, env: func(string) string { return "" }, now: morning,
		stdin: strings.NewReader(""), stdout: full{}, stderr: &messages,
	})
	if code != exitError || !strings.Contains(messages.String(), "no space left") {
		t.Errorf("code %d: %s", code, messages.String())
	}
}

type full struct{}

func (full) Write([]byte) (int, error) { return 0, fmt.Errorf("write: no space left on device") }

func TestListsOfOtherThingsDistrustTheirPages(t *testing.T) {
	t.Parallel()
	for name, answer := range map[string]string{
		"the same again": `{"data":[{"name":"a"}],"next_cursor":"again"}`, "empty": `{"data":[],"next_cursor":"x"}`, "too many": `{"data":[{"name":"a"},{"name":"b"}]}`,
	} {
		r := dlqctl(t, hostile(t, "application/json", answer, http.StatusOK), false, "tenants", "ls", "-n", "1", "--cursor", "again")
		if r.code != exitError || r.out != "" || !strings.Contains(r.err, "the server") {
			t.Errorf("%s: code %d: %q %q", name, r.code, r.out, r.err)
		}
	}
}

func TestNoSuggestionHoldsWordsThatAShellWouldObey(t *testing.T) {
	t.Parallel()
	for _, group := range []string{`"class":"a;reboot"`, `"class":"rate","provider":"$(reboot)"`, `"class":""`, `"class":"two words","state":"in_review"`} {
		url := hostile(t, "application/json", `{"data":[{"state":"failed","sample":"job_1",`+group+`}]}`, http.StatusOK)
		r := dlqctl(t, url, true, "groups")
		if _, next, _ := strings.Cut(r.err, "Next:"); r.code != exitOK || next == "" || strings.Contains(next, "reboot") || strings.Contains(next, "--class") || strings.Contains(next, "words") {
			t.Errorf("%s: code %d: %q", group, r.code, r.err)
		}
	}
}
