//go:build linux

package drive_test

import (
	"context"
	"errors"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/sluicehq/sluice/bench/internal/drive"
	"github.com/sluicehq/sluice/bench/internal/figures"
	"github.com/sluicehq/sluice/bench/internal/queue"
)

// fake is a queue on the clock of the test: a job takes putTime to put, and
// one worker takes workTime to do it.
type fake struct {
	putTime, workTime time.Duration

	mu        sync.Mutex
	put, done int64
	waiting   chan struct{}
	most      int   // jobs put and not done
	fail      error // of the next Put
	lose      bool  // the next job
	twice     bool  // tell of the next job twice
	trouble   error // of the workers
}

func newFake(put, work time.Duration) *fake {
	return &fake{putTime: put, workTime: work, waiting: make(chan struct{}, 1<<20)}
}

func (f *fake) Put(context.Context) error {
	<-time.After(f.putTime)
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.fail != nil {
		return f.fail
	}
	f.put++
	f.most = max(f.most, int(f.put-f.done))
	f.waiting <- struct{}{}
	return nil
}

func (f *fake) Work(_ context.Context, done func()) (func() error, error) {
	ended := make(chan struct{})
	var running sync.WaitGroup
	running.Go(func() {
		for {
			select {
			case <-ended:
				return
			case <-f.waiting:
			}
			<-time.After(f.workTime)
			f.mu.Lock()
			lost, twice := f.lose, f.twice
			f.lose, f.twice = false, false
			if !lost {
				f.done++
			}
			f.mu.Unlock()
			if !lost {
				done()
			}
			if twice {
				done()
			}
		}
	})
	return func() error {
		close(ended)
		running.Wait()
		return f.trouble
	}, nil
}

func (f *fake) Check(_ context.Context, put, done int64) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if put != f.put || done != f.done {
		return errors.New("the counts differ")
	}
	return nil
}

func (f *fake) CPU() (time.Duration, error) { return 0, nil }
func (f *fake) Close() error                { return nil }

// near reports whether got is within 2 % of want.
func near(got, want float64) bool { return got > 0.98*want && got < 1.02*want }

func TestIntakeCountsWhatEachCallerPuts(t *testing.T) {
	t.Parallel()
	for callers, want := range map[int]float64{1: 1000, 16: 16_000} {
		synctest.Test(t, func(t *testing.T) {
			f := newFake(time.Millisecond, 0)
			s, err := drive.Intake(t.Context(), &queue.Counted{Queue: f}, callers, 2*time.Second)
			if err != nil || !near(s.Value, want) || !near(float64(f.put), 2*want) {
				t.Errorf("%d callers: %.0f jobs/s, error %v, want %.0f; %d put", callers, s.Value, err, want, f.put)
			}
		})
	}
}

// lone is a fake whose handlers begin some time after the answer.
type lone struct {
	*fake
	after  time.Duration
	starts chan time.Time
}

func (l *lone) Put(ctx context.Context) error {
	err := l.fake.Put(ctx)
	begins := time.Now().Add(l.after)
	time.AfterFunc(l.after, func() { l.starts <- begins })
	return err
}

func TestALoneJobIsTimedFromItsAnswerToItsStart(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		l := &lone{newFake(5*time.Millisecond, time.Millisecond), 7 * time.Millisecond, make(chan time.Time, 10)}
		got, err := drive.Lone(t.Context(), &queue.Counted{Queue: l}, 3, l.starts)
		if diff := cmp.Diff(figures.Series{7, 7, 7}, got); diff != "" || err != nil {
			t.Errorf("delays (-want +got):\n%s\nerror %v", diff, err)
		}
		l.trouble = errors.New("a worker broke")
		if _, err := drive.Lone(t.Context(), &queue.Counted{Queue: l}, 1, l.starts); !errors.Is(err, l.trouble) {
			t.Errorf("error is %v", err)
		}
	})
}

func TestAJobThatIsNeverStartedEndsTheRound(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		f := newFake(time.Millisecond, time.Millisecond)
		if _, err := drive.Lone(t.Context(), &queue.Counted{Queue: f}, 1, nil); err == nil || !strings.Contains(err.Error(), "not started") {
			t.Errorf("error is %v", err)
		}
	})
}

func TestWholeJobsAreCountedInTheWindowOnly(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		f := newFake(time.Millisecond, 2*time.Millisecond) // the worker is the bottleneck
		s, err := drive.Whole(t.Context(), &queue.Counted{Queue: f},
			drive.Load{Callers: 8, InFlight: 100, Warm: 500 * time.Millisecond, Window: time.Second})
		if err != nil || !near(s.Value, 500) {
			t.Errorf("%.0f jobs/s, error %v, want 500", s.Value, err)
		}
		if f.put != f.done || f.put < 700 {
			t.Errorf("%d put and %d done", f.put, f.done)
		}
		if f.most > 101 { // a job is done before its place is free again
			t.Errorf("%d jobs were in flight, want 100", f.most)
		}
	})
}

