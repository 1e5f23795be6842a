package backpressure_test

import (
	"container/heap"
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/sluicehq/sluice/pkg/backpressure"
	"github.com/sluicehq/sluice/pkg/jobs"
)

// simulation plays an overloaded system in virtual time: Poisson arrivals,
// exponential service, a fair scheduler, heartbeats and snapshots once a
// second, and the controller at the door.
type simulation struct {
	c       *backpressure.Controller
	rnd     *rand.Rand
	now     time.Time
	slots   int
	service time.Duration

	running  ends
	queues   map[stream]int
	tags     map[stream]float64 // start-time fair queueing over (lane, tenant)
	virtual  float64
	done     int64
	average  float64 // of service, milliseconds
	busyArea float64 // slot seconds

	offered, admitted map[stream]int
	peak              [jobs.NumLanes]int
}

type stream struct {
	lane   jobs.Lane
	tenant string
}

// ends is a heap of the times at which running jobs end.
type ends []time.Time

func (e ends) Len() int           { return len(e) }
func (e ends) Less(i, j int) bool { return e[i].Before(e[j]) }
func (e ends) Swap(i, j int)      { e[i], e[j] = e[j], e[i] }
func (e *ends) Push(x any)        { *e = append(*e, x.(time.Time)) }
func (e *ends) Pop() any {
	last := len(*e) - 1
	x := (*e)[last]
	*e = (*e)[:last]
	return x
}

func (s *simulation) exponential(mean time.Duration) time.Duration {
	return time.Duration(s.rnd.ExpFloat64() * float64(mean))
}

func (s *simulation) depth(l jobs.Lane) int {
	n := 0
	for st, d := range s.queues {
		if st.lane == l {
			n += d
		}
	}
	return n
}

// fill starts waiting jobs in the free slots.
func (s *simulation) fill() {
	for len(s.running) < s.slots {
		best, found := stream{}, false
		for st, d := range s.queues {
			if d > 0 && (!found || s.tags[st] < s.tags[best] || s.tags[st] == s.tags[best] && fmt.Sprint(st) < fmt.Sprint(best)) {
				best, found = st, true
			}
		}
		if !found {
			return
		}
		// A tenant's share is its lane's, split among the active tenants.
		active := 0
		for st, d := range s.queues {
			if st.lane == best.lane && d > 0 {
				active++
			}
		}
		weight := []float64{8, 4, 2, 1}[best.lane] / float64(active)
		s.virtual = max(s.virtual, s.tags[best])
		s.tags[best] += 1 / weight
		s.queues[best]--
		took := s.exponential(s.service)
		s.average += (float64(took.Milliseconds()) - s.average) / 20
		heap.Push(&s.running, s.now.Add(took))
	}
}

func (s *simulation) arrive(st stream) {
	s.offered[st]++
	d := s.c.Admit(backpressure.Request{Lane: st.lane, Tenant: st.tenant}, s.now)
	if !d.Admitted() {
		return
	}
	s.admitted[st]++
	if s.queues[st] == 0 {
		s.tags[st] = max(s.tags[st], s.virtual)
	}
	s.queues[st]++
	s.peak[st.lane] = max(s.peak[st.lane], s.depth(st.lane))
}

func (s *simulation) signal() {
	s.c.Heartbeat(backpressure.Load{
		Worker: "w", At: s.now, Slots: s.slots, Busy: len(s.running), ServiceMS: s.average, Completions: s.done,
	})
	stats := jobs.Stats{At: s.now}
	for st, d := range s.queues {
		stats.Queues = append(stats.Queues, jobs.QueueStats{Lane: st.lane, Tenant: st.tenant, Queued: d})
	}
	s.c.Snapshot(stats)
}

