package jobstest

import (
	"time"

	"github.com/sluicehq/sluice/pkg/jobs"
)

func serviceBehaviours() []behaviour {
	return []behaviour{
		{name: "a mean service time is exact", test: serviceExact},
		{name: "a mean is of one queue", test: serviceQueues},
		{name: "loans that do not say how long do not count", test: serviceUnknown},
	}
}

// serve settles one loan of a queue that held its slot for d.
func (f *fixture) serve(d time.Duration, o jobs.Outcome, with ...func(*jobs.Submission)) {
	f.t.Helper()
	j := f.submit(with...)
	l := f.lendOne()
	if l.Job.ID != j.ID {
		f.t.Fatalf("lent %s, want %s", l.Job.ID, j.ID)
	}
	o.Service = d
	f.finish(l, o)
}

// service is the mean of a queue that has a job parked in it, so that it has a
// row.
func (f *fixture) service(l jobs.Lane, who string) time.Duration {
	f.t.Helper()
	for _, q := range f.stats().Queues {
		if q.Lane == l && q.Tenant == who {
			return q.Service
		}
	}
	f.t.Fatalf("there is no row of %s in %s", who, l)
	return 0
}

func serviceExact(f *fixture) {
	f.bring(jobs.Parked)
	if got := f.service(jobs.Standard, "acme"); got != 0 {
		f.t.Errorf("the mean of nothing is %s", got)
	}
	times := []int64{5000, 1, 333, 7, 12345, 1 << 40} // in milliseconds
	var n, sum int64
	for i := range 50 {
		ms := times[i*i%5]
		if i == 30 {
			ms = times[5] // clamped as the scheduler's charge is
		}
		f.serve(time.Duration(ms)*time.Millisecond+time.Duration(i)*time.Microsecond, succeed())
		ms = min(ms, 1<<31-1)
		if n < 20 {
			n, sum = n+1, sum+ms
		} else {
			sum = sum - sum/20 + ms
		}
		if got, want := f.service(jobs.Standard, "acme"), time.Duration(sum/n)*time.Millisecond; got != want {
			f.t.Fatalf("after %d loans the mean is %s, want %s", i+1, got, want)
		}
	}
}

func serviceQueues(f *fixture) {
	f.bring(jobs.Parked)
	f.bring(jobs.Parked, tenant("globex"))
	f.bring(jobs.Parked, lane(jobs.Batch))
	f.serve(4*time.Second, succeed())
	f.serve(2*time.Second, fail())
	f.serve(9*time.Second, review(), tenant("globex"))
	f.serve(time.Microsecond, succeed(), lane(jobs.Batch)) // a millisecond at least
	for _, c := range []struct {
		lane   jobs.Lane
		tenant string
		want   time.Duration
	}{
		{jobs.Standard, "acme", 3 * time.Second}, {jobs.Standard, "globex", 9 * time.Second}, {jobs.Batch, "acme", time.Millisecond},
	} {
		if got := f.service(c.lane, c.tenant); got != c.want {
			f.t.Errorf("%s in %s: %s, want %s", c.tenant, c.lane, got, c.want)
		}
	}
	if got := f.stats().Lane(jobs.Standard).Service; got != 0 {
		f.t.Errorf("the sum of a lane has mean %s", got)
	}
	// The mean is kept while the queue has no row.
	f.clock.Advance(time.Hour)
	f.sweep()
	f.same("queues", []jobs.QueueStats{}, f.stats().Queues)
	f.submit()
	if got := f.service(jobs.Standard, "acme"); got != 3*time.Second {
		f.t.Errorf("with a row again: %s", got)
	}
}

func serviceUnknown(f *fixture) {
	f.bring(jobs.Parked)
	f.serve(2*time.Second, succeed())
	f.serve(0, succeed())
	j := f.submit()
	f.lendOne()
	f.clock.Advance(jobs.DefaultLease)
	f.sweep() // taken back
	if got := f.service(jobs.Standard, "acme"); got != 2*time.Second {
		f.t.Errorf("the mean is %s, want 2s", got)
	}
	// What was given back, parked or stopped held its slot too.
	l := f.lendOne()
	o := release()
	o.Service = 4 * time.Second
	f.finish(l, o)
	f.finish(l, o) // repeated
	l = f.lendOne()
	f.apply(cancel(j.ID))
	f.finish(l, jobs.Outcome{Kind: jobs.Stopped, Service: 6 * time.Second})
	if got := f.service(jobs.Standard, "acme"); got != 4*time.Second {
		f.t.Errorf("the mean is %s, want 4s", got)
	}
}
