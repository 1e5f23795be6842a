package backpressure

import (
	"fmt"
	"maps"
	"sync"
	"time"

	"github.com/sluicehq/sluice/pkg/jobs"
)

// Controller admits jobs. It is fed with heartbeats, snapshots and pressure
// and asked once for each submission. All methods are safe for concurrent use
// and none blocks.
type Controller struct {
	cfg Config

	mu       sync.Mutex
	capacity capacity
	queues   *queues
	// asked is how many slots have asked the engine for loans lately: the
	// only trace of workers when no heartbeat comes through.
	asked    int
	pressure float64
	shed     [jobs.NumLanes]shedding
	reserved reservations
}

// New makes a controller. The error names the field of cfg that is out of
// bounds.
func New(cfg Config) (*Controller, error) {
	cfg = cfg.WithDefaults()
	if err := cfg.validate(); err != nil {
		return nil, fmt.Errorf("backpressure: %w", err)
	}
	return &Controller{
		cfg:      cfg,
		capacity: capacity{prior: cfg.ServicePrior.Seconds(), workers: map[string]Load{}},
		queues:   newQueues(),
	}, nil
}

// Heartbeat takes a worker's report in, once a second from each.
func (c *Controller) Heartbeat(l Load) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.capacity.report(l)
}

// Snapshot takes the engine's counts in, once a second.
func (c *Controller) Snapshot(s jobs.Stats) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.queues.snapshot(s)
	if s.Slots > 0 {
		c.asked = s.Slots
	}
}

// SetWeights sets the weights of the tenants; one that is not named has
// weight 1.
func (c *Controller) SetWeights(weights map[string]int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.queues.setWeights(maps.Clone(weights))
}

// SetPaused names the tenants whose jobs do not start now; the others are not
// paused. Jobs of a paused tenant delay nobody else's.
func (c *Controller) SetPaused(tenants []string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.queues.setPaused(tenants)
}

// SetPressure sets how far the exhaustible resources are used up.
func (c *Controller) SetPressure(p Pressure) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.pressure = p.G()
}

// Admit decides on a job and, if it lets it in, counts it until a snapshot
// holds it. A caller that then makes no job calls [Controller.Withdraw]. A
// repeated submission that already has a job is no business of Admit: it must
// be answered whatever Admit says.
func (c *Controller) Admit(r Request, now time.Time) Decision {
	c.mu.Lock()
	defer c.mu.Unlock()
	d := c.decide(r, now)
	if d.Admitted() {
		c.queues.admit(queueKey{r.Lane, r.Tenant}, now)
	}
	return d
}

// Withdraw takes back an admission that made no job.
func (c *Controller) Withdraw(r Request) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.queues.withdraw(queueKey{r.Lane, r.Tenant})
}

// ETA predicts when a job that waits in the lane since enqueued will start, in
// seconds from now. It is not known before a worker was seen.
func (c *Controller) ETA(lane jobs.Lane, tenant string, enqueued, now time.Time) (seconds float64, known bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	mu, f := c.rate(now)
	if f == SignalsNone || !lane.Valid() {
		return 0, false
	}
	k := queueKey{lane, tenant}
	return c.waitActive(k, c.queues.ahead(k, enqueued), mu), true
}

func (c *Controller) decide(r Request, now time.Time) Decision {
	k, lane := queueKey{r.Lane, r.Tenant}, c.cfg.Lanes[r.Lane]
	mu, f := c.rate(now)
	d := Decision{Mode: jobs.AdmitNormal, Signals: worse(f, freshness(c.queues.at, now))}
	if c.pressure >= lane.CutOff {
		return c.refuse(d, LaneShed, retryAfter(c.shed[r.Lane].refuse(now), r.Jitter))
	}
	if r.MaxQueued > 0 && c.queues.tenantWaiting(r.Tenant) >= r.MaxQueued {
		return c.refuse(d, TenantQueueFull, c.reserve(r, mu, now))
	}
	if f == SignalsNone {
		d.Mode, d.Reason = jobs.AdmitQueued, NoWorker
		return d
	}
	depth := c.depth(k, mu, now)
	d.ETA, d.ETAKnown = c.waitActive(k, depth, mu), true
	objective := lane.Objective.Seconds()
	if depth/c.guaranteed(k, mu) > 2*objective {
		return c.refuse(d, TenantQueueFull, c.reserve(r, mu, now))
	}
	// A job that would spend most of its time waiting would be paid for and
	// then thrown away.
	if !r.DeadlineAt.IsZero() && d.ETA > 0.8*r.DeadlineAt.Sub(now).Seconds() {
		return c.refuse(d, DeadlineUnachievable, 0)
	}
	if d.ETA > objective {
		d.Mode, d.Reason = jobs.AdmitQueued, Backlog
	}
	return d
}

