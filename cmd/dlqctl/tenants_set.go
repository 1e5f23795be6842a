package main

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/sluicehq/sluice/pkg/client"
)

// limitFlags are the flags of a tenant's limits.
type limitFlags struct {
	weight, running, queued, requestsBurst int
	requests                               string
	lanes                                  []string
	bytes, bytesBurst, money               string
}

func (f *limitFlags) register(cmd *cobra.Command) {
	flags := cmd.Flags()
	flags.IntVar(&f.weight, "weight", 0, "share inside a lane, 1 to 1000")
	flags.IntVar(&f.running, "max-running", 0, "most jobs that run at once; 0 is no limit")
	flags.IntVar(&f.queued, "max-queued", 0, "most jobs that wait; 0 is no limit")
	flags.StringSliceVar(&f.lanes, "lanes", nil, "lanes that the tenant may use, or all")
	flags.StringVar(&f.requests, "requests", "", "submissions a `time`, such as 10/s or 100/m; 0 is no limit")
	flags.IntVar(&f.requestsBurst, "requests-burst", 0, "submissions at once; 0 is one second's worth")
	flags.StringVar(&f.bytes, "bytes", "", "`bytes` of documents a second, such as 512KiB or 10MiB; 0 is no limit")
	flags.StringVar(&f.bytesBurst, "bytes-burst", "", "`bytes` at once; 0 is one second's worth")
	flags.StringVar(&f.money, "cost-per-day", "", "US `dollars` that model calls may cost in a day (UTC); 0 is no limit")
	fixed(cmd, "lanes", append(laneNames(), "all")...)
}

// limits are those that were given.
func (f *limitFlags) limits(flags *pflag.FlagSet) (l client.TenantLimits, err error) {
	f.counts(flags, &l)
	if err := f.sizes(flags, &l); err != nil {
		return l, err
	}
	if flags.Changed("requests") {
		rate, err := requestsOf(f.requests)
		if err != nil {
			return l, err
		}
		l.RequestsPerSecond = &rate
	}
	if flags.Changed("cost-per-day") {
		money, err := client.ParseUSD(strings.TrimPrefix(f.money, "$"))
		if err != nil || money < 0 {
			return l, usagef("--cost-per-day takes dollars such as 25 or 12.50, with at most 6 decimals")
		}
		l.CostPerDay = &money
	}
	if flags.Changed("lanes") {
		l.Lanes = &f.lanes
		if slices.Equal(f.lanes, []string{"all"}) {
			l.Lanes = &[]string{}
		}
		for _, lane := range *l.Lanes {
			if err := checkLane("lanes", lane); err != nil {
				return l, err
			}
		}
	}
	return l, nil
}

// counts sets the limits that are whole numbers.
func (f *limitFlags) counts(flags *pflag.FlagSet, l *client.TenantLimits) {
	for _, n := range []struct {
		flag string
		from int
		into **int
	}{
		{"weight", f.weight, &l.Weight}, {"max-running", f.running, &l.MaxRunning},
		{"max-queued", f.queued, &l.MaxQueued}, {"requests-burst", f.requestsBurst, &l.RequestsBurst},
	} {
		if flags.Changed(n.flag) {
			*n.into = &n.from
		}
	}
}

// sizes sets the limits in bytes.
func (f *limitFlags) sizes(flags *pflag.FlagSet, l *client.TenantLimits) error {
	for _, n := range []struct {
		flag, from string
		into       **int64
	}{{"bytes", f.bytes, &l.BytesPerSecond}, {"bytes-burst", f.bytesBurst, &l.BytesBurst}} {
		if flags.Changed(n.flag) {
			bytes, ok := bytesOf(n.from)
			if !ok {
				return usagef("--%s takes bytes such as 65536, 512KiB or 10MiB", n.flag)
			}
			*n.into = &bytes
		}
	}
	return nil
}

// requestsOf reads a rate of submissions, where 0 is none.
func requestsOf(text string) (float64, error) {
	if text == "0" {
		return 0, nil
	}
	rate, err := rateOf(text)
	if err != nil || text == "" {
		return 0, usagef("--requests takes 0, or submissions a second, minute or hour such as 10/s or 100/m; from 4/h to 10000/s")
	}
	return rate, nil
}

// bytesOf reads a number of bytes.
func bytesOf(text string) (int64, bool) {
	unit := int64(1)
	for _, u := range byteUnits() {
		if number, has := strings.CutSuffix(text, u.name); has {
			text, unit = strings.TrimSpace(number), u.size
			break
		}
	}
	n, err := strconv.ParseInt(text, 10, 64)
	return n * unit, err == nil && n >= 0 && n <= (1<<40)/unit
}

