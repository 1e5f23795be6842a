package backpressure

import (
	"slices"
	"time"

	"github.com/sluicehq/sluice/pkg/jobs"
)

const (
	// activeWindow is how long a tenant that had a backlog counts as one that
	// may ask for its share again.
	activeWindow = 60 * time.Second
	// commitTime is how long before a snapshot an admission may have been
	// decided and still be missing from it.
	commitTime = 100 * time.Millisecond
	// maxRecent bounds the admissions remembered between two snapshots.
	maxRecent = 1 << 16
)

type queueKey struct {
	lane   jobs.Lane
	tenant string
}

// queues is the last snapshot of the engine's depths with the admissions
// since.
type queues struct {
	at      time.Time
	rows    map[queueKey]jobs.QueueStats
	waiting map[string]int // queued and parked, by tenant
	weights map[string]int
	paused  map[string]bool // whose jobs do not start, and are in nobody's way

	recent []recentAdmission // in the order of their times
	since  map[queueKey]int
	taken  map[string]int // since, by tenant

	// laneDepth and laneWeight sum the depths, and the weights of the tenants
	// with a depth, without those that are paused.
	laneDepth  [jobs.NumLanes]int
	laneWeight [jobs.NumLanes]int
	peaks      [jobs.NumLanes]peak
}

type recentAdmission struct {
	at  time.Time
	key queueKey
}

func newQueues() *queues {
	return &queues{
		rows: map[queueKey]jobs.QueueStats{}, waiting: map[string]int{}, weights: map[string]int{},
		since: map[queueKey]int{}, taken: map[string]int{},
	}
}

func (q *queues) weight(tenant string) int { return max(q.weights[tenant], 1) }

// depth is how many jobs of the tenant wait in the lane, as far as is known.
func (q *queues) depth(k queueKey) int { return q.rows[k].Queued + q.since[k] }

// tenantWaiting is how many jobs of the tenant wait over all lanes.
func (q *queues) tenantWaiting(tenant string) int { return q.waiting[tenant] + q.taken[tenant] }

// snapshot replaces the depths. Admissions that the snapshot holds already are
// forgotten. A snapshot that is a little older than the current one was
// overtaken by it and is ignored; one that is much older says that the clock
// was set back.
func (q *queues) snapshot(s jobs.Stats) {
	if q.at.Sub(s.At) > Stale {
		q.setBack(s.At)
	} else if s.At.Before(q.at) {
		return
	}
	q.at = s.At
	clear(q.rows)
	clear(q.waiting)
	for _, row := range s.Queues {
		if !row.Lane.Valid() {
			continue
		}
		q.rows[queueKey{row.Lane, row.Tenant}] = row
		q.waiting[row.Tenant] += row.Queued + row.Parked
	}
	known := s.At.Add(-commitTime)
	first := len(q.recent)
	for i, a := range q.recent {
		if !a.at.Before(known) {
			first = i
			break
		}
	}
	later := append([]recentAdmission(nil), q.recent[first:]...)
	q.recent = q.recent[:0]
	clear(q.since)
	clear(q.taken)
	q.sum()
	for _, a := range later {
		q.admit(a.key, a.at)
	}
	for l := range q.peaks {
		q.peaks[l].note(s.At, q.laneWeight[l])
	}
}

// setBack forgets what lies ahead of a clock that was set back. If it stayed,
// admissions would count as waiting until the clock has caught up.
func (q *queues) setBack(now time.Time) {
	ahead := now.Add(Stale)
	q.recent = slices.DeleteFunc(q.recent, func(a recentAdmission) bool { return a.at.After(ahead) })
	q.peaks = [jobs.NumLanes]peak{}
}

// setWeights replaces the weights of the tenants.
func (q *queues) setWeights(weights map[string]int) {
	q.weights = weights
	q.sum()
}

// setPaused replaces the tenants that are paused.
func (q *queues) setPaused(tenants []string) {
	q.paused = make(map[string]bool, len(tenants))
	for _, name := range tenants {
		q.paused[name] = true
	}
	q.sum()
}

