package asynqjobs

import (
	"cmp"
	"encoding/json"
	"errors"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/sluicehq/sluice/pkg/jobs"
)

// A row of the ledger is stored as MARK|DAY|COST|JSON; lua/lib.lua says what
// the parts are.

// ledgerArgs are the arguments that the scripts write rows from.
func ledgerArgs(rows []jobs.Attempt) ([]any, error) {
	args := []any{len(rows)}
	for _, a := range rows {
		n := a.N
		a.Generation, a.N = 0, 0 // both are in the field's name
		a.StartedAt, a.EndedAt = jobs.Stamp(a.StartedAt), jobs.Stamp(a.EndedAt)
		text, err := encode(a)
		if err != nil {
			return nil, err
		}
		mark, day := "c", ""
		if a.Open() {
			mark = "o"
		}
		if !a.EndedAt.IsZero() {
			day = strconv.FormatInt(dayOf(a.EndedAt), 10)
		}
		args = append(args, n, mark, day, a.Usage.CostMicroUSD, text)
	}
	return args, nil
}

// dayOf counts the days in UTC from 1970 to the one that holds t.
func dayOf(t time.Time) int64 {
	const day = 24 * 60 * 60
	s := t.Unix()
	if s < 0 {
		return (s+1)/day - 1
	}
	return s / day
}

// decodeLedger reads rows by their fields' names and puts them in order.
func decodeLedger(fields map[string]string) ([]jobs.Attempt, error) {
	rows := make([]jobs.Attempt, 0, len(fields))
	for name, text := range fields {
		a, err := decodeAttempt(name, text)
		if err != nil {
			return nil, damaged("ledger", err)
		}
		rows = append(rows, a)
	}
	slices.SortFunc(rows, func(a, b jobs.Attempt) int {
		return cmp.Or(cmp.Compare(a.Generation, b.Generation), cmp.Compare(a.N, b.N))
	})
	return rows, nil
}

func decodeAttempt(name, text string) (jobs.Attempt, error) {
	generation, n, ok := strings.Cut(name, ":")
	parts := strings.SplitN(text, "|", 4)
	if !ok || len(parts) != 4 || parts[0] == "" {
		return jobs.Attempt{}, errors.New("a row is not one")
	}
	var a jobs.Attempt
	if err := json.Unmarshal([]byte(parts[3]), &a); err != nil {
		return jobs.Attempt{}, err
	}
	var err error
	if a.Generation, err = strconv.Atoi(generation); err != nil {
		return jobs.Attempt{}, err
	}
	if a.N, err = strconv.Atoi(n); err != nil {
		return jobs.Attempt{}, err
	}
	a.StartedAt, a.EndedAt = jobs.Stamp(a.StartedAt), jobs.Stamp(a.EndedAt)
	if at, lost := strings.CutPrefix(parts[0], "l"); lost {
		row := []jobs.Attempt{a}
		jobs.MarkLost(row, millis(at))
		a = row[0]
	}
	return a, nil
}