func (c *Controller) refuse(d Decision, why Reason, after time.Duration) Decision {
	d.Mode, d.Reason, d.RetryAfter = jobs.AdmitRejected, why, after
	return d
}

// rate is mu. Without any heartbeat the slots that asked the engine for loans
// stand in, at the prior.
func (c *Controller) rate(now time.Time) (float64, Freshness) {
	mu, f := c.capacity.rate(now)
	if f == SignalsNone && c.asked > 0 {
		return float64(c.asked) / c.cfg.ServicePrior.Seconds(), freshness(c.queues.at, now)
	}
	return mu, f
}

// guaranteed is the rate at which the tenant's jobs of the lane start when
// every lane, and every tenant that was active in the last minute, asks for
// its share.
func (c *Controller) guaranteed(k queueKey, mu float64) float64 {
	share := float64(c.queues.weight(k.tenant)) / float64(c.queues.recentWeight(k))
	return mu * c.cfg.guaranteed(k.lane) * share
}

// depth is the tenant's backlog in the lane. When snapshots are blind, it is
// taken to have drained a little slower than guaranteed.
func (c *Controller) depth(k queueKey, mu float64, now time.Time) float64 {
	depth := float64(c.queues.depth(k))
	if freshness(c.queues.at, now) == SignalsBlind {
		depth -= 0.9 * c.guaranteed(k, mu) * now.Sub(c.queues.at).Seconds()
	}
	return max(depth, 0)
}

// waitActive is how long depth jobs take to start at the share of the lanes
// and tenants that have a backlog now. It is at most what the whole backlog
// takes, because no slot idles while a job waits.
func (c *Controller) waitActive(k queueKey, depth, mu float64) float64 {
	lanes, all := 0, 0
	for l, lane := range c.cfg.Lanes {
		if c.queues.laneDepth[l] > 0 || jobs.Lane(l) == k.lane {
			lanes += lane.Weight
		}
		all += c.queues.laneDepth[l]
	}
	share := float64(c.cfg.Lanes[k.lane].Weight) / float64(lanes) *
		float64(c.queues.weight(k.tenant)) / float64(c.queues.activeWeight(k))
	wait := min(depth/(mu*share), max(float64(all), depth)/mu)
	return min(wait, MaxETA.Seconds())
}

// retryWithoutWorker is told while no worker was ever seen, when no figure says
// how fast a queue drains.
const retryWithoutWorker = 30 * time.Second

// reserve finds when the tenant should be well below its limit again, by
// Little's law, and takes the next drain slot from then on.
func (c *Controller) reserve(r Request, mu float64, now time.Time) time.Duration {
	k := queueKey{r.Lane, r.Tenant}
	if mu == 0 {
		return retryAfter(retryWithoutWorker, r.Jitter)
	}
	rate := c.guaranteed(k, mu)
	over := c.depth(k, mu, now) - 0.7*2*c.cfg.Lanes[r.Lane].Objective.Seconds()*rate
	if r.MaxQueued > 0 {
		over = max(over, float64(c.queues.tenantWaiting(r.Tenant))-0.7*float64(r.MaxQueued))
	}
	base := min(max(over/rate, 1), MaxRetryAfter.Seconds())
	gap := min(1/rate, MaxRetryAfter.Seconds())
	slot := c.reserved.take(k, r.Client, seconds(base), seconds(gap), now)
	return retryAfter(slot.Sub(now), r.Jitter)
}

func seconds(s float64) time.Duration { return time.Duration(s * float64(time.Second)) }

// Report is what a controller knows, for metrics and people.
type Report struct {
	// Signals says how old the figures are.
	Signals Freshness
	// Rate is mu, in jobs a second; 0 before a worker was seen.
	Rate float64
	// Pressure is the shared pressure G, 0 to 1.
	Pressure float64
	Lanes    [jobs.NumLanes]LaneReport
}

// LaneReport is a [Report] on one lane.
type LaneReport struct {
	// Queued is the lane's backlog with the admissions since the last
	// snapshot.
	Queued int
	// Wait is the predicted wait of the whole backlog at the lane's
	// guaranteed share, in seconds; 0 before a worker was seen.
	Wait float64
	// Shed is true while the lane takes nothing in.
	Shed bool
}

// Report answers what the controller knows at now.
func (c *Controller) Report(now time.Time) Report {
	c.mu.Lock()
	defer c.mu.Unlock()
	mu, f := c.rate(now)
	r := Report{Signals: worse(f, freshness(c.queues.at, now)), Rate: mu, Pressure: c.pressure}
	for _, l := range jobs.Lanes() {
		lane := LaneReport{Queued: c.queues.laneDepth[l], Shed: c.pressure >= c.cfg.Lanes[l].CutOff}
		if mu > 0 {
			lane.Wait = min(float64(lane.Queued)/(mu*c.cfg.guaranteed(l)), MaxETA.Seconds())
		}
		r.Lanes[l] = lane
	}
	return r
}