// sum recounts the lanes.
func (q *queues) sum() {
	q.laneDepth, q.laneWeight = [jobs.NumLanes]int{}, [jobs.NumLanes]int{}
	for k := range q.rows {
		q.add(k)
	}
	for k := range q.since {
		if _, counted := q.rows[k]; !counted {
			q.add(k)
		}
	}
}

func (q *queues) add(k queueKey) {
	if depth := q.depth(k); depth > 0 && !q.paused[k.tenant] {
		q.laneDepth[k.lane] += depth
		q.laneWeight[k.lane] += q.weight(k.tenant)
	}
}

// admit counts a job that was let in and is not in the snapshot yet.
func (q *queues) admit(k queueKey, at time.Time) {
	if !q.paused[k.tenant] {
		if q.depth(k) == 0 {
			q.laneWeight[k.lane] += q.weight(k.tenant)
		}
		q.laneDepth[k.lane]++
	}
	q.since[k]++
	q.taken[k.tenant]++
	if len(q.recent) < maxRecent {
		q.recent = append(q.recent, recentAdmission{at, k})
	}
	q.peaks[k.lane].note(at, q.laneWeight[k.lane])
}

// withdraw takes the last admission of the kind back.
func (q *queues) withdraw(k queueKey) {
	for i, a := range slices.Backward(q.recent) {
		if a.key != k {
			continue
		}
		q.recent = append(q.recent[:i], q.recent[i+1:]...)
		q.since[k]--
		q.taken[k.tenant]--
		if !q.paused[k.tenant] {
			q.laneDepth[k.lane]--
			if q.depth(k) == 0 {
				q.laneWeight[k.lane] -= q.weight(k.tenant)
			}
		}
		return
	}
}

// activeWeight sums the weights of the tenants that have a backlog in the
// lane, k's tenant included.
func (q *queues) activeWeight(k queueKey) int {
	sum := q.laneWeight[k.lane]
	if q.depth(k) == 0 || q.paused[k.tenant] {
		sum += q.weight(k.tenant)
	}
	return sum
}

// recentWeight is the largest activeWeight since a minute before the snapshot:
// as time passes without a new one, no tenant is forgotten.
func (q *queues) recentWeight(k queueKey) int {
	return max(q.activeWeight(k), q.peaks[k.lane].maxSince(q.at.Add(-activeWindow)))
}

// ahead estimates how many jobs of k's queue were enqueued before one that was
// enqueued then, as if they had come in evenly.
func (q *queues) ahead(k queueKey, enqueued time.Time) float64 {
	depth, oldest := q.depth(k), q.rows[k].OldestAt
	span := q.at.Sub(oldest)
	switch {
	case oldest.IsZero() || !enqueued.Before(q.at) || span <= 0:
		return float64(max(depth-1, 0)) // without the job itself
	case !enqueued.After(oldest):
		return 0
	default:
		return float64(q.rows[k].Queued) * float64(enqueued.Sub(oldest)) / float64(span)
	}
}

// peak keeps the maximum of a figure over the last [activeWindow], to the
// second.
type peak struct{ seconds []peakSecond }

type peakSecond struct {
	unix int64
	max  int
}

func (p *peak) note(now time.Time, v int) {
	unix := now.Unix()
	n := len(p.seconds)
	if n > 0 && p.seconds[n-1].unix >= unix {
		p.seconds[n-1].max = max(p.seconds[n-1].max, v)
		return
	}
	oldest := unix - int64(activeWindow/time.Second)
	first := 0
	for first < n && p.seconds[first].unix < oldest {
		first++
	}
	p.seconds = append(p.seconds[:0], p.seconds[first:]...)
	p.seconds = append(p.seconds, peakSecond{unix, v})
}

func (p *peak) maxSince(t time.Time) int {
	v := 0
	for _, s := range p.seconds {
		if s.unix >= t.Unix() {
			v = max(v, s.max)
		}
	}
	return v
}