func (a *app) tenantsSetCommand() *cobra.Command {
	var f limitFlags
	var create bool
	var version int64
	cmd := &cobra.Command{
		Use:   "set NAME",
		Short: "Change a tenant's limits, or make a tenant",
		Long: `Change a tenant's limits; what is not given stays. From then on its limits are
those set here and not those of the server's configuration, until reset.

With --create the tenant is made; then it must not be there yet.

` + tenantColumns,
		Example: `  dlqctl tenants set acme --max-running 40 --cost-per-day 25
  dlqctl tenants set acme --lanes standard,batch --requests 10/s --bytes 4MiB
  dlqctl tenants set newcomer --create --weight 2`,
		Args:              cobra.ExactArgs(1),
		ValidArgsFunction: a.completeTenants,
	}
	f.register(cmd)
	cmd.Flags().BoolVar(&create, "create", false, "make the tenant")
	cmd.Flags().Int64Var(&version, "if-version", 0, "only while the tenant has this version")
	cmd.MarkFlagsMutuallyExclusive("create", "if-version")
	cmd.RunE = a.begin(func(ctx context.Context, args []string) error {
		l, err := f.limits(cmd.Flags())
		if err != nil {
			return err
		}
		if !create && l == (client.TenantLimits{}) {
			return usagef("name at least one limit to change")
		}
		return a.onTenant(ctx, args[0], func(ctx context.Context, c *client.Client) (client.Tenant, error) {
			if create {
				return c.CreateTenant(ctx, args[0], l)
			}
			return c.EditTenant(ctx, args[0], version, l)
		}, "set")
	})
	return cmd
}

// onTenant changes a tenant and shows it.
func (a *app) onTenant(
	ctx context.Context, name string, change func(context.Context, *client.Client) (client.Tenant, error), done string,
) error {
	if err := checkTenant(name); err != nil {
		return err
	}
	t, err := request(ctx, a, change)
	if err != nil {
		return err
	}
	switch a.as() {
	case asJSON:
		return a.json(envelope{Kind: "Tenant", Data: t})
	case asName, asTSV:
		a.tenantLine(t)
	case asTable, byTerminal:
		a.print("%s %s  %s  version %d%s", a.paint(green, "✓"), a.paint(bold, t.Name), a.paint(green, done), t.Version, after("  ", pauseText(t.Pause, a.now())))
		a.next("tenants show " + t.Name)
	}
	return nil
}

func (a *app) tenantsPauseCommand() *cobra.Command {
	var o client.PauseOptions
	var end endFlags
	cmd := &cobra.Command{
		Use:   "pause NAME",
		Short: "Keep a tenant's jobs from starting",
		Long: `Keep a tenant's jobs from starting, until the pause ends by itself or with resume.
What runs goes on. New jobs are accepted and wait, unless --refuse-intake says
otherwise.`,
		Example: `  dlqctl tenants pause acme --for 2h --reason "their upload loops"
  dlqctl tenants pause acme --refuse-intake --reason "unpaid"`,
		Args:              cobra.ExactArgs(1),
		ValidArgsFunction: a.completeTenants,
	}
	end.register(cmd)
	cmd.Flags().BoolVar(&o.RefuseIntake, "refuse-intake", false, "refuse new jobs, too")
	cmd.Flags().StringVar(&o.Reason, "reason", "", "why, for people")
	cmd.RunE = a.begin(func(ctx context.Context, args []string) (err error) {
		if o.For, o.Until, err = end.ending(); err != nil {
			return err
		}
		return a.onTenant(ctx, args[0], func(ctx context.Context, c *client.Client) (client.Tenant, error) {
			return c.PauseTenant(ctx, args[0], o)
		}, "paused")
	})
	return cmd
}

func (a *app) tenantsTurnCommand(
	verb, done, short, long string, turn func(*client.Client, context.Context, string, int64) (client.Tenant, error),
) *cobra.Command {
	return &cobra.Command{
		Use: verb + " NAME", Short: short, Long: long, Example: "  dlqctl tenants " + verb + " acme", Args: cobra.ExactArgs(1),
		ValidArgsFunction: a.completeTenants,
		RunE: a.begin(func(ctx context.Context, args []string) error {
			return a.onTenant(ctx, args[0], func(ctx context.Context, c *client.Client) (client.Tenant, error) {
				return turn(c, ctx, args[0], 0)
			}, done)
		}),
	}
}

func (a *app) tenantsRmCommand() *cobra.Command {
	var yes bool
	cmd := &cobra.Command{
		Use:   "rm NAME",
		Short: "Remove a tenant that the configuration does not name",
		Long: `Remove a tenant that the server's configuration does not name. Its jobs stay, and
have no limits from then on. A person is asked.`,
		Example:           "  dlqctl tenants rm newcomer",
		Args:              cobra.ExactArgs(1),
		ValidArgsFunction: a.completeTenants,
	}
	cmd.Flags().BoolVarP(&yes, "yes", "y", false, "do not ask")
	cmd.RunE = a.begin(func(ctx context.Context, args []string) error {
		if err := checkTenant(args[0]); err != nil {
			return err
		}
		c, err := a.client()
		if err != nil {
			return err
		}
		if !yes {
			if err := a.confirm(ctx, fmt.Sprintf("Remove the tenant %s and its limits?", args[0]), false); err != nil {
				return err
			}
		}
		ctx, cancel := a.within(ctx)
		defer cancel()
		if err := c.DeleteTenant(ctx, args[0]); err != nil {
			return err
		}
		e := envelope{Kind: "TenantRemoved", Data: map[string]string{"name": args[0]}}
		return a.showDone(e, args[0], "removed", "removed")
	})
	return cmd
}
