package jobs_test

import (
	"errors"
	"fmt"
	"maps"
	"strings"
	"testing"
	"time"

	"github.com/sluicehq/sluice/pkg/jobs"
)

// judge wants each of cases to be valid exactly when its name begins with
// "ok", and errors to be short and to wrap ErrInvalid.
func judge[T any](t *testing.T, validate func(T) error, cases map[string]T) {
	t.Helper()
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			err := validate(c)
			if strings.HasPrefix(name, "ok") {
				if err != nil {
					t.Errorf("got %v, want it valid", err)
				}
				return
			}
			if !errors.Is(err, jobs.ErrInvalid) {
				t.Fatalf("got %v, want ErrInvalid", err)
			}
			if len(err.Error()) > 200 {
				t.Errorf("the message has %d bytes: %.80s…", len(err.Error()), err)
			}
		})
	}
}

func text(n int) string { return strings.Repeat("x", n) }

func TestSubmissionsAreValidatedAtTheirLimits(t *testing.T) {
	with := func(change func(*jobs.Submission)) jobs.Submission {
		s := sound()
		change(&s)
		return s
	}
	labels := func(n int) map[string]string {
		m := make(map[string]string)
		for i := range n {
			m[fmt.Sprint("label", i)] = text(jobs.MaxLabelBytes)
		}
		return m
	}
	judge(t, jobs.Submission.Validate, map[string]jobs.Submission{
		"ok":                   sound(),
		"ok longest ID":        with(func(s *jobs.Submission) { s.ID = jobs.ID(text(64)) }),
		"long ID":              with(func(s *jobs.Submission) { s.ID = jobs.ID(text(65)) }),
		"no ID":                with(func(s *jobs.Submission) { s.ID = "" }),
		"no tenant":            with(func(s *jobs.Submission) { s.Tenant = "" }),
		"ill-formed tenant":    with(func(s *jobs.Submission) { s.Tenant = "a b" }),
		"ok parent":            with(func(s *jobs.Submission) { s.Parent = "job_0" }),
		"ill-formed parent":    with(func(s *jobs.Submission) { s.Parent = "job/0" }),
		"ok batch":             with(func(s *jobs.Submission) { s.Batch = "batch_0" }),
		"ill-formed batch":     with(func(s *jobs.Submission) { s.Batch = "a b" }),
		"lane":                 with(func(s *jobs.Submission) { s.Lane = 4 }),
		"ok longest key":       with(func(s *jobs.Submission) { s.Key = strings.Repeat("~", 255) }),
		"long key":             with(func(s *jobs.Submission) { s.Key = text(256) }),
		"key with newline":     with(func(s *jobs.Submission) { s.Key = "a\n" }),
		"key with DEL":         with(func(s *jobs.Submission) { s.Key = "a\x7f" }),
		"key outside ASCII":    with(func(s *jobs.Submission) { s.Key = "ä" }),
		"ok many labels":       with(func(s *jobs.Submission) { s.Labels = labels(16) }),
		"too many labels":      with(func(s *jobs.Submission) { s.Labels = labels(17) }),
		"long label":           with(func(s *jobs.Submission) { s.Labels = map[string]string{"a": text(129)} }),
		"label not UTF-8":      with(func(s *jobs.Submission) { s.Labels = map[string]string{"a": "\xff"} }),
		"label without a key":  with(func(s *jobs.Submission) { s.Labels = map[string]string{"": "a"} }),
		"ill-formed label key": with(func(s *jobs.Submission) { s.Labels = map[string]string{"a b": "a"} }),
		"no fingerprint":       with(func(s *jobs.Submission) { s.Fingerprint = "" }),
		"ok longest print":     with(func(s *jobs.Submission) { s.Fingerprint = text(64) }),
		"long fingerprint":     with(func(s *jobs.Submission) { s.Fingerprint = text(65) }),
		"no deadline":          with(func(s *jobs.Submission) { s.DeadlineAt = time.Time{} }),
		"size":                 with(func(s *jobs.Submission) { s.Body = []byte("12") }),
		"ok longest cost":      with(func(s *jobs.Submission) { s.Cost = 24 * time.Hour }),
		"high cost":            with(func(s *jobs.Submission) { s.Cost = 24*time.Hour + 1 }),
		"negative cost":        with(func(s *jobs.Submission) { s.Cost = -1 }),
		"negative limit":       with(func(s *jobs.Submission) { s.MaxQueued = -1 }),
		"invalid spec":         with(func(s *jobs.Submission) { s.Spec.MaxTier = 5 }),
	})
}

