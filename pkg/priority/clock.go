package priority

// unit is what one millisecond of service adds to the tag of weight 1. It is
// the least number that 1 to 10 divide, so those weights never round.
const unit = 2520

const (
	// horizon bounds how far a tag may lie from its clock: 14 years of
	// service at weight 1. It only bites on absurd costs and keeps all
	// numbers small enough for a double.
	horizon = 1 << 50
	// rebaseAt is the clock reading at which everything is moved back to 0.
	// A clock jumps by at most horizon, so no reading exceeds
	// rebaseAt + horizon and no tag exceeds rebaseAt + 2 horizon = 2^52.
	rebaseAt = 1 << 51
)

// share is what cost milliseconds of service add to a tag, rounded down. The
// product stays below 2^43.
func share(cost int32, weight int) int64 {
	return int64(max(cost, 1)) * unit / int64(weight)
}

// account is the standing of one lane among lanes, or of one tenant among the
// tenants of a lane.
type account struct {
	// tag is the service had so far, divided by the weight.
	tag int64
	// floor is the clock's reading when the account last joined. A refund
	// never takes the tag below it: what was spent before a pause without
	// work must not come back as credit for that pause.
	floor int64
}

// clock is the virtual time of one level. It only moves at picks and never
// goes back, rebasing aside.
type clock struct {
	// now is the virtual time: no account that is ready lies behind it,
	// unless a refund put it there.
	now int64
	// top is the largest tag that the level has seen.
	top int64
}

// join brings a in when it becomes ready: one unit behind whoever is at the
// clock. A tag equal to the clock would tie with those that wait there
// already, and an endless row of newcomers with smaller names would pass them
// all.
func (c *clock) join(a *account) {
	a.tag = max(a.tag, c.now+1)
	a.floor = c.now
	c.top = max(c.top, a.tag)
}

// charge adds the share of a job that starts.
func (c *clock) charge(a *account, by int64) {
	a.tag = min(a.tag+by, c.now+horizon)
	c.top = max(c.top, a.tag)
}

// correct adds by, which may be negative, when the real cost is known. The
// outer bounds are applied before and after, so that it does not matter
// whether the level was rebased in between.
func (c *clock) correct(a *account, by int64) {
	low := c.now - horizon
	tag := max(a.tag, low) + by
	a.tag = min(max(tag, a.floor, low), c.now+horizon)
	c.top = max(c.top, a.tag)
}

// advance moves the clock to the smallest tag among the ready.
func (c *clock) advance(smallest int64) { c.now = max(c.now, smallest) }

// finish moves the clock on when nobody is left ready. Without contention
// nobody owes or is owed anything, so the next to come starts level with all
// others.
func (c *clock) finish() { c.now = max(c.now, c.top) }

// rebase moves a back by d, and up to the bound that correct would apply
// anyway.
func (a *account) rebase(d int64) {
	a.tag = max(a.tag-d, -horizon)
	a.floor = max(a.floor-d, -horizon)
}

// rebase moves the clock back by d.
func (c *clock) rebase(d int64) {
	c.now -= d
	c.top -= d
}
