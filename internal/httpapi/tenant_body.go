package httpapi

import (
	"math"
	"slices"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/sluicehq/sluice/internal/strictjson"
	"github.com/sluicehq/sluice/internal/tenants"
	"github.com/sluicehq/sluice/pkg/jobs"
)

// Bounds of a tenant's limits. They are within those of package tenants.
const (
	maxTenantJobs  = 1 << 30
	maxTenantRate  = 1_000_000
	maxTenantBytes = 1 << 40
	maxTenantUSD   = 10_000_000
	// maxPause is how long a pause with an end may last.
	maxPause = 366 * 24 * time.Hour
)

// limitMembers reads a tenant's limits.
func limitMembers(d *decoder, l *tenants.Limits) members {
	return members{
		"weight":              d.count(&l.Weight, 1, jobs.MaxWeight),
		"max_running":         d.count(&l.MaxRunning, 0, maxTenantJobs),
		"max_queued":          d.count(&l.MaxQueued, 0, maxTenantJobs),
		"lanes":               d.lanes(&l.Lanes),
		"requests_per_second": d.perSecond(&l.RequestsPerSecond),
		"requests_burst":      d.count(&l.RequestsBurst, 0, maxTenantRate),
		"bytes_per_second":    d.integer(&l.BytesPerSecond, 0, maxTenantBytes),
		"bytes_burst":         d.integer(&l.BytesBurst, 0, maxTenantBytes),
		"cost_usd_per_day":    d.dollars(&l.MicroUSDPerDay, maxTenantUSD),
	}
}

// limitEdits reads the limits to change. Each that is given becomes an edit,
// which reads it again into the limits as they are then.
func limitEdits(d *decoder, edits *[]func(*tenants.Limits)) members {
	known := limitMembers(d, &tenants.Limits{})
	for name, read := range known {
		known[name] = func(v strictjson.Value, at string) {
			read(v, at)
			*edits = append(*edits, func(l *tenants.Limits) { limitMembers(&decoder{}, l)[name](v, at) })
		}
	}
	return known
}

// count reads an int.
func (d *decoder) count(into *int, least, most int64) reader {
	return func(v strictjson.Value, at string) {
		n := int64(*into)
		d.integer(&n, least, most)(v, at)
		*into = int(n)
	}
}

func (d *decoder) version(into *int64) reader {
	return d.integer(into, 1, math.MaxInt64)
}

// perSecond reads a rate, where 0 is none.
func (d *decoder) perSecond(into *float64) reader {
	return func(v strictjson.Value, at string) {
		d.number(into, 0, maxTenantRate)(v, at)
		if *into > 0 && *into < 0.001 {
			d.refuse(at, "must be 0, or from 0.001 to %d", maxTenantRate)
		}
	}
}

// lanes reads a list of lanes, each once; none means all.
func (d *decoder) lanes(into *[]jobs.Lane) reader {
	return func(v strictjson.Value, at string) {
		const want = "must be critical, interactive, standard or batch, each once"
		list(d, into, want, jobs.ParseLane)(v, at)
		for i, lane := range *into {
			if slices.Contains((*into)[:i], lane) {
				d.refuse(at, want)
				return
			}
		}
	}
}

// until reads the end of a pause, which must be ahead, and given once.
func (d *decoder) until(into *time.Time, span *time.Duration, now time.Time) reader {
	return func(v strictjson.Value, at string) {
		d.moment(into)(v, at)
		switch {
		case *span != 0:
			d.refuse(at, "only one of until and for may be given")
		case !into.IsZero() && (!into.After(now) || into.Sub(now) > maxPause):
			d.refuse(at, "must be ahead, and at most %s", maxPause)
		}
	}
}

// pauseFor reads how long a pause lasts.
func (d *decoder) pauseFor(into *time.Duration, until *time.Time) reader {
	return func(v strictjson.Value, at string) {
		if d.span(into, "15m", time.Second, maxPause)(v, at); !until.IsZero() {
			d.refuse(at, "only one of until and for may be given")
		}
	}
}

func tenantParam() *huma.Param {
	return &huma.Param{
		Name: "tenant", In: "path", Required: true, Description: "The tenant's name",
		Schema: &huma.Schema{Type: huma.TypeString, Pattern: `^[0-9A-Za-z_-]{1,64}$`},
	}
}

func pageParams(what string) []*huma.Param {
	return []*huma.Param{
		query("limit", what+" on a page", integer(1, maxListed)),
		query("cursor", "next_cursor of the page before", &huma.Schema{Type: huma.TypeString}),
	}
}

func jsonBody(s *huma.Schema, required bool) *huma.RequestBody {
	return &huma.RequestBody{Required: required, Content: map[string]*huma.MediaType{"application/json": {Schema: s}}}
}

func versionSchema() *huma.Schema {
	least := 1.0
	return &huma.Schema{Type: huma.TypeInteger, Minimum: &least, Description: "Refuse (409) unless the version is this one"}
}

func versionBody() *huma.RequestBody {
	return jsonBody(closed(map[string]*huma.Schema{"version": versionSchema()}), false)
}

// tenantBody describes limits with a name, which is needed, or a version.
func tenantBody(with string) *huma.RequestBody {
	bounded := func(doc string, least, most float64) *huma.Schema {
		s := integer(least, most)
		s.Description = doc
		return s
	}
	none, rate, usd := 0.0, float64(maxTenantRate), float64(maxTenantUSD)
	most, unique := jobs.NumLanes, true
	properties := map[string]*huma.Schema{
		"weight":      bounded("Share inside a lane", 1, jobs.MaxWeight),
		"max_running": bounded("Most jobs that run at once; 0 is no limit", 0, maxTenantJobs),
		"max_queued":  bounded("Most jobs that wait; 0 is no limit", 0, maxTenantJobs),
		"lanes": {
			Type: huma.TypeArray, Items: &huma.Schema{Type: huma.TypeString, Enum: laneSchema().Enum}, MaxItems: &most, UniqueItems: unique,
			Description: "Lanes the tenant may use; none means all",
		},
		"requests_per_second": {Type: huma.TypeNumber, Minimum: &none, Maximum: &rate, Description: "Submissions a second, 0.001 or more; 0 is no limit"},
		"requests_burst":      bounded("Submissions at once; 0 is one second's worth", 0, maxTenantRate),
		"bytes_per_second":    bounded("Bytes of documents a second; 0 is no limit", 0, maxTenantBytes),
		"bytes_burst":         bounded("Bytes at once; 0 is one second's worth", 0, maxTenantBytes),
		"cost_usd_per_day":    {Type: huma.TypeNumber, Minimum: &none, Maximum: &usd, Description: "With at most 6 decimals; 0 is no limit"},
	}
	if with == "name" {
		properties["name"] = &huma.Schema{Type: huma.TypeString, Pattern: `^[0-9A-Za-z_-]{1,64}$`}
		return jsonBody(closed(properties, "name"), true)
	}
	properties["version"] = versionSchema()
	return jsonBody(closed(properties), true)
}

func pauseBody() *huma.RequestBody {
	return jsonBody(closed(map[string]*huma.Schema{
		"version": versionSchema(), "reason": text("Why, for people; at most 512 bytes"),
		"until":         {Type: huma.TypeString, Format: "date-time", Description: "When the pause ends by itself"},
		"for":           text(`How long the pause lasts, such as "2h", instead of until`),
		"refuse_intake": {Type: huma.TypeBoolean, Default: false, Description: "Whether new jobs are refused, too"},
	}), false)
}
