package tiers

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/sluicehq/sluice/pkg/jobs"
)

// Proof is the arithmetic of one lane: the worst case of tier 1 and one try of
// every tier below, against the deadline.
type Proof struct {
	Lane     jobs.Lane
	Deadline time.Duration

	Calls   int           // calls on tier 1, each to its full timeout
	Timeout time.Duration // of one call on tier 1
	Waits   time.Duration // the longest backoffs between them
	Smaller time.Duration // one full call on tier 2
	Rules   time.Duration
	Commit  time.Duration
}

// ProofOf does the arithmetic of a lane for jobs with a deadline of d from
// acceptance; 0 means the lane's default.
func (p Policy) ProofOf(lane jobs.Lane, d time.Duration) Proof {
	p = p.WithDefaults()
	if d == 0 {
		d = p.Deadlines[lane]
	}
	proof := Proof{
		Lane: lane, Deadline: d,
		Calls: p.Primary.calls(), Timeout: p.Primary.Timeout[lane],
		Smaller: p.Smaller.Timeout[lane], Rules: p.RulesTimeout, Commit: p.Commit,
	}
	for k := 1; k < proof.Calls; k++ {
		proof.Waits += p.maxBackoff(k)
	}
	return proof
}

// Needs is the worst case.
func (p Proof) Needs() time.Duration {
	return time.Duration(p.Calls)*p.Timeout + p.Waits + p.Smaller + p.Rules + p.Commit
}

// Left is what the worst case leaves for the queue and the document's parsing;
// negative when a tier cannot be reached.
func (p Proof) Left() time.Duration { return p.Deadline - p.Needs() }

// String shows the sum, so that an operator sees which number to change.
func (p Proof) String() string {
	relation := "≤"
	if p.Left() < 0 {
		relation = ">"
	}
	return fmt.Sprintf("lane %s: tier 1 %d × %v + waits %v + tier 2 %v + rules %v + commit %v = %v %s deadline %v",
		p.Lane, p.Calls, p.Timeout, p.Waits, p.Smaller, p.Rules, p.Commit, p.Needs(), relation, p.Deadline)
}

// ErrUnreachable marks a policy under which a tier cannot be reached inside a
// lane's deadline.
var ErrUnreachable = errors.New("a tier cannot be reached inside the deadline")

// Prove refuses a policy whose worst case does not fit into the default
// deadline of every lane. The error wraps [ErrUnreachable] and shows the
// arithmetic of each lane that fails. A job that brings a shorter deadline of
// its own is still safe: the ladder leaves tier 1 early enough for it.
func (p Policy) Prove() error {
	if err := p.Validate(); err != nil {
		return err
	}
	var failed []string
	for _, lane := range jobs.Lanes() {
		if proof := p.ProofOf(lane, 0); proof.Left() < 0 {
			failed = append(failed, proof.String()+", "+(-proof.Left()).String()+" too long")
		}
	}
	if failed == nil {
		return nil
	}
	return fmt.Errorf("%w: %s", ErrUnreachable, strings.Join(failed, "; "))
}
