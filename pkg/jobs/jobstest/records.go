package jobstest

import (
	"bytes"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/sluicehq/sluice/pkg/jobs"
)

func recordBehaviours() []behaviour {
	return []behaviour{
		{name: "a record comes back as it was put", test: recordsRoundTrip},
		{name: "a put compares the version", test: recordsCompare},
		{name: "any version may be written over", test: recordsAny},
		{name: "a deletion compares the version", test: recordsDelete},
		{name: "a record made anew starts at version 1", test: recordsAnew},
		{name: "a malformed record is refused", test: recordsInvalid},
		{name: "ill-formed names find nothing", test: recordsIllFormed},
		{name: "a list rises by ID within its kind", test: recordsList},
		{name: "a list by index has only those with the value", test: recordsIndex},
		{name: "a list has bounds", test: recordsBounds},
		{name: "of many that put over one version one wins", test: recordsRace},
	}
}

func recordsRoundTrip(f *fixture) {
	r := jobs.Record{
		Kind: "tenant", ID: "acme-1", Index: map[string]string{"name": "Ä 'quoted' \"x\"", "empty": ""},
		Value: []byte("{\"a\":\x00\xff}"), UpdatedAt: time.Unix(1, 0),
	}
	want := r
	want.Version, want.UpdatedAt = 1, f.clock.Now()
	want.Index = map[string]string{"name": "Ä 'quoted' \"x\"", "empty": ""}
	want.Value = bytes.Clone(r.Value)
	got := f.put(r)
	f.same("the answer", want, got)
	r.Index["name"], r.Value[0], got.Value[1] = "changed", 'X', 'Y'
	f.same("the stored record", want, f.record("tenant", "acme-1"))

	limit := jobs.Record{Kind: strings.Repeat("k", 64), ID: jobs.ID(strings.Repeat("i", 64)), Value: make([]byte, jobs.MaxRecordBytes)}
	limit.Index = make(map[string]string)
	for i := range jobs.MaxRecordIndexes {
		limit.Index[fmt.Sprint("index", i)] = strings.Repeat("v", jobs.MaxLabelBytes)
	}
	f.put(limit)
	if got := f.record(limit.Kind, limit.ID); len(got.Value) != jobs.MaxRecordBytes || len(got.Index) != jobs.MaxRecordIndexes {
		f.t.Errorf("the largest record has %d bytes and %d indexes", len(got.Value), len(got.Index))
	}
}

func recordsCompare(f *fixture) {
	r := jobs.Record{Kind: "k", ID: "r", Index: map[string]string{"i": "1"}, Value: []byte("1")}
	r.Version = f.put(r).Version
	stored := f.record("k", "r")
	for _, v := range []int64{0, 2, 99} {
		stale := r
		stale.Version, stale.Value = v, []byte("stale")
		_, err := f.Records().Put(f.ctx(), stale)
		f.wantKind(fmt.Sprint("a put over version ", v), err, jobs.ErrConflict)
		f.same("the record", stored, f.record("k", "r"))
	}
	f.clock.Advance(time.Second)
	r.Index, r.Value = map[string]string{"j": "2"}, []byte("2")
	got := f.put(r)
	r.Version, r.UpdatedAt = 2, f.clock.Now()
	f.same("the answer", r, got)
	f.same("the record", r, f.record("k", "r"))
	_, err := f.Records().Put(f.ctx(), jobs.Record{Kind: "k", ID: "other", Version: 1})
	f.wantKind("a put over a record that is not there", err, jobs.ErrConflict)
	_, err = f.Records().Get(f.ctx(), "k", "other")
	f.wantKind("that record", err, jobs.ErrNotFound)
}

func recordsAny(f *fixture) {
	for want := int64(1); want <= 3; want++ {
		if got := f.put(jobs.Record{Kind: "k", ID: "r", Version: jobs.AnyVersion}); got.Version != want {
			f.t.Errorf("put %d made version %d", want, got.Version)
		}
	}
}

