package asynqjobs_test

import (
	"encoding/json"
	"flag"
	"fmt"
	"maps"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/redis/go-redis/v9"

	"github.com/sluicehq/sluice/pkg/jobs"
	"github.com/sluicehq/sluice/pkg/jobs/asynqjobs"
	"github.com/sluicehq/sluice/pkg/jobs/asynqjobs/redistest"
	"github.com/sluicehq/sluice/pkg/jobs/jobstest"
)

// A fleet is upgraded process by process, so what one version has written the
// next must read and work on. The files hold what the first version wrote, as
// commands of Redis and as the jobs that it answered, and stay as they are. A
// new version whose layout differs gets files of its own beside them.
const (
	layoutCommands = "testdata/layout-1.redis"
	layoutJobs     = "testdata/layout-1.jobs"
)

var updateLayout = flag.Bool("update-layout", false, "write the files of a layout that was never released")

// layoutTime is when the stored jobs were accepted.
var layoutTime = time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)

func atTime(at time.Time) func(*asynqjobs.Config) {
	return func(c *asynqjobs.Config) { c.Clock = func() time.Time { return at } }
}

func TestJobsOfAnEarlierVersionAreReadAndFinished(t *testing.T) {
	t.Parallel()
	if *updateLayout {
		writeLayout(t)
	}
	r := redistest.Start(t, redistest.Settings{})
	restoreLayout(t, dial(t, r))
	e := open(t, r, atTime(layoutTime.Add(time.Minute)))

	text, err := os.ReadFile(layoutJobs)
	if err != nil {
		t.Fatal(err)
	}
	var ids []jobs.ID
	for line := range strings.Lines(string(text)) {
		var want jobs.Job
		if err := json.Unmarshal([]byte(line), &want); err != nil {
			t.Fatal(err)
		}
		ids = append(ids, want.ID)
		got, err := e.Get(t.Context(), "", want.ID)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("job %s (-written +read):\n%s", want.ID, diff)
		}
	}
	jobstest.CheckHistories(t, e, ids)
	finishLayout(t, e, ids)
	jobstest.CheckHistories(t, e, ids)
}

// finishLayout brings every job that has not ended to its end.
func finishLayout(t *testing.T, e *asynqjobs.Engine, ids []jobs.ID) {
	t.Helper()
	done := jobs.Outcome{Kind: jobs.Succeed, Tier: 1, Result: &jobs.Result{Data: []byte(`{"total":1}`)}}
	running, reviewed := layoutJob(t, e, "job_000002"), layoutJob(t, e, "job_000004")
	if _, err := e.Finish(t.Context(), running.Lease, done); err != nil {
		t.Errorf("finish a loan of the earlier version: %v", err)
	}
	if _, err := e.Apply(t.Context(), jobs.Command{Kind: jobs.SendBack, Job: reviewed.ID, Actor: "ann"}); err != nil {
		t.Errorf("send back: %v", err)
	}
	if s, err := e.Sweep(t.Context()); s.Woken != 1 || err != nil {
		t.Errorf("swept %+v, %v; want one woken", s, err)
	}
	for _, l := range lend(t, e, "new", 8) {
		if _, err := e.Finish(t.Context(), l.Lease, done); err != nil {
			t.Error(err)
		}
	}
	for _, id := range ids {
		if j := layoutJob(t, e, id); j.State == jobs.Queued || j.State == jobs.Running || j.State == jobs.Parked {
			t.Errorf("job %s is still %s", id, j.State)
		}
	}
	rec, err := e.Records().Get(t.Context(), "delivery", "first")
	if err != nil || string(rec.Value) != `{"tries":1}` {
		t.Errorf("record: %s, %v", rec.Value, err)
	}
}

func layoutJob(t *testing.T, e *asynqjobs.Engine, id jobs.ID) jobs.Job {
	t.Helper()
	j, err := e.Get(t.Context(), "", id)
	if err != nil {
		t.Fatal(err)
	}
	return j
}

// restoreLayout runs the commands: on each line a name and quoted arguments.
func restoreLayout(t *testing.T, client *redis.Client) {
	t.Helper()
	text, err := os.ReadFile(layoutCommands)
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(text)) {
		name, rest, _ := strings.Cut(strings.TrimSpace(line), " ")
		args := []any{name}
		for rest != "" {
			quoted, err := strconv.QuotedPrefix(rest)
			if err != nil {
				t.Fatalf("%q: %v", line, err)
			}
			arg, err := strconv.Unquote(quoted)
			if err != nil {
				t.Fatalf("%q: %v", line, err)
			}
			args, rest = append(args, arg), strings.TrimPrefix(rest[len(quoted):], " ")
		}
		if err := client.Do(t.Context(), args...).Err(); err != nil {
			t.Fatalf("%q: %v", line, err)
		}
	}
}