func TestSpecsAreValidatedAtTheirLimits(t *testing.T) {
	schema := func(n int) []byte { return []byte(`"` + text(n-2) + `"`) }
	judge(t, jobs.Spec.Validate, map[string]jobs.Spec{
		"ok name":         {Schema: text(64)},
		"long name":       {Schema: text(65)},
		"ok schema":       {SchemaJSON: schema(64 << 10)},
		"long schema":     {SchemaJSON: schema(64<<10 + 1)},
		"schema not JSON": {SchemaJSON: []byte(`{"a":}`)},
		"neither":         {},
		"both":            {Schema: "a", SchemaJSON: []byte(`{}`)},
		"ok full": {
			Schema: "a", Risk: jobs.RiskHigh, RequireFull: true, MaxTier: 4, MaxCostMicroUSD: 1,
		},
		"ok standard":   {Schema: "a", Risk: jobs.RiskStandard},
		"risk":          {Schema: "a", Risk: "some"},
		"tier 5":        {Schema: "a", MaxTier: 5},
		"negative tier": {Schema: "a", MaxTier: -1},
		"negative cost": {Schema: "a", MaxCostMicroUSD: -1},
	})
}

func TestOutcomesAreValidatedByTheirKind(t *testing.T) {
	with := func(change func(*jobs.Outcome)) jobs.Outcome {
		o := outcomes()[0]
		change(&o)
		return o
	}
	cases := map[string]jobs.Outcome{
		"no kind":        {},
		"unknown kind":   {Kind: jobs.OutcomeKind(text(1000))},
		"no result":      {Kind: jobs.Succeed},
		"empty result":   {Kind: jobs.Succeed, Result: &jobs.Result{}},
		"not JSON":       {Kind: jobs.Succeed, Result: &jobs.Result{Data: []byte("{")}},
		"no end":         {Kind: jobs.Park, Gate: "primary"},
		"no reason":      {Kind: jobs.ToReview},
		"ok candidate":   {Kind: jobs.ToReview, Reason: "r", Candidates: []jobs.Candidate{{Tier: 1}, {Tier: 2, Data: []byte(`1`)}}},
		"candidate":      {Kind: jobs.ToReview, Reason: "r", Candidates: []jobs.Candidate{{Tier: 1, Data: []byte(`no`)}}},
		"no failure":     {Kind: jobs.Fail},
		"no class":       {Kind: jobs.Fail, Failure: &jobs.Failure{Reason: "r"}},
		"ok tier 4":      with(func(o *jobs.Outcome) { o.Tier = 4 }),
		"tier 5":         with(func(o *jobs.Outcome) { o.Tier = 5 }),
		"negative tier":  with(func(o *jobs.Outcome) { o.Tier = -1 }),
		"service":        with(func(o *jobs.Outcome) { o.Service = -1 }),
		"ok attempt":     with(func(o *jobs.Outcome) { o.Attempts = []jobs.Attempt{{N: 1}, {N: 1000, Tier: 4}} }),
		"attempt 0":      with(func(o *jobs.Outcome) { o.Attempts = []jobs.Attempt{{N: 1}, {}} }),
		"attempt 1001":   with(func(o *jobs.Outcome) { o.Attempts = []jobs.Attempt{{N: 1001}} }),
		"attempt tier":   with(func(o *jobs.Outcome) { o.Attempts = []jobs.Attempt{{N: 1, Tier: -1}} }),
		"ok write":       with(func(o *jobs.Outcome) { o.Writes = []jobs.Write{{Record: jobs.Record{Kind: "k", ID: "r"}}} }),
		"write":          with(func(o *jobs.Outcome) { o.Writes = []jobs.Write{{Record: jobs.Record{Kind: "k"}}} }),
		"deletion of no": with(func(o *jobs.Outcome) { o.Writes = []jobs.Write{{Record: jobs.Record{ID: "r"}, Delete: true}} }),
		"ok deletion whose value does not count": with(func(o *jobs.Outcome) {
			r := jobs.Record{Kind: "k", ID: "r", Version: jobs.AnyVersion, Value: make([]byte, jobs.MaxRecordBytes+1)}
			o.Writes = []jobs.Write{{Record: r, Delete: true}}
		}),
	}
	for _, o := range outcomes() {
		cases["ok "+string(o.Kind)] = o
	}
	judge(t, jobs.Outcome.Validate, cases)
}

