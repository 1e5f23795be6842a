package chaos_test

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"sync"
	"time"

	"github.com/sluicehq/sluice/pkg/jobs"
	"github.com/sluicehq/sluice/pkg/jobs/sqlitejobs"
)

// loadRole is the variable that makes this test binary run an engine under
// load instead of tests. It holds a loadConfig.
const loadRole = "SLUICE_CHAOS_LOAD"

// loadConfig says which engine runs and from where its jobs count.
type loadConfig struct {
	Dir    string
	Unsafe bool
	Seed   uint64
	First  int // the number of its first job
}

// note is one thing that the engine answered, on the standard output of its
// process. What is noted was answered, so it must outlive everything.
type note struct {
	// Opened says that the engine is ready.
	Opened bool `json:",omitempty"`
	// Failed is an error of the engine that only a dead disk excuses.
	Failed string `json:",omitempty"`
	// Accepted is the number of a job that was accepted.
	Accepted int `json:",omitempty"`
	// Job became State with Version.
	Job     jobs.ID    `json:",omitempty"`
	Version int64      `json:",omitempty"`
	State   jobs.State `json:",omitempty"`
	// Attempt is a row of Job's ledger.
	Attempt *jobs.Attempt `json:",omitempty"`
	// Record is a record of the kind recordKind.
	Record jobs.ID `json:",omitempty"`
}

// recordKind is the kind of the records that outcomes write.
const recordKind = "delivery"

// load is an engine and what works on it.
type load struct {
	engine *sqlitejobs.Engine
	config loadConfig

	mu    sync.Mutex
	notes *json.Encoder // one write a note, so that none arrives by half
	known []int         // accepted
	next  int
}

// runLoad is the main function of the role. It ends when its input does.
func runLoad(config string) int {
	l := &load{notes: json.NewEncoder(os.Stdout)}
	if err := json.Unmarshal([]byte(config), &l.config); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 2
	}
	ctx, stop := context.WithCancel(context.Background())
	defer stop()
	go func() {
		_, _ = io.Copy(io.Discard, os.Stdin)
		os.Exit(3) // who wants the notes is gone; a call on a dead disk may never return
	}()
	e, err := sqlitejobs.Open(ctx, sqlitejobs.Config{Dir: l.config.Dir, UnsafeLoseJobsOnPowerCut: l.config.Unsafe})
	if err != nil {
		l.note(note{Failed: err.Error()})
		return 1
	}
	l.engine, l.next = e, l.config.First
	l.note(note{Opened: true})
	l.run(ctx)
	return 0
}

// run works until the process is killed.
func (l *load) run(ctx context.Context) {
	var work sync.WaitGroup
	for i, do := range []func(context.Context, *rand.Rand) error{
		l.accept, l.accept, l.hold, l.hold, l.hold, l.hold, l.hold, l.hold, l.command, l.command, l.sweep,
	} {
		random := rand.New(rand.NewPCG(l.config.Seed, uint64(i)))
		work.Go(func() {
			for ctx.Err() == nil {
				if err := do(ctx, random); err != nil {
					l.note(note{Failed: err.Error()})
					l.pause(ctx, 5*time.Millisecond)
				}
			}
		})
	}
	work.Wait()
}

func (l *load) note(n note) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if err := l.notes.Encode(n); err != nil {
		os.Exit(3)
	}
}

func (l *load) pause(ctx context.Context, d time.Duration) {
	select {
	case <-ctx.Done():
	case <-time.After(d):
	}
}

// accept submits a few new jobs, and now and then one again.
func (l *load) accept(ctx context.Context, random *rand.Rand) error {
	count := 1 + random.IntN(4)
	if random.IntN(20) == 0 {
		count = 30
	}
	var ns []int
	l.mu.Lock()
	for range count {
		ns = append(ns, l.next)
		l.next++
	}
	if again := l.anyKnown(random); again > 0 && !erasable(again) && random.IntN(4) == 0 {
		ns = append(ns, again)
	}
	l.mu.Unlock()
	subs := make([]jobs.Submission, len(ns))
	for i, n := range ns {
		subs[i] = submission(n)
	}
	answers, err := l.engine.Accept(ctx, subs)
	if err != nil {
		return fmt.Errorf("accept: %w", err)
	}
	for i, a := range answers {
		if a.Status != jobs.Created && a.Status != jobs.Existing {
			return fmt.Errorf("accept job %d: %s", ns[i], a.Status)
		}
		l.note(note{Accepted: ns[i]})
		if a.Status == jobs.Created {
			l.mu.Lock()
			l.known = append(l.known, ns[i])
			l.mu.Unlock()
		}
	}
	l.pause(ctx, time.Duration(random.IntN(15))*time.Millisecond)
	return nil
}

