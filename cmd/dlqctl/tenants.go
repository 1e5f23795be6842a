package main

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/sluicehq/sluice/pkg/client"
	"github.com/sluicehq/sluice/pkg/jobs"
)

// tenantsCommand holds the commands on tenants.
func (a *app) tenantsCommand() *cobra.Command {
	return family(&cobra.Command{
		Use:   "tenants",
		Short: "See tenants and change their limits",
		Long: `See tenants, change their limits and pause them, while the server runs. A change
acts at once, and in other processes of the server within a second. The key must
be an operator's.`,
		Example: "  dlqctl tenants set acme --max-running 40 --cost-per-day 25",
	},
		a.tenantsLsCommand(), a.tenantsShowCommand(), a.tenantsSetCommand(), a.tenantsPauseCommand(),
		a.tenantsTurnCommand("resume", "resumed", "End a pause", "End a pause: jobs that wait start as usual.", (*client.Client).ResumeTenant),
		a.tenantsTurnCommand("reset", "reset", "Give a tenant the limits of the configuration again",
			"Give a tenant that the server's configuration names its limits again.", (*client.Client).ResetTenant),
		a.tenantsRmCommand(),
	)
}

// checkTenant checks a name before it goes anywhere.
func checkTenant(name string) error {
	if jobs.ID(name).Validate() != nil {
		return usagef("%q is not the name of a tenant", name)
	}
	return nil
}

func (a *app) tenantsLsCommand() *cobra.Command {
	var p pageFlags
	cmd := &cobra.Command{
		Use:     "ls",
		Aliases: []string{"list"},
		Short:   "List tenants by name",
		Long: `List tenants by name with their limits; what has no limit is left empty.

` + tenantColumns,
		Example: "  dlqctl tenants ls --all -o name",
		Args:    cobra.NoArgs,
	}
	p.register(cmd, "tenants")
	cmd.RunE = a.begin(func(ctx context.Context, _ []string) error {
		c, err := a.client()
		if err != nil {
			return err
		}
		all, next, err := gather(ctx, a, &p, func(ctx context.Context, page client.Page) ([]client.Tenant, string, error) {
			list, err := c.Tenants(ctx, page)
			return list.Data, list.NextCursor, err
		})
		if err != nil {
			return err
		}
		return a.showTenants(all, next)
	})
	return cmd
}

const tenantColumns = `As TSV the columns are: name, weight, max_running, max_queued, lanes,
requests_per_second, requests_burst, bytes_per_second, bytes_burst,
cost_usd_per_day, spent_usd_today, paused (or refusing, while new jobs are
refused too), paused_until, pause_reason, edited, version.`

func (a *app) showTenants(all []client.Tenant, next string) error {
	switch a.as() {
	case asJSON:
		return a.json(envelope{Kind: "TenantList", Data: all, NextCursor: next})
	case asName, asTSV:
		for _, t := range all {
			a.tenantLine(t)
		}
		return nil
	case asTable, byTerminal:
	}
	if len(all) == 0 {
		a.note("There is no tenant.")
		return nil
	}
	t := table{columns: []column{
		{title: "TENANT"}, {title: "WEIGHT", right: true}, {title: "RUNNING", right: true}, {title: "QUEUED", right: true}, {title: "LANES", least: 10, drop: 1},
		{title: "REQUESTS", right: true, drop: 2}, {title: "BYTES", right: true, drop: 4}, {title: "A DAY", right: true, drop: 3}, {title: "PAUSED", least: 12},
	}}
	for _, x := range all {
		t.add(cell{x.Name, bold}, cell{strconv.Itoa(x.Weight), plain}, cell{number(x.MaxRunning), plain}, cell{number(x.MaxQueued), plain},
			cell{strings.Join(x.Lanes, ","), plain}, cell{perSecond(x.RequestsPerSecond), plain}, cell{bytesPerSecond(x.BytesPerSecond), plain},
			cell{dollars(x.CostPerDay), plain}, cell{pauseText(x.Pause, a.now()), yellow})
	}
	return a.page(t, next)
}

// tenantLine writes a tenant as a line for programs.
func (a *app) tenantLine(t client.Tenant) {
	if a.as() == asName {
		a.print("%s", t.Name)
		return
	}
	var fields []string
	for _, f := range tenantMembers(t) {
		fields = append(fields, f.value)
	}
	a.tsv(fields...)
}

// tenantMembers are a tenant's members for programs.
func tenantMembers(t client.Tenant) []fact {
	spent, paused, until, reason := "", "", "", ""
	if t.SpentToday != nil {
		spent = t.SpentToday.String()
	}
	if p := t.Pause; p != nil {
		if paused = "paused"; p.RefuseIntake {
			paused = "refusing"
		}
		until, reason = stamp(p.Until), p.Reason
	}
	return []fact{
		{"name", t.Name}, {"weight", strconv.Itoa(t.Weight)}, {"max_running", strconv.Itoa(t.MaxRunning)}, {"max_queued", strconv.Itoa(t.MaxQueued)},
		{"lanes", strings.Join(t.Lanes, ",")}, {"requests_per_second", strconv.FormatFloat(t.RequestsPerSecond, 'g', -1, 64)},
		{"requests_burst", strconv.Itoa(t.RequestsBurst)}, {"bytes_per_second", strconv.FormatInt(t.BytesPerSecond, 10)},
		{"bytes_burst", strconv.FormatInt(t.BytesBurst, 10)}, {"cost_usd_per_day", t.CostPerDay.String()}, {"spent_usd_today", spent},
		{"paused", paused}, {"paused_until", until}, {"pause_reason", reason}, {"edited", strconv.FormatBool(t.Edited)},
		{"version", strconv.FormatInt(t.Version, 10)},
	}
}

