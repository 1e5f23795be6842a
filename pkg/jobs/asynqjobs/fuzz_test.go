package asynqjobs

import (
	"errors"
	"strings"
	"testing"

	"github.com/sluicehq/sluice/pkg/jobs"
)

// What the server holds may be damaged, or written by who knows whom: reading
// it fails with an error and never otherwise.

func FuzzARowIsReadOrRefused(f *testing.F) {
	f.Add(`{"i":"a","t":"acme","s":"queued","v":1,"g":1,"f":"cA==","c":1,"aa":1,"ea":1,"da":1,"ua":1}`, `{"r":{"data":{}}}`, "R", "7", "8", "2")
	f.Add(`{"i":"a","s":"in_review","rv":{"reason":"x"}}`, `{"c":[{"tier":1}],"d":{}}`, "I", "1", "", "")
	f.Add(`{`, ``, "Q", "x", "", "")
	f.Add(`null`, `null`, "R", "1", "1", "x")
	f.Fuzz(func(t *testing.T, row, heavy, state, seq, token, at string) {
		s, ok := storedOf([]any{row, heavy, "1", state, seq, token, "w", at, at})
		if ok != (row != "") {
			t.Fatalf("ok is %t for the row %q", ok, row)
		}
		j, err := s.job()
		if err != nil {
			if !errors.Is(err, jobs.ErrUnavailable) {
				t.Errorf("got %v", err)
			}
			return
		}
		if _, err := encodeRow(&j); err != nil {
			t.Errorf("a job that was read cannot be written: %v", err)
		}
	})
}

func FuzzAHistoryIsReadOrRefused(f *testing.F) {
	f.Add(`{"e":"queued","a":1,"s":"queued","g":1}`, "+2 w", int64(1))
	f.Add("+", "+x", int64(0))
	f.Add(`[]`, ``, int64(-1))
	f.Fuzz(func(t *testing.T, one, two string, first int64) {
		events, err := decodeEvents([]string{one, two}, "a", "acme", first)
		if err != nil {
			if !errors.Is(err, jobs.ErrUnavailable) {
				t.Errorf("got %v", err)
			}
			return
		}
		if len(events) != 2 || events[0].Version != first || events[1].Version != first+1 {
			t.Errorf("read %+v", events)
		}
	})
}

func FuzzALedgerIsReadOrRefused(f *testing.F) {
	f.Add("1:1", `o||0|{"tier":1,"kind":"call","started_at":"2026-03-02T12:00:00Z"}`)
	f.Add("1:2", `l1772452800000|20514|7|{"kind":"call"}`)
	f.Add("x", "|||")
	f.Add("1:x", "c||0|{}")
	f.Fuzz(func(t *testing.T, name, text string) {
		rows, err := decodeLedger(map[string]string{name: text})
		if err != nil {
			if !errors.Is(err, jobs.ErrUnavailable) {
				t.Errorf("got %v", err)
			}
			return
		}
		if len(rows) != 1 || strings.HasPrefix(text, "l") && rows[0].Open() {
			t.Errorf("read %+v", rows)
		}
	})
}

func FuzzAGroupsNameIsReadOrRefused(f *testing.F) {
	f.Add("acme:failed:rate:primary:2:invoice@1")
	f.Add("acme:in_review:a%3Ab::0:x:y")
	f.Add("a:b:%zz:c:d:e")
	f.Add("")
	f.Fuzz(func(t *testing.T, name string) {
		tenant, g, err := parseGroup(name)
		if err != nil {
			if !errors.Is(err, jobs.ErrUnavailable) {
				t.Errorf("got %v", err)
			}
			return
		}
		if tenant+":"+g.Fingerprint != name {
			t.Errorf("%q was read as %q of %q", name, g.Fingerprint, tenant)
		}
		_ = selectsGroup(jobs.Filter{Classes: []jobs.Class{g.Class}}, tenant, g)
	})
}

func FuzzWhatScriptsAnswerIsReadOrRefused(f *testing.F) {
	f.Add("1772452800000", "job_1", `{"i":"job_1","s":"queued"}`, "7", int64(1))
	f.Add("", "", "", "", int64(-1))
	f.Fuzz(func(t *testing.T, now, id, row, field string, n int64) {
		e := &Engine{held: newHeld()}
		view := []any{row, nil, "1", "R", field, field, "w", now, now}
		for _, reply := range []any{
			[]any{now, []any{[]any{id, view, []any{field, row, id}}}, []any{id, n}, n},
			[]any{now, []any{[]any{id}}, nil, field}, []any{n, id, view, nil}, view, now, n, nil,
		} {
			b := e.lent(reply)
			for _, l := range b.loans {
				if l.Job.State != jobs.Running && row == "" {
					t.Errorf("lent %+v", l)
				}
			}
		}
		_ = queueStats(map[string]string{id: row, now: field}, map[string]string{"0:" + id: field})
		ch := change{}
		_, _ = ch.verdictOf(&call{reply: []any{field, n}})
	})
}
