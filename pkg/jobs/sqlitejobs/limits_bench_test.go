package sqlitejobs_test

import (
	"context"
	"flag"
	"fmt"
	"sync"
	"testing"

	"github.com/sluicehq/sluice/pkg/jobs"
	"github.com/sluicehq/sluice/pkg/jobs/sqlitejobs"
)

// dead is how many dead letters the search is measured among.
var dead = flag.Int("dead", 20_000, "dead letters to search among")

// BenchmarkFind searches, counts and groups dead letters, of which twelve are
// of a rare class.
func BenchmarkFind(b *testing.B) {
	r := newRig(b, 100)
	r.body = r.body[:64]
	for left := *dead; left > 0; left -= jobs.MaxLend {
		n := min(left, jobs.MaxLend)
		r.fill(b, n)
		loans, err := r.Lend(b.Context(), jobs.LendRequest{Worker: "bench", Max: n, Slots: 4096})
		if err != nil || len(loans) != n {
			b.Fatalf("lent %d of %d jobs, %v", len(loans), n, err)
		}
		var wg sync.WaitGroup
		for i, l := range loans {
			class := jobs.Class([]string{"rate", "corrupt", "bad_json"}[i%3])
			if left <= 12*jobs.MaxLend && i == 0 {
				class = "rare"
			}
			wg.Go(func() {
				if _, err := r.Finish(b.Context(), l.Lease, fail(class)); err != nil {
					b.Error(err)
				}
			})
		}
		wg.Wait()
	}
	for name, find := range map[string]func(ctx context.Context) (int, error){
		"twelve by class": func(ctx context.Context) (int, error) {
			found, err := r.List(ctx, jobs.Filter{Classes: []jobs.Class{"rare"}}, jobs.Page{})
			return len(found), err
		},
		"page of dead letters": func(ctx context.Context) (int, error) {
			found, err := r.List(ctx, jobs.Filter{States: []jobs.State{jobs.Failed, jobs.Expired}}, jobs.Page{})
			return len(found), err
		},
		"page of a tenant's": func(ctx context.Context) (int, error) {
			found, err := r.List(ctx, jobs.Filter{Tenant: "tenant_00007", States: []jobs.State{jobs.Failed}}, jobs.Page{})
			return len(found), err
		},
		"count of a class": func(ctx context.Context) (int, error) {
			n, err := r.Count(ctx, jobs.Filter{Classes: []jobs.Class{"rate"}})
			return int(n), err
		},
		"groups": func(ctx context.Context) (int, error) {
			groups, err := r.Groups(ctx, jobs.Filter{})
			return len(groups), err
		},
	} {
		b.Run(name, func(b *testing.B) {
			n := 0
			for b.Loop() {
				var err error
				if n, err = find(b.Context()); err != nil || n == 0 {
					b.Fatalf("found %d, %v", n, err)
				}
			}
			b.ReportMetric(float64(n), "found")
			b.ReportMetric(float64(*dead), "dead")
		})
	}
}

// BenchmarkRawGroups writes the rows of accepted jobs, and nothing else, in
// groups of one transaction each: the limit of any engine on this database.
func BenchmarkRawGroups(b *testing.B) {
	for _, size := range []int{1, 16, 256} {
		b.Run(fmt.Sprintf("group=%d", size), func(b *testing.B) {
			r := newRig(b, 1)
			raw, err := sqlitejobs.OpenRaw(r.dir + "/raw.db")
			if err != nil {
				b.Fatal(err)
			}
			defer func() {
				if err := raw.Close(); err != nil {
					b.Error(err)
				}
			}()
			n := int64(0)
			r.measure(b, 1, func(context.Context) error {
				if n++; n%int64(size) != 0 {
					return nil // counted, and written with its group
				}
				return raw.Write(n-int64(size)+1, size, r.body)
			})
		})
	}
}