func TestCommandsAreValidatedByTheirKind(t *testing.T) {
	beyond := jobs.Lane(4)
	cases := map[string]jobs.Command{
		"no kind":      {Job: "j"},
		"unknown kind": {Job: "j", Kind: jobs.CommandKind(text(1000))},
		"no job":       {Kind: jobs.Cancel},
		"ok reason":    {Kind: jobs.Cancel, Job: "j", Reason: text(512)},
		"long reason":  {Kind: jobs.Cancel, Job: "j", Reason: text(513)},
		"lane":         {Kind: jobs.Requeue, Job: "j", Lane: &beyond},
		"no result":    {Kind: jobs.Complete, Job: "j"},
		"not JSON":     {Kind: jobs.Complete, Job: "j", Result: &jobs.Result{Data: []byte("x")}},
		"no lane":      {Kind: jobs.Move, Job: "j"},
		"ok actor":     {Kind: jobs.Cancel, Job: "j", Actor: text(256)},
		"long actor":   {Kind: jobs.Cancel, Job: "j", Actor: text(257)},
		"ok class":     {Kind: jobs.Reject, Job: "j", Class: jobs.Class(text(64))},
		"long class":   {Kind: jobs.Reject, Job: "j", Class: jobs.Class(text(65))},
		"ok operation": {Kind: jobs.Cancel, Job: "j", Operation: "op_1"},
		"operation":    {Kind: jobs.Cancel, Job: "j", Operation: "op 1"},
		"no actor":     {Kind: jobs.Claim, Job: "j", Until: noon},
		"no end":       {Kind: jobs.Claim, Job: "j", Actor: "ada"},
		"ok draft":     {Kind: jobs.Draft, Job: "j", Draft: []byte(`"` + text(1<<20-2) + `"`)},
		"long draft":   {Kind: jobs.Draft, Job: "j", Draft: []byte(`"` + text(1<<20-1) + `"`)},
		"no draft":     {Kind: jobs.Draft, Job: "j"},
		"bad draft":    {Kind: jobs.Draft, Job: "j", Draft: []byte(`{`)},
	}
	for _, c := range commands() {
		c.Job = "j"
		cases["ok "+string(c.Kind)] = c
	}
	judge(t, jobs.Command.Validate, cases)
}

func TestRecordsAreValidatedAtTheirLimits(t *testing.T) {
	indexes := func(n, size int) map[string]string {
		m := make(map[string]string)
		for i := range n {
			m[fmt.Sprint("i", i)] = text(size)
		}
		return m
	}
	judge(t, jobs.Record.Validate, map[string]jobs.Record{
		"ok":           {Kind: "k", ID: "r"},
		"ok largest":   {Kind: text(64), ID: jobs.ID(text(64)), Index: indexes(8, 128), Value: make([]byte, 1<<20)},
		"kind":         {Kind: "a b", ID: "r"},
		"ID":           {Kind: "k", ID: "a b"},
		"many indexes": {Kind: "k", ID: "r", Index: indexes(9, 1)},
		"long index":   {Kind: "k", ID: "r", Index: indexes(1, 129)},
		"index name":   {Kind: "k", ID: "r", Index: map[string]string{"a b": ""}},
		"large value":  {Kind: "k", ID: "r", Value: make([]byte, 1<<20+1)},
		"ok any":       {Kind: "k", ID: "r", Version: jobs.AnyVersion},
		"version":      {Kind: "k", ID: "r", Version: -2},
	})
}