// writeLayout writes the files anew.
func writeLayout(t *testing.T) {
	t.Helper()
	r := redistest.Start(t, redistest.Settings{})
	e := open(t, r, atTime(layoutTime))
	fillLayout(t, e)
	all, err := e.List(t.Context(), jobs.Filter{}, jobs.Page{Limit: jobs.MaxPage})
	if err != nil {
		t.Fatal(err)
	}
	slices.Reverse(all)
	var lines strings.Builder
	for _, j := range all {
		text, err := json.Marshal(layoutJob(t, e, j.ID))
		if err != nil {
			t.Fatal(err)
		}
		lines.Write(append(text, '\n'))
	}
	for name, text := range map[string]string{layoutJobs: lines.String(), layoutCommands: dumpLayout(t, dial(t, r))} {
		if err := os.WriteFile(name, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

// fillLayout makes a job in every state, in the order of their numbers, and a
// record.
func fillLayout(t *testing.T, e *asynqjobs.Engine) {
	t.Helper()
	review := jobs.Outcome{Kind: jobs.ToReview, Tier: 3, Reason: "all_tiers_failed", Candidates: []jobs.Candidate{
		{Tier: 1, Data: []byte(`{"total":2}`), Reasons: []string{"not_grounded"}},
	}}
	until := layoutTime.Add(30 * time.Second)
	outcomes := []*jobs.Outcome{
		nil, // 2 stays lent
		{Kind: jobs.Park, Reason: "gated", Gate: "p/m", Until: until},
		&review,
		{Kind: jobs.Succeed, Tier: 1, Result: &jobs.Result{Data: []byte(`{"total":3}`)}},
		{Kind: jobs.Fail, Failure: &jobs.Failure{Class: "corrupt", Reason: "cannot be read"}},
		{Kind: jobs.Release, Reason: "shutdown"},
	}
	for n, o := range outcomes {
		s := numbered(n + 2)
		s.DeadlineAt, s.Key, s.Body = layoutTime.Add(time.Hour), fmt.Sprint("key-", n), []byte("Total: EUR 1.00")
		s.Document = jobs.Document{MediaType: "text/plain", Size: int64(len(s.Body)), SHA256: strings.Repeat("0", 64)}
		s.Labels = map[string]string{"team": "north"}
		accept(t, e, s)
		l, err := e.Lend(t.Context(), jobs.LendRequest{Worker: "old", Max: 1, Slots: 8, Lease: time.Hour})
		if err != nil || len(l) != 1 {
			t.Fatalf("lent %d, %v", len(l), err)
		}
		row := jobs.Attempt{N: 1, Tier: 1, Kind: jobs.CallAttempt, Provider: "p", Model: "m", StartedAt: layoutTime}
		if err := e.PutAttempts(t.Context(), l[0].Lease, row); err != nil {
			t.Fatal(err)
		}
		if o == nil {
			continue
		}
		row.EndedAt, row.Outcome, row.Usage.CostMicroUSD = layoutTime, jobs.AttemptOK, 7
		o.Attempts = []jobs.Attempt{row}
		if o.Kind == jobs.Succeed {
			o.Writes = []jobs.Write{{Record: jobs.Record{Kind: "delivery", ID: "first", Value: []byte(`{"tries":1}`), Index: map[string]string{"job": string(s.ID)}}}}
		}
		if _, err := e.Finish(t.Context(), l[0].Lease, *o); err != nil {
			t.Fatal(err)
		}
	}
	queued := numbered(8)
	queued.DeadlineAt, queued.Lane = layoutTime.Add(time.Hour), jobs.Batch
	cancelled := queued
	cancelled.ID = "job_000009"
	accept(t, e, queued, cancelled)
	if _, err := e.Apply(t.Context(), jobs.Command{Kind: jobs.Cancel, Job: cancelled.ID, Actor: "ann", Reason: "enough"}); err != nil {
		t.Fatal(err)
	}
}

// dumpLayout writes what the engine stored as commands, in the order of keys.
func dumpLayout(t *testing.T, client *redis.Client) string {
	t.Helper()
	keys, err := client.Keys(t.Context(), "{sluice}:*").Result()
	if err != nil {
		t.Fatal(err)
	}
	slices.Sort(keys)
	var b strings.Builder
	for _, key := range keys {
		kind, err := client.Type(t.Context(), key).Result()
		if err != nil {
			t.Fatal(err)
		}
		command, args := dumpKey(t, client, kind, key)
		fmt.Fprintf(&b, "%s %q", command, key)
		for _, a := range args {
			fmt.Fprintf(&b, " %q", a)
		}
		b.WriteByte('\n')
	}
	return b.String()
}

func dumpKey(t *testing.T, client *redis.Client, kind, key string) (command string, args []string) {
	t.Helper()
	ctx, err := t.Context(), error(nil)
	switch kind {
	case "string":
		var value string
		value, err = client.Get(ctx, key).Result()
		command, args = "SET", []string{value}
	case "list":
		args, err = client.LRange(ctx, key, 0, -1).Result()
		command = "RPUSH"
	case "set":
		args, err = client.SMembers(ctx, key).Result()
		slices.Sort(args)
		command = "SADD"
	case "hash":
		var all map[string]string
		all, err = client.HGetAll(ctx, key).Result()
		for _, field := range slices.Sorted(maps.Keys(all)) {
			args = append(args, field, all[field])
		}
		command = "HSET"
	case "zset":
		var all []redis.Z
		all, err = client.ZRangeWithScores(ctx, key, 0, -1).Result()
		for _, z := range all {
			args = append(args, strconv.FormatFloat(z.Score, 'f', -1, 64), fmt.Sprint(z.Member))
		}
		command = "ZADD"
	default:
		t.Fatalf("key %s is a %s", key, kind)
	}
	if err != nil {
		t.Fatal(err)
	}
	return command, args
}
