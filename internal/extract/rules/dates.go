package rules

import (
	"strings"

	"github.com/sluicehq/sluice/internal/extract/literal"
)

// dated is a date with its role.
type dated struct {
	role dateRole
	day  literal.Day
	mark int
	// doubt is the reason why the day is not certain, empty when it is.
	doubt string
}

// findDates gives every date mark its role.
func (r *reader) findDates() []dated {
	var list []dated
	for i, m := range r.marks {
		if m.kind != dateMark {
			continue
		}
		d := dated{mark: i}
		var sure bool
		if d.day, sure = r.day(m); !sure {
			d.doubt = reasonAmbiguousDate
		}
		if lb := r.labels[i]; lb.start >= 0 {
			d.role = r.words.dateRoleOf(lb.words)
			if r.followsNumber(lb) {
				d.role = issueDate
			}
			if d.role != noDate && (lb.ordinal > 0 || lb.above && r.listGoesOn(i)) {
				d.doubt = reasonAmbiguous
			}
		}
		list = append(list, d)
	}
	return list
}

// followsNumber reports whether a label is the "vom" between the document's
// number and its date.
func (r *reader) followsNumber(lb label) bool {
	if lb.after < 0 || len(lb.words) > 2 || !r.words.since[phraseOf(lb.words)] {
		return false
	}
	k, _ := r.words.numberRank(r.labels[lb.after].words)
	return k != noRank && r.labels[lb.after].ordinal == 0
}

// dateOf picks the date of a role.
func (r *reader) dateOf(list []dated, role dateRole, confidence float64) pick {
	var candidates []found
	reason := reasonMissing
	for _, d := range list {
		switch {
		case d.role != role:
		case d.doubt != "":
			reason = d.doubt
		default:
			candidates = append(candidates, r.foundDate(d, confidence))
		}
	}
	if len(candidates) == 0 {
		return pick{reason: reason}
	}
	return onlyOne(candidates, nil)
}

func (r *reader) foundDate(d dated, confidence float64) found {
	day := d.day.String()
	return found{value: day, key: day, mark: d.mark, label: r.labels[d.mark], confidence: confidence}
}

// issuedOn picks the date of the document: under its own label, else under a
// plain "Date", else the only date there is.
func (r *reader) issuedOn(list []dated) pick {
	for _, try := range []struct {
		role       dateRole
		confidence float64
	}{{issueDate, 0.95}, {plainDate, 0.85}} {
		if p := r.dateOf(list, try.role, try.confidence); p.reason != reasonMissing {
			return p
		}
	}
	return r.onlyDate(list)
}

// onlyDate takes the one date of a document when no label gives it to
// something else.
func (r *reader) onlyDate(list []dated) pick {
	var candidates []found
	for _, d := range list {
		switch {
		case d.role != noDate || r.endsInColon(d.mark):
			return pick{reason: reasonMissing}
		case d.doubt != "":
			return pick{reason: d.doubt}
		}
		candidates = append(candidates, r.foundDate(d, 0.7))
	}
	if len(candidates) == 0 {
		return pick{reason: reasonMissing}
	}
	return onlyOne(candidates, nil)
}

// endsInColon reports whether an unknown label announces the date.
func (r *reader) endsInColon(i int) bool {
	lb := r.labels[i]
	return lb.ordinal == 0 && strings.HasSuffix(lb.text, ":")
}

func phraseOf(words []string) string {
	if len(words) == 2 {
		return words[0] + " " + words[1]
	}
	return words[0]
}
