package priority_test

import (
	"fmt"

	"github.com/sluicehq/sluice/pkg/jobs"
	"github.com/sluicehq/sluice/pkg/priority"
)

// A tenant with a long backlog shares its lane with one that comes later, and
// an urgent job passes both.
func Example() {
	s, err := priority.New(priority.Config{})
	if err != nil {
		fmt.Println(err)
		return
	}
	s.SetTenant("hog", priority.Tenant{MaxRunning: 3})
	for i := range int64(1_000) {
		s.Enqueue(jobs.Standard, "hog", priority.Entry{Seq: i, Cost: 8_000})
	}
	s.Enqueue(jobs.Standard, "calm", priority.Entry{Seq: 1_000, Cost: 8_000})
	s.Enqueue(jobs.Critical, "calm", priority.Entry{Seq: 1_001, Cost: 2_000})

	const now = 0 // unix ms; nobody is late yet
	for {
		lane, tenant, e, ok := s.Pick(now)
		if !ok {
			break
		}
		fmt.Println(lane, tenant, e.Seq)
	}
	fmt.Println(s.Queued(jobs.Standard, "hog"), "of hog's jobs wait: it runs as many as it may")

	s.Done(jobs.Standard, "hog", 8_000, 6_500)
	fmt.Println("one ended; is another ready?", s.Ready(now))
	// Output:
	// critical calm 1001
	// standard calm 1000
	// standard hog 0
	// standard hog 1
	// standard hog 2
	// 997 of hog's jobs wait: it runs as many as it may
	// one ended; is another ready? true
}