// The texts of limits; empty where there is none.

func perSecond(n float64) string {
	if n == 0 {
		return ""
	}
	return rateText(n)
}

func bytesPerSecond(n int64) string {
	if n == 0 {
		return ""
	}
	return byteText(n) + "/s"
}

// byteText is a number of bytes for a person.
func byteText(n int64) string {
	for _, u := range byteUnits() {
		if n >= u.size {
			return strconv.FormatFloat(float64(n)/float64(u.size), 'g', 4, 64) + " " + u.name
		}
	}
	return strconv.FormatInt(n, 10) + " B"
}

type byteUnit struct {
	name string
	size int64
}

func byteUnits() []byteUnit { return []byteUnit{{"GiB", 1 << 30}, {"MiB", 1 << 20}, {"KiB", 1 << 10}} }

func dollars(u client.USD) string {
	if u == 0 {
		return ""
	}
	text := u.String()
	if _, cents, _ := strings.Cut(text, "."); len(cents) == 1 {
		text += "0"
	}
	return "$" + text
}

func pauseText(p *client.TenantPause, now time.Time) string {
	if p == nil {
		return ""
	}
	text := "paused"
	if p.RefuseIntake {
		text = "refuses"
	}
	if p.Until.After(now) {
		text += " for " + span(p.Until.Sub(now).Round(time.Second))
	}
	return text + after(": ", p.Reason)
}

func (a *app) tenantsShowCommand() *cobra.Command {
	return &cobra.Command{
		Use:               "show NAME",
		Short:             "Show a tenant, with what it has spent today",
		Long:              "Show a tenant: its limits, its pause, and what its model calls have cost today (UTC).\n\nAs TSV each line is a name and a value.",
		Example:           "  dlqctl tenants show acme",
		Args:              cobra.ExactArgs(1),
		ValidArgsFunction: a.completeTenants,
		RunE: a.begin(func(ctx context.Context, args []string) error {
			if err := checkTenant(args[0]); err != nil {
				return err
			}
			t, err := request(ctx, a, func(ctx context.Context, c *client.Client) (client.Tenant, error) { return c.Tenant(ctx, args[0]) })
			if err != nil {
				return err
			}
			switch a.as() {
			case asJSON:
				return a.json(envelope{Kind: "Tenant", Data: t})
			case asName:
				a.print("%s", t.Name)
			case asTSV:
				a.tsvFacts(tenantMembers(t))
			case asTable, byTerminal:
				a.print("%s%s", a.paint(bold, t.Name), a.paint(yellow, after("  ", pauseText(t.Pause, a.now()))))
				a.print("")
				a.printFacts(a.tenantFacts(t))
			}
			return nil
		}),
	}
}

// tenantFacts are a tenant's members for a person, beside its name.
func (a *app) tenantFacts(t client.Tenant) []fact {
	limit := func(n int, what string) string {
		if n == 0 {
			return "no limit"
		}
		return fmt.Sprintf("%d %s", n, what)
	}
	burst := func(rate, burst string) string {
		if rate == "" {
			return "no limit"
		}
		return rate + after(", at once ", burst)
	}
	lanes, money, spent, limits := "all", "no limit", "", "of the configuration"
	if len(t.Lanes) > 0 {
		lanes = strings.Join(t.Lanes, ", ")
	}
	if t.CostPerDay > 0 {
		money = dollars(t.CostPerDay)
	}
	if t.SpentToday != nil {
		spent = "$" + t.SpentToday.String()
	}
	if t.Edited {
		limits = "set at run time"
	}
	bytesBurst := ""
	if t.BytesBurst > 0 {
		bytesBurst = byteText(t.BytesBurst)
	}
	list := []fact{
		{"weight", strconv.Itoa(t.Weight)}, {"running", limit(t.MaxRunning, "at most")}, {"queued", limit(t.MaxQueued, "at most")}, {"lanes", lanes},
		{"requests", burst(perSecond(t.RequestsPerSecond), number(t.RequestsBurst))}, {"bytes", burst(bytesPerSecond(t.BytesPerSecond), bytesBurst)},
		{"money a day", money}, {"spent today", spent}, {"limits", limits},
	}
	if p := t.Pause; p != nil {
		intake := "new jobs wait"
		if p.RefuseIntake {
			intake = "new jobs are refused"
		}
		list = append(list, fact{"paused", a.ago(p.At)}, fact{"until", a.ago(p.Until)}, fact{"reason", p.Reason}, fact{"paused by", p.By}, fact{"intake", intake})
	}
	return given(append(list, fact{"changed", a.ago(t.UpdatedAt)}, fact{"changed by", t.UpdatedBy}, fact{"version", strconv.FormatInt(t.Version, 10)}))
}