func recordsDelete(f *fixture) {
	f.put(jobs.Record{Kind: "k", ID: "r"})
	for _, v := range []int64{0, 2} {
		f.wantKind(fmt.Sprint("version ", v), f.Records().Delete(f.ctx(), "k", "r", v), jobs.ErrConflict)
	}
	if err := f.Records().Delete(f.ctx(), "k", "r", 1); err != nil {
		f.t.Fatalf("delete: %v", err)
	}
	for _, v := range []int64{jobs.AnyVersion, 0, 1} {
		f.wantKind("a record that is gone", f.Records().Delete(f.ctx(), "k", "r", v), jobs.ErrNotFound)
	}
	_, err := f.Records().Get(f.ctx(), "k", "r")
	f.wantKind("get", err, jobs.ErrNotFound)
	f.put(jobs.Record{Kind: "k", ID: "s"})
	if err := f.Records().Delete(f.ctx(), "k", "s", jobs.AnyVersion); err != nil {
		f.t.Errorf("delete any version: %v", err)
	}
}

func recordsAnew(f *fixture) {
	f.put(jobs.Record{Kind: "k", ID: "r", Index: map[string]string{"old": "1"}})
	f.put(jobs.Record{Kind: "k", ID: "r", Version: 1, Index: map[string]string{"old": "1"}})
	if err := f.Records().Delete(f.ctx(), "k", "r", 2); err != nil {
		f.t.Fatalf("delete: %v", err)
	}
	if got := f.put(jobs.Record{Kind: "k", ID: "r"}); got.Version != 1 {
		f.t.Errorf("the version is %d, want 1", got.Version)
	}
	if got := f.query(jobs.RecordQuery{Kind: "k", Index: "old", Value: "1"}); len(got) != 0 {
		f.t.Errorf("the old record's index still finds %v", got)
	}
}

func recordsInvalid(f *fixture) {
	many := make(map[string]string)
	for i := range jobs.MaxRecordIndexes + 1 {
		many[fmt.Sprint("i", i)] = ""
	}
	for name, r := range map[string]jobs.Record{
		"no kind":      {ID: "r"},
		"kind":         {Kind: "a kind", ID: "r"},
		"no ID":        {Kind: "k"},
		"ID":           {Kind: "k", ID: "a/b"},
		"indexes":      {Kind: "k", ID: "r", Index: many},
		"index name":   {Kind: "k", ID: "r", Index: map[string]string{"a b": ""}},
		"index value":  {Kind: "k", ID: "r", Index: map[string]string{"a": strings.Repeat("v", jobs.MaxLabelBytes+1)}},
		"large value":  {Kind: "k", ID: "r", Value: make([]byte, jobs.MaxRecordBytes+1)},
		"version":      {Kind: "k", ID: "r", Version: -2},
		"long version": {Kind: "k", ID: "r", Version: -1 << 63},
	} {
		_, err := f.Records().Put(f.ctx(), r)
		f.wantKind(name, err, jobs.ErrInvalid)
	}
	if got := f.query(jobs.RecordQuery{Kind: "k"}); len(got) != 0 {
		f.t.Errorf("refused records are there: %v", got)
	}
}

func recordsIllFormed(f *fixture) {
	f.put(jobs.Record{Kind: "k", ID: "r"})
	for _, c := range []struct {
		kind string
		id   jobs.ID
	}{{"k", ""}, {"", "r"}, {"k", "%"}, {"%", "r"}, {"k:r", ""}, {"k", "r\x00"}} {
		_, err := f.Records().Get(f.ctx(), c.kind, c.id)
		f.wantKind(fmt.Sprintf("get %q %q", c.kind, c.id), err, jobs.ErrNotFound)
		err = f.Records().Delete(f.ctx(), c.kind, c.id, jobs.AnyVersion)
		f.wantKind(fmt.Sprintf("delete %q %q", c.kind, c.id), err, jobs.ErrNotFound)
	}
	for _, kind := range []string{"", "%", "K", "k*"} {
		if got := f.query(jobs.RecordQuery{Kind: kind}); len(got) != 0 {
			f.t.Errorf("kind %q lists %v", kind, got)
		}
	}
	f.record("k", "r")
}

// query lists the IDs of records.
func (f *fixture) query(q jobs.RecordQuery) []jobs.ID {
	f.t.Helper()
	found, err := f.Records().List(f.ctx(), q)
	if err != nil {
		f.t.Fatalf("list records: %v", err)
	}
	ids := make([]jobs.ID, len(found))
	for i, r := range found {
		ids[i] = r.ID
		f.same("a listed record", f.record(r.Kind, r.ID), r)
	}
	return ids
}

