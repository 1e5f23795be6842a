package ladder

import (
	"container/list"
	"encoding/json"
	"sync"
	"time"

	"github.com/sluicehq/sluice/pkg/jobs"
	"github.com/sluicehq/sluice/pkg/tiers"
)

// Cache keeps full answers of tier 1 in the memory of one process, by all that
// they depend on. Within its bound the least recently used goes first; a
// restart forgets everything, and so does an erasure what it is about. It is
// safe for concurrent use.
type Cache struct {
	policy tiers.CachePolicy
	bound  int

	mu      sync.Mutex
	entries map[string]*list.Element // by the key's hash
	order   *list.List               // most recently used first
	bytes   int
}

// kept is one answer.
type kept struct {
	hash   string
	job    jobs.ID // that the model gave it to
	at     time.Time
	result jobs.Result
	size   int
}

// entryOverhead is what an entry takes beside its answer, in bytes.
const entryOverhead = 512

// NewCache makes a cache of at most so many bytes; 0 means 64 MiB. The error
// names what cannot be meant.
func NewCache(p tiers.CachePolicy, bytes int) (*Cache, error) {
	if err := p.Validate(); err != nil {
		return nil, err
	}
	if bytes == 0 {
		bytes = 64 << 20
	}
	return &Cache{policy: p, bound: bytes, entries: map[string]*list.Element{}, order: list.New()}, nil
}

// find answers what the cache has for the job and what it is worth at now.
func (c *Cache) find(j jobs.Job, key tiers.AnswerKey, now time.Time) (jobs.Result, tiers.Cached) {
	hash := key.Hash()
	c.mu.Lock()
	defer c.mu.Unlock()
	e := c.entries[hash]
	if e == nil {
		return jobs.Result{}, tiers.Cached{}
	}
	k := keptIn(e)
	worth := c.policy.Judge(j, now.Sub(k.at))
	if worth == (tiers.Cached{}) {
		c.drop(e)
		return jobs.Result{}, worth
	}
	c.order.MoveToFront(e)
	return k.result, worth
}

// keep keeps an answer if it may be given to others.
func (c *Cache) keep(j jobs.Job, key tiers.AnswerKey, r jobs.Result, now time.Time) {
	if c.policy.Keeps(j) <= 0 || !tiers.MayKeep(r.Quality) {
		return
	}
	text, err := json.Marshal(r)
	if err != nil || len(text)+entryOverhead > c.bound {
		return
	}
	k := &kept{hash: key.Hash(), job: j.ID, at: now, result: r, size: len(text) + entryOverhead}
	c.mu.Lock()
	defer c.mu.Unlock()
	if old := c.entries[k.hash]; old != nil {
		c.drop(old)
	}
	c.entries[k.hash] = c.order.PushFront(k)
	for c.bytes += k.size; c.bytes > c.bound; {
		c.drop(c.order.Back())
	}
}

// Forget drops the answers that models gave to a job, when it is erased.
func (c *Cache) Forget(job jobs.ID) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for e := c.order.Front(); e != nil; {
		next := e.Next()
		if keptIn(e).job == job {
			c.drop(e)
		}
		e = next
	}
}

// Size is how many answers are kept, and how many bytes they take.
func (c *Cache) Size() (answers, bytes int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return len(c.entries), c.bytes
}

// keptIn is what the list holds, and it holds nothing else.
func keptIn(e *list.Element) *kept {
	k, _ := e.Value.(*kept)
	return k
}

func (c *Cache) drop(e *list.Element) {
	k := keptIn(e)
	c.order.Remove(e)
	delete(c.entries, k.hash)
	c.bytes -= k.size
}

// answerKey is the key of the job's answer; ok is false where there is no
// model whose answer it could be.
func (e *Executor) answerKey(j jobs.Job) (key tiers.AnswerKey, ok bool) {
	for i, m := range e.config.Models {
		if m.Tier != 1 {
			continue
		}
		schema := j.Spec.Schema
		if schema == "" {
			schema = string(j.Spec.SchemaJSON)
		}
		return tiers.AnswerKey{
			Tenant: j.Tenant, Document: j.Document.SHA256, Schema: schema, Prompt: e.config.PromptVersion,
			Route: e.name(i), Class: j.Labels[tiers.DataClassLabel] + "\x00" + j.Labels[tiers.ResidencyLabel],
		}, j.Document.SHA256 != ""
	}
	return tiers.AnswerKey{}, false
}

// lookUp asks the cache for the job's answer.
func (r *run) lookUp(now time.Time) {
	job := r.loan.Job
	key, ok := r.answerKey(job)
	if !ok || r.config.Cache == nil || r.config.Cache.policy.Keeps(job) <= 0 {
		return
	}
	r.kept, r.cached = r.config.Cache.find(job, key, now)
	r.config.Events.cacheAsked(job, r.cached)
}

// remember gives the cache an answer that ended the job.
func (r *run) remember(result jobs.Result) {
	if key, ok := r.answerKey(r.loan.Job); ok && r.config.Cache != nil {
		r.config.Cache.keep(r.loan.Job, key, result, time.Now())
	}
}