// submission is the job with number n, always the same.
func submission(n int) jobs.Submission {
	body := document(n)
	sum := sha256.Sum256(body)
	s := jobs.Submission{
		ID: jobID(n), Tenant: fmt.Sprint("tenant_", n%3), Lane: jobs.Lanes()[n%int(jobs.NumLanes)],
		Spec: jobs.Spec{Schema: "invoice@1"}, Fingerprint: fmt.Sprint("print-", n), Body: body,
		Document:   jobs.Document{SHA256: hex.EncodeToString(sum[:]), Size: int64(len(body)), MediaType: "text/plain"},
		Admission:  jobs.Admission{Mode: jobs.AdmitNormal},
		DeadlineAt: time.Date(2100, 1, 1, 0, 0, 0, 0, time.UTC), Cost: time.Second,
	}
	if n%2 == 0 {
		s.Key = fmt.Sprint("key-", n)
	}
	return s
}

func jobID(n int) jobs.ID { return jobs.ID(fmt.Sprintf("job_%010d", n)) }

// document is the document of job n: mostly small, some of them large for a
// row, some of them files of their own.
func document(n int) []byte {
	random := rand.New(rand.NewPCG(uint64(n), 1))
	size := 100 + random.IntN(2000)
	switch kind := random.IntN(12); {
	case kind < 3:
		size = 4<<10 + random.IntN(28<<10)
	case kind == 3, erasable(n) && kind < 9:
		size = 32<<10 + random.IntN(32<<10)
	}
	b := make([]byte, size)
	for i := range b {
		b[i] = 'a' + byte(random.Uint32()%26)
	}
	return b
}

// hold takes a few jobs, writes their ledgers and settles most of them.
func (l *load) hold(ctx context.Context, random *rand.Rand) error {
	loans, err := l.engine.Lend(ctx, jobs.LendRequest{Worker: "w", Max: 4, Slots: 12, Lease: time.Hour, Wait: 20 * time.Millisecond})
	if err != nil {
		return fmt.Errorf("lend: %w", err)
	}
	for _, loan := range loans {
		l.changed(loan.Job)
		if err := l.work(ctx, random, loan); err != nil && !errors.Is(err, jobs.ErrStaleLease) {
			return err
		}
	}
	return nil
}

func (l *load) changed(j jobs.Job) { l.note(note{Job: j.ID, Version: j.Version, State: j.State}) }

func (l *load) work(ctx context.Context, random *rand.Rand, loan jobs.Loan) error {
	row := jobs.Attempt{N: len(loan.Attempts) + 1, Tier: 1, Kind: jobs.CallAttempt, Provider: "p", Model: "m", StartedAt: time.Now()}
	if err := l.engine.PutAttempts(ctx, loan.Lease, row); err != nil {
		return fmt.Errorf("put attempts: %w", err)
	}
	row.Generation = loan.Job.Generation
	l.note(note{Job: loan.Job.ID, Attempt: &row})
	if random.IntN(10) == 0 {
		return nil // runs when the power goes
	}
	row.EndedAt, row.Outcome = time.Now(), jobs.AttemptOK
	o := outcome(random, loan.Job)
	o.Attempts = []jobs.Attempt{row}
	j, err := l.engine.Finish(ctx, loan.Lease, o)
	if err != nil {
		return fmt.Errorf("finish: %w", err)
	}
	l.changed(j)
	l.note(note{Job: j.ID, Attempt: &row})
	l.note(note{Record: o.Writes[0].Record.ID})
	return nil
}