func recordsList(f *fixture) {
	for _, id := range []jobs.ID{"b", "a", "Z", "aa", "_", "-", "10", "2"} {
		f.put(jobs.Record{Kind: "k", ID: id, Value: []byte(id)})
		f.put(jobs.Record{Kind: "kk", ID: id + "x"})
	}
	want := []jobs.ID{"-", "10", "2", "Z", "_", "a", "aa", "b"}
	f.same("the list", want, f.query(jobs.RecordQuery{Kind: "k"}))
	var got []jobs.ID
	for q := (jobs.RecordQuery{Kind: "k", Limit: 3}); ; {
		page := f.query(q)
		got = append(got, page...)
		if len(page) < q.Limit {
			break
		}
		q.After = page[len(page)-1]
	}
	f.same("all pages", want, got)
	f.same("after one that is not there", []jobs.ID{"Z", "_", "a", "aa", "b"}, f.query(jobs.RecordQuery{Kind: "k", After: "3"}))
}

func recordsIndex(f *fixture) {
	for i, index := range []map[string]string{
		{"a": "1", "b": "1"}, {"a": "2"}, {"b": "1"}, {"a": "1"}, nil, {"a": ""}, {"a": "11"},
	} {
		f.put(jobs.Record{Kind: "k", ID: jobs.ID(fmt.Sprint("r", i)), Index: index})
	}
	f.put(jobs.Record{Kind: "other", ID: "r9", Index: map[string]string{"a": "1"}})
	for _, c := range []struct {
		index, value string
		want         []jobs.ID
	}{
		{"a", "1", []jobs.ID{"r0", "r3"}},
		{"b", "1", []jobs.ID{"r0", "r2"}},
		{"a", "", []jobs.ID{"r5"}},
		{"c", "", []jobs.ID{}},
		{"a", "%", []jobs.ID{}},
		{"a", "1' OR '1'='1", []jobs.ID{}},
	} {
		q := jobs.RecordQuery{Kind: "k", Index: c.index, Value: c.value}
		f.same(c.index+"="+c.value, c.want, f.query(q))
	}
	f.same("after", []jobs.ID{"r3"}, f.query(jobs.RecordQuery{Kind: "k", Index: "a", Value: "1", After: "r0"}))
	f.same("limited", []jobs.ID{"r0"}, f.query(jobs.RecordQuery{Kind: "k", Index: "a", Value: "1", Limit: 1}))
	f.put(jobs.Record{Kind: "k", ID: "r0", Version: 1, Index: map[string]string{"a": "2"}})
	f.same("after a change", []jobs.ID{"r3"}, f.query(jobs.RecordQuery{Kind: "k", Index: "a", Value: "1"}))
	f.same("the changed", []jobs.ID{"r0", "r1"}, f.query(jobs.RecordQuery{Kind: "k", Index: "a", Value: "2"}))
}

func recordsBounds(f *fixture) {
	f.submit()
	l := f.lendOne()
	o := succeed()
	for i := range jobs.MaxRecordPage + 1 {
		o.Writes = append(o.Writes, jobs.Write{Record: jobs.Record{Kind: "k", ID: jobs.ID(fmt.Sprintf("r%06d", i))}})
	}
	f.finish(l, o)
	for limit, want := range map[int]int{
		0: jobs.DefaultRecordPage, -1: jobs.DefaultRecordPage, 1: 1,
		jobs.MaxRecordPage: jobs.MaxRecordPage, jobs.MaxRecordPage + 9: jobs.MaxRecordPage,
	} {
		found, err := f.Records().List(f.ctx(), jobs.RecordQuery{Kind: "k", Limit: limit})
		if err != nil || len(found) != want {
			f.t.Errorf("limit %d lists %d records, %v; want %d", limit, len(found), err, want)
		}
	}
}

func recordsRace(f *fixture) {
	f.put(jobs.Record{Kind: "k", ID: "r"})
	var wg sync.WaitGroup
	wins := make([]bool, 16)
	for i := range wins {
		wg.Go(func() {
			_, err := f.Records().Put(f.ctx(), jobs.Record{Kind: "k", ID: "r", Version: 1})
			if err != nil {
				f.wantKind("a put that lost", err, jobs.ErrConflict)
			}
			wins[i] = err == nil
		})
	}
	wg.Wait()
	n := 0
	for _, won := range wins {
		if won {
			n++
		}
	}
	if v := f.record("k", "r").Version; n != 1 || v != 2 {
		f.t.Errorf("%d of 16 puts won, and the version is %d", n, v)
	}
}