func TestAWindowInWhichNothingGotThroughGoesOn(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		f := newFake(time.Millisecond, 900*time.Millisecond)
		s, err := drive.Whole(t.Context(), &queue.Counted{Queue: f},
			drive.Load{Callers: 2, InFlight: 4, Warm: 10 * time.Millisecond, Window: 100 * time.Millisecond})
		if want := 1 / 0.9; err != nil || s.Value < 0.9*want || s.Value > 1.1*want {
			t.Errorf("%.2f jobs/s, error %v, want %.2f", s.Value, err, want)
		}
	})
	synctest.Test(t, func(t *testing.T) {
		f := newFake(time.Millisecond, time.Hour)
		_, err := drive.Whole(t.Context(), &queue.Counted{Queue: f}, drive.Load{Callers: 2, InFlight: 4, Window: time.Second})
		if err == nil || !strings.Contains(err.Error(), "no job got through") {
			t.Errorf("error is %v", err)
		}
	})
}

func TestWhatGoesWrongEndsTheRound(t *testing.T) {
	t.Parallel()
	broken := errors.New("broken")
	load := drive.Load{Callers: 4, InFlight: 8, Warm: time.Millisecond, Window: 100 * time.Millisecond}
	for name, tc := range map[string]struct {
		plant func(*fake)
		want  string
	}{
		"a put fails":                              {func(f *fake) { f.fail = broken }, "broken"},
		"a job is lost":                            {func(f *fake) { f.lose = true }, "were put and"},
		"a job is done twice":                      {func(f *fake) { f.twice = true }, "were put and"},
		"a worker has trouble":                     {func(f *fake) { f.trouble = broken }, "broken"},
		"the system knows of jobs that nobody put": {func(f *fake) { f.put = 3 }, "the counts differ"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				f := newFake(time.Millisecond, time.Millisecond)
				tc.plant(f)
				_, err := drive.Whole(t.Context(), &queue.Counted{Queue: f}, load)
				if err == nil || !strings.Contains(err.Error(), tc.want) {
					t.Errorf("error is %v, want one with %q", err, tc.want)
				}
			})
		})
	}
	synctest.Test(t, func(t *testing.T) {
		f := newFake(time.Millisecond, 0)
		f.fail = broken
		if _, err := drive.Intake(t.Context(), &queue.Counted{Queue: f}, 4, time.Second); !errors.Is(err, broken) {
			t.Errorf("intake's error is %v", err)
		}
	})
}

func TestACountThatDiffersFromTheSystemsOwnEndsTheRound(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		f := newFake(time.Millisecond, 0)
		f.put = 3 // the system knows of jobs that nobody put
		_, err := drive.Intake(t.Context(), &queue.Counted{Queue: f}, 4, time.Second)
		if err == nil || !strings.Contains(err.Error(), "the counts differ") {
			t.Errorf("error is %v", err)
		}
	})
}

func TestRoundsAreInterleavedAndRotate(t *testing.T) {
	t.Parallel()
	var order []string
	contestant := func(name string, value float64) drive.Contestant {
		return drive.Contestant{Name: name, Round: func(context.Context) (drive.Sample, error) {
			order = append(order, name)
			return drive.Sample{Value: value * float64(len(order)), CPU: 3 * time.Microsecond}, nil
		}}
	}
	told := 0
	results, err := drive.Interleave(t.Context(), 2, []drive.Contestant{contestant("a", 1), contestant("b", 10), contestant("c", 100)},
		func(int, string, drive.Sample) { told++ })
	if err != nil || told != 6 {
		t.Fatalf("told %d times, error %v", told, err)
	}
	if got := strings.Join(order, ""); got != "abcbca" {
		t.Errorf("order is %s, want abcbca", got)
	}
	want := []drive.Result{
		{Name: "a", Values: figures.Series{1, 6}, CPU: figures.Series{3, 3}},
		{Name: "b", Values: figures.Series{20, 40}, CPU: figures.Series{3, 3}},
		{Name: "c", Values: figures.Series{300, 500}, CPU: figures.Series{3, 3}},
	}
	if diff := cmp.Diff(want, results); diff != "" {
		t.Errorf("results (-want +got):\n%s", diff)
	}
}

func TestARoundThatFailsIsNamed(t *testing.T) {
	t.Parallel()
	broken := errors.New("broken")
	_, err := drive.Interleave(t.Context(), 5, []drive.Contestant{{Name: "a", Round: func(context.Context) (drive.Sample, error) {
		return drive.Sample{}, broken
	}}}, nil)
	if !errors.Is(err, broken) || !strings.Contains(err.Error(), "a, round 1") {
		t.Errorf("error is %v", err)
	}
}