// run plays arrivals with the given mean numbers a second for a while.
func (s *simulation) run(rates map[stream]float64, span time.Duration) {
	const tick = 50 * time.Millisecond
	streams := make([]stream, 0, len(rates))
	for _, l := range jobs.Lanes() {
		for i := range 10 {
			if st := (stream{l, fmt.Sprint("t", i)}); rates[st] > 0 {
				streams = append(streams, st)
			}
		}
	}
	next := map[stream]time.Time{}
	gap := func(st stream) time.Duration { return s.exponential(time.Duration(float64(time.Second) / rates[st])) }
	for _, st := range streams {
		next[st] = s.now.Add(gap(st))
	}
	for end := s.now.Add(span); s.now.Before(end); s.now = s.now.Add(tick) {
		for len(s.running) > 0 && !s.running[0].After(s.now) {
			heap.Pop(&s.running)
			s.done++
		}
		for _, st := range streams {
			for ; !next[st].After(s.now); next[st] = next[st].Add(gap(st)) {
				s.arrive(st)
			}
		}
		s.fill()
		s.busyArea += float64(len(s.running)) * tick.Seconds()
		if s.now.Sub(start())%time.Second == 0 {
			s.signal()
		}
	}
}

func TestUnderThreefoldOverloadTheQueueStaysBoundedAndCriticalGetsIn(t *testing.T) {
	t.Parallel()
	for seed := range uint64(3) {
		s := &simulation{
			c: controller(t), rnd: rand.New(rand.NewPCG(seed, 1)), now: start(), slots: 32, service: 6 * time.Second,
			average: 6000,
			queues:  map[stream]int{}, tags: map[stream]float64{}, offered: map[stream]int{}, admitted: map[stream]int{},
		}
		const capacity = 32.0 / 6 // jobs a second
		hog, calm := stream{jobs.Standard, "t0"}, stream{jobs.Standard, "t1"}
		rates := map[stream]float64{hog: 1.5 * capacity, calm: 0.03 * capacity, {jobs.Batch, "t0"}: 0.57 * capacity}
		for i := range 3 {
			rates[stream{jobs.Critical, fmt.Sprint("t", i)}] = 0.1 * capacity
			rates[stream{jobs.Interactive, fmt.Sprint("t", i)}] = 0.2 * capacity
		}
		s.signal()
		const span = 30 * time.Minute
		s.run(rates, span)

		share := func(of stream) float64 { return float64(s.admitted[of]) / float64(s.offered[of]) }
		for i := range 3 {
			if st := (stream{jobs.Critical, fmt.Sprint("t", i)}); share(st) < 0.99 {
				t.Errorf("seed %d: critical of %s was admitted %d of %d times, want 99%%", seed, st.tenant, s.admitted[st], s.offered[st])
			}
		}
		if share(calm) < 0.99 {
			t.Errorf("seed %d: the calm tenant beside the hog was admitted %d of %d times, want 99%%", seed, s.admitted[calm], s.offered[calm])
		}
		if share(hog) > 0.5 {
			t.Errorf("seed %d: the hog was admitted %d of %d times though it asks for 1.5 times the capacity", seed, s.admitted[hog], s.offered[hog])
		}
		// Twice the objective at the guaranteed share, and as much again for
		// the noise in mu (service times vary by their own length).
		for _, l := range []jobs.Lane{jobs.Critical, jobs.Interactive, jobs.Standard} {
			guaranteed := capacity * []float64{8, 4, 2, 1}[l] / 15
			objective := []float64{10, 30, 300, 21600}[l]
			if limit := int(2 * 2 * objective * guaranteed); s.peak[l] > limit {
				t.Errorf("seed %d: lane %s had %d jobs waiting, want at most %d", seed, l, s.peak[l], limit)
			}
		}
		if use := s.busyArea / (float64(s.slots) * span.Seconds()); use < 0.95 {
			t.Errorf("seed %d: slots were in use %.0f%% of the time, want 95%%", seed, 100*use)
		}
		t.Logf("seed %d: critical %.3f, calm %.3f, hog %.3f, peaks %v", seed,
			share(stream{jobs.Critical, "t0"}), share(calm), share(hog), s.peak)
	}
}