func TestRequestsForLoansAreValidatedAtTheirLimits(t *testing.T) {
	sound := jobs.LendRequest{Worker: "host:1 (a)", Max: 1, Slots: 1}
	with := func(change func(*jobs.LendRequest)) jobs.LendRequest {
		r := sound
		change(&r)
		return r
	}
	judge(t, jobs.LendRequest.Validate, map[string]jobs.LendRequest{
		"ok":             sound,
		"ok most":        {Worker: text(128), Max: 256, Slots: 1 << 20, Lease: time.Hour, Wait: time.Hour},
		"no worker":      with(func(r *jobs.LendRequest) { r.Worker = "" }),
		"long worker":    with(func(r *jobs.LendRequest) { r.Worker = text(129) }),
		"worker":         with(func(r *jobs.LendRequest) { r.Worker = "w\t" }),
		"none":           with(func(r *jobs.LendRequest) { r.Max = 0 }),
		"many":           with(func(r *jobs.LendRequest) { r.Max = 257 }),
		"no slots":       with(func(r *jobs.LendRequest) { r.Slots = 0 }),
		"negative lease": with(func(r *jobs.LendRequest) { r.Lease = -1 }),
		"negative wait":  with(func(r *jobs.LendRequest) { r.Wait = -1 }),
	})
}

func TestBulkheadsAreValidatedAtTheirLimits(t *testing.T) {
	judge(t, jobs.Bulkhead.Validate, map[string]jobs.Bulkhead{
		"ok default": {Tenant: "a"},
		"ok":         {Tenant: "a", Weight: 1000, MaxRunning: 1, Paused: true},
		"tenant":     {},
		"heavy":      {Tenant: "a", Weight: 1001},
		"light":      {Tenant: "a", Weight: -1},
		"cap":        {Tenant: "a", MaxRunning: -1},
	})
}

func TestZeroPoliciesAndPagesTakeDefaults(t *testing.T) {
	want := jobs.Policy{MaxLoans: 5, ReviewDue: 72 * time.Hour, KeyTTL: 24 * time.Hour, MaxWaiting: 2_000_000}
	if got := (jobs.Policy{}).WithDefaults(); got != want {
		t.Errorf("got %+v, want %+v", got, want)
	}
	set := jobs.Policy{MaxLoans: 1, ReviewDue: 2, KeyTTL: 3, MaxWaiting: 4}
	if got := set.WithDefaults(); got != set {
		t.Errorf("got %+v, want %+v", got, set)
	}
	for limit, want := range map[int]int{-1: 50, 0: 50, 1: 1, 1000: 1000, 1001: 1000} {
		if got := (jobs.Page{Limit: limit}).WithDefaults().Limit; got != want {
			t.Errorf("page limit %d: got %d, want %d", limit, got, want)
		}
	}
	for limit, want := range map[int]int{-1: 100, 0: 100, 1: 1, 1000: 1000, 1001: 1000} {
		if got := (jobs.RecordQuery{Limit: limit}).WithDefaults().Limit; got != want {
			t.Errorf("record limit %d: got %d, want %d", limit, got, want)
		}
	}
}

func TestTimesAreStampedToTheMillisecondInUTC(t *testing.T) {
	elsewhere := time.FixedZone("elsewhere", 3600)
	for in, want := range map[time.Time]time.Time{
		{}:                                {},
		noon:                              noon,
		noon.Add(999_999).In(elsewhere):   noon,
		noon.Add(1_999_999):               noon.Add(time.Millisecond),
		time.Unix(0, -1).In(time.UTC):     time.UnixMilli(-1).UTC(),
		time.Unix(0, 0).In(elsewhere):     time.UnixMilli(0).UTC(),
		noon.Add(-time.Hour).In(time.UTC): noon.Add(-time.Hour),
	} {
		if got := jobs.Stamp(in); got != want {
			t.Errorf("%s: got %s, want %s", in, got, want)
		}
	}
}