// outcome is any of those that need no one to ask for them.
func outcome(random *rand.Rand, j jobs.Job) jobs.Outcome {
	o := jobs.Outcome{Tier: 1, Writes: []jobs.Write{{Record: jobs.Record{
		Kind: recordKind, ID: jobs.ID(fmt.Sprintf("%s-%d", j.ID, j.Version)), Value: []byte("{}"), Index: map[string]string{"job": string(j.ID)},
	}}}}
	switch random.IntN(10) {
	case 0:
		o.Kind, o.Failure = jobs.Fail, &jobs.Failure{Class: "corrupt", Reason: "cannot be read"}
	case 1:
		o.Kind, o.Reason = jobs.ToReview, "all_tiers_failed"
	case 2:
		o.Kind, o.Reason, o.Until = jobs.Park, "gated", time.Now().Add(time.Duration(random.IntN(50))*time.Millisecond)
	case 3:
		o.Kind, o.Reason = jobs.Release, "shutdown"
	default:
		data := fmt.Appendf(nil, `{"job":%q,"text":%q}`, j.ID, document(random.IntN(1000)))
		o.Kind, o.Result = jobs.Succeed, &jobs.Result{Data: data}
	}
	return o
}

// anyKnown is the number of some job that was accepted, or 0. l.mu is held.
func (l *load) anyKnown(random *rand.Rand) int {
	if len(l.known) == 0 {
		return 0
	}
	return l.known[random.IntN(len(l.known))]
}

// erasable reports whether the job may be erased, and never handed in again:
// once it is gone, that would make a new job.
func erasable(n int) bool { return n%5 == 0 }

// command carries out what a person might want of some job.
func (l *load) command(ctx context.Context, random *rand.Rand) error {
	l.pause(ctx, time.Millisecond)
	l.mu.Lock()
	n := l.anyKnown(random)
	for range 3 { // erasures above all: they remove files
		if n != 0 && !erasable(n) {
			n = l.anyKnown(random)
		}
	}
	l.mu.Unlock()
	if n == 0 {
		return nil
	}
	j, err := l.engine.Get(ctx, "", jobID(n))
	if erasable(n) && errors.Is(err, jobs.ErrNotFound) {
		return nil // gone for good
	}
	if err != nil {
		return fmt.Errorf("get job %d: %w", n, err)
	}
	l.changed(j) // what is read must last as well
	c, ok := command(random, n, j)
	if !ok {
		return nil
	}
	j, err = l.engine.Apply(ctx, c)
	if errors.Is(err, jobs.ErrConflict) || erasable(n) && errors.Is(err, jobs.ErrNotFound) {
		return nil // it went on
	}
	if err != nil {
		return fmt.Errorf("%s: %w", c.Kind, err)
	}
	l.changed(j)
	return nil
}

// command is something that fits job n as it is; ok is false when nothing does.
func command(random *rand.Rand, n int, j jobs.Job) (c jobs.Command, ok bool) {
	c = jobs.Command{Job: j.ID, Actor: "operator", Version: j.Version}
	switch j.State {
	case jobs.Queued, jobs.Parked:
		c.Kind = jobs.Cancel
		if lane := jobs.Batch; random.IntN(2) == 0 && j.Lane != lane {
			c.Kind, c.Lane = jobs.Move, &lane
		}
	case jobs.Running:
		c.Kind = jobs.Cancel
	case jobs.InReview:
		switch random.IntN(4) {
		case 0:
			c.Kind, c.Until = jobs.Claim, time.Now().Add(time.Hour)
		case 1:
			c.Kind = jobs.SendBack
		case 2:
			c.Kind = jobs.Reject
		default:
			c.Kind, c.Result = jobs.Complete, &jobs.Result{Data: []byte(`{"by":"a person"}`)}
		}
	case jobs.Failed, jobs.Cancelled, jobs.Expired:
		c.Kind = jobs.Requeue
	case jobs.Succeeded:
		c.Kind = jobs.Erase
		return c, erasable(n)
	default:
		return c, false
	}
	return c, true
}

// sweep wakes what is parked, and removes most of what was erased.
func (l *load) sweep(ctx context.Context, _ *rand.Rand) error {
	l.pause(ctx, 20*time.Millisecond)
	if _, err := l.engine.Sweep(ctx); err != nil {
		return fmt.Errorf("sweep: %w", err)
	}
	if _, err := l.engine.Retain(ctx, jobs.Retention{MaxCount: map[jobs.State]int64{jobs.Erased: 5}}); err != nil {
		return fmt.Errorf("retain: %w", err)
	}
	return nil
}
