package tenants_test

import (
	"context"
	"fmt"
	"time"

	"github.com/sluicehq/sluice/internal/tenants"
	"github.com/sluicehq/sluice/pkg/jobs/memjobs"
)

func Example() {
	ctx := context.Background()
	engine, _ := memjobs.New(memjobs.Config{})
	defer engine.Close()
	d, err := tenants.Open(ctx, tenants.Config{
		Engine: engine, Spender: &purse{}, Seeds: []tenants.Seed{{Name: "acme", Limits: tenants.Limits{MaxRunning: 4}}},
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	// d.Run(ctx) follows what other processes change.
	t, _ := d.Edit(ctx, "acme", 0, "ops", func(l *tenants.Limits) { l.RequestsPerSecond, l.RequestsBurst = 0.01, 1 })
	fmt.Println(t.Name, t.MaxRunning, t.Version)
	fmt.Println(d.Admit(ctx, "acme", 2048).Refused())
	refusal := d.Admit(ctx, "acme", 2048)
	fmt.Println(refusal.Reason, refusal.RetryAfter.Round(time.Second))
	// Output:
	// acme 4 2
	// false
	// rate_limited 1m40s
}