func TestStatsOfALaneSumItsTenants(t *testing.T) {
	s := jobs.Stats{Queues: []jobs.QueueStats{
		{Lane: jobs.Standard, Tenant: "a", Queued: 1, Running: 2, Parked: 3, OldestAt: noon, Service: time.Second},
		{Lane: jobs.Standard, Tenant: "b", Queued: 10, OldestAt: noon.Add(-time.Second)},
		{Lane: jobs.Standard, Tenant: "c", Parked: 100},
		{Lane: jobs.Batch, Tenant: "a", Queued: 1000, OldestAt: noon.Add(-time.Hour)},
	}}
	want := jobs.QueueStats{Lane: jobs.Standard, Queued: 11, Running: 2, Parked: 103, OldestAt: noon.Add(-time.Second)}
	if got := s.Lane(jobs.Standard); got != want {
		t.Errorf("got %+v, want %+v", got, want)
	}
	if got := s.Lane(jobs.Critical); got != (jobs.QueueStats{}) {
		t.Errorf("an empty lane sums to %+v", got)
	}
}

func TestUsageAddsUp(t *testing.T) {
	u := jobs.Usage{InputTokens: 1, OutputTokens: 2, CostMicroUSD: 3}
	if got, want := u.Add(jobs.Usage{InputTokens: 10, OutputTokens: 20, CostMicroUSD: 30}), (jobs.Usage{InputTokens: 11, OutputTokens: 22, CostMicroUSD: 33}); got != want {
		t.Errorf("got %+v, want %+v", got, want)
	}
}

func TestAFilterNeedsAllOfItsFields(t *testing.T) {
	j, _ := jobs.NewJob(sound(), 1, noon)
	j.Labels = map[string]string{"team": "a", "empty": ""}
	j.State, j.Tier, j.Batch, j.Reason = jobs.Failed, 2, "batch_1", "why"
	j.Failure = &jobs.Failure{Class: "rate", Provider: "primary"}
	whole := jobs.Filter{
		Tenant: "acme", States: []jobs.State{jobs.Queued, jobs.Failed}, Lanes: []jobs.Lane{jobs.Standard},
		Schema: "invoice@1", Classes: []jobs.Class{"other", "rate"}, Tier: 2, Provider: "primary",
		Labels: map[string]string{"team": "a", "empty": ""}, AcceptedFrom: noon, AcceptedUntil: noon.Add(1),
		UpdatedFrom: noon, UpdatedUntil: noon.Add(1), Batch: "batch_1", Reasons: []string{"gated", "why"},
	}
	if !whole.Match(j) || !(jobs.Filter{}).Match(j) {
		t.Fatal("a filter that fits does not match")
	}
	for name, change := range map[string]func(*jobs.Filter){
		"tenant":   func(f *jobs.Filter) { f.Tenant = "globex" },
		"state":    func(f *jobs.Filter) { f.States = []jobs.State{jobs.Queued} },
		"lane":     func(f *jobs.Filter) { f.Lanes = []jobs.Lane{jobs.Batch} },
		"schema":   func(f *jobs.Filter) { f.Schema = "invoice" },
		"class":    func(f *jobs.Filter) { f.Classes = []jobs.Class{"other"} },
		"tier":     func(f *jobs.Filter) { f.Tier = 1 },
		"provider": func(f *jobs.Filter) { f.Provider = "secondary" },
		"label":    func(f *jobs.Filter) { f.Labels = map[string]string{"team": "b"} },
		"no label": func(f *jobs.Filter) { f.Labels = map[string]string{"none": ""} },
		"from":     func(f *jobs.Filter) { f.AcceptedFrom = noon.Add(1) },
		"until":    func(f *jobs.Filter) { f.AcceptedUntil = noon },
		"updated":  func(f *jobs.Filter) { f.UpdatedFrom = noon.Add(1) },
		"update":   func(f *jobs.Filter) { f.UpdatedUntil = noon },
		"batch":    func(f *jobs.Filter) { f.Batch = "batch" },
		"reason":   func(f *jobs.Filter) { f.Reasons = []string{"gated", ""} },
	} {
		f := whole
		f.Labels = maps.Clone(whole.Labels)
		change(&f)
		if f.Match(j) {
			t.Errorf("a filter with another %s matches", name)
		}
	}
	j.Failure = nil
	if (jobs.Filter{Classes: []jobs.Class{"rate"}}).Match(j) || (jobs.Filter{Provider: "primary"}).Match(j) {
		t.Error("a job without a failure has one for the filter")
	}
}
