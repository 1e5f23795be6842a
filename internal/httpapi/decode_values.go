package httpapi

import (
	"strconv"
	"strings"
	"time"

	"github.com/sluicehq/sluice/internal/strictjson"
	"github.com/sluicehq/sluice/pkg/jobs"
)

// number reads a number from least to most.
func (d *decoder) number(into *float64, least, most float64) reader {
	return func(v strictjson.Value, at string) {
		n, err := strconv.ParseFloat(string(v.Raw()), 64)
		if v.Kind() != strictjson.Number || err != nil || n < least || n > most {
			d.refuse(at, "must be a number from %g to %g", least, most)
			return
		}
		*into = n
	}
}

// moment reads a time.
func (d *decoder) moment(into *time.Time) reader {
	return func(v strictjson.Value, at string) {
		t, ok := parseMoment(string(v.Text()))
		if !ok {
			d.refuse(at, wantMoment)
			return
		}
		*into = t
	}
}

const wantMoment = "must be a time such as 2026-11-22T10:00:00Z"

// parseMoment reads a time into UTC. Go's parser takes zones of 24 hours, which
// its encoder refuses, and years that leave the four digits in UTC. The first
// moment of year 1 is Go's zero time: as a bound it would mean none.
func parseMoment(text string) (time.Time, bool) {
	if len(text) > 64 {
		return time.Time{}, false
	}
	t, err := time.Parse(time.RFC3339, text)
	t = t.UTC()
	return t, err == nil && !t.IsZero() && t.Year() >= 1 && t.Year() <= 9999
}

// span reads a duration from least to most, such as the example.
func (d *decoder) span(into *time.Duration, example string, least, most time.Duration) reader {
	return func(v strictjson.Value, at string) {
		span, err := time.ParseDuration(string(v.Text()))
		if err != nil || len(v.Text()) > 32 || span < least || span > most {
			d.refuse(at, "must be a duration such as %q, from %s to %s", example, least, most)
			return
		}
		*into = span
	}
}

// id reads a name such as a tenant's.
func (d *decoder) id(into *string) reader {
	return func(v strictjson.Value, at string) {
		id := jobs.ID(v.Text())
		if id.Validate() != nil {
			d.refuse(at, "must be 1 to %d characters of 0-9 A-Z a-z _ -", jobs.MaxIDLength)
			return
		}
		*into = string(id)
	}
}

// maxWords bounds a list of words.
const maxWords = 16

// list reads a list of up to maxWords texts through parse; want says what they
// must be.
func list[T any](d *decoder, into *[]T, want string, parse func(string) (T, error)) reader {
	return func(v strictjson.Value, at string) {
		items := v.Items()
		if v.Kind() != strictjson.Array || len(items) > maxWords {
			d.refuse(at, "must be a list of at most %d", maxWords)
			return
		}
		words := make([]T, 0, len(items))
		for _, item := range items {
			word, err := parse(string(item.Text()))
			if item.Kind() != strictjson.String || err != nil {
				d.refuse(at, "%s", want)
				return
			}
			words = append(words, word)
		}
		*into = words
	}
}

// dollars reads an amount of US dollars into millionths; 0 is one, too.
func (d *decoder) dollars(into *int64, most int64) reader {
	return func(v strictjson.Value, at string) {
		micro, ok := microDollars(string(v.Raw()), most)
		if v.Kind() != strictjson.Number || !ok {
			d.refuse(at, "must be a plain number from 0 to %d with at most 6 decimals", most)
			return
		}
		*into = micro
	}
}

// microDollars reads dollars into millionths, without a float between them:
// money is never rounded.
func microDollars(s string, most int64) (int64, bool) {
	whole, part, _ := strings.Cut(s, ".")
	if len(whole) > 9 || len(part) > 6 {
		return 0, false
	}
	n, err := strconv.ParseUint(whole+part+strings.Repeat("0", 6-len(part)), 10, 63)
	return int64(n), err == nil && int64(n) <= most*1_000_000
}
