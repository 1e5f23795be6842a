package jobstest

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"strings"

	"github.com/sluicehq/sluice/pkg/jobs"
)

func readBehaviours() []behaviour {
	return []behaviour{
		{name: "a tenant reads its own jobs and finds no others", test: readIsolation},
		{name: "an ill-formed ID names nothing", test: readIllFormed},
		{name: "history goes on after a version", test: readHistory},
		{name: "documents come back byte for byte", test: readDocuments},
		{name: "the digits of a result are kept", test: readDigits},
	}
}

// reads asks everything that is read by tenant and job.
func (f *fixture) reads(tenant string, id jobs.ID) map[string]error {
	_, get := f.Get(f.ctx(), tenant, id)
	_, document := f.Document(f.ctx(), tenant, id)
	_, attempts := f.Attempts(f.ctx(), tenant, id)
	_, history := f.History(f.ctx(), tenant, id, 0)
	return map[string]error{"get": get, "document": document, "attempts": attempts, "history": history}
}

func readIsolation(f *fixture) {
	mine := f.submit(key("k"))
	theirs := f.submit(tenant("globex"), key("k"))
	for what, err := range f.reads("acme", mine.ID) {
		if err != nil {
			f.t.Errorf("%s of its own job: %v", what, err)
		}
	}
	for what, err := range f.reads("", mine.ID) {
		if err != nil {
			f.t.Errorf("%s by an operator: %v", what, err)
		}
	}
	for _, who := range []string{"globex", "ACME", "acme ", "%", "*"} {
		for what, err := range f.reads(who, mine.ID) {
			f.wantKind(what+" by "+who, err, jobs.ErrNotFound)
		}
	}
	f.same("acme's list", []jobs.ID{mine.ID}, f.list(jobs.Filter{Tenant: "acme"}, jobs.Page{}))
	f.same("globex's list", []jobs.ID{theirs.ID}, f.list(jobs.Filter{Tenant: "globex"}, jobs.Page{}))
	f.same("nobody's list", []jobs.ID{}, f.list(jobs.Filter{Tenant: "%"}, jobs.Page{}))
	j, err := f.ByKey(f.ctx(), "globex", "k")
	if err != nil || j.ID != theirs.ID {
		f.t.Errorf("globex's key: %s, %v", j.ID, err)
	}
}

func readIllFormed(f *fixture) {
	f.submit()
	for _, id := range []jobs.ID{"", "a/b", "a:b", "a*", "%", "\x00", "job_000001 ", jobs.ID(strings.Repeat("x", 1000)), "ÿ"} {
		for what, err := range f.reads("", id) {
			f.wantKind(fmt.Sprintf("%s of %.10q", what, id), err, jobs.ErrNotFound)
		}
	}
}

func readHistory(f *fixture) {
	j := f.bring(jobs.Succeeded)
	all := f.history(j.ID)
	if len(all) != 3 {
		f.t.Fatalf("%d events, want 3", len(all))
	}
	for after := int64(-1); after <= 4; after++ {
		got, err := f.History(f.ctx(), "acme", j.ID, after)
		if err != nil {
			f.t.Fatalf("history: %v", err)
		}
		f.same(fmt.Sprintf("after %d", after), all[min(max(after, 0), 3):], got)
	}
}

func readDocuments(f *fixture) {
	random := rand.NewChaCha8([32]byte{1})
	var subs []jobs.Submission
	for _, size := range []int{0, 1, 32<<10 - 1, 32 << 10, 32<<10 + 1, 33 << 10, 5 << 20} {
		body := make([]byte, size)
		_, _ = random.Read(body) // never fails
		s := f.submission()
		withBody(&s, body)
		subs = append(subs, s)
	}
	// Two jobs may share their bytes.
	twin := f.submission()
	withBody(&twin, subs[4].Body)
	subs = append(subs, twin)
	made := f.accept(subs...)
	f.finish(f.lendOne(), succeed())
	for i, s := range subs {
		got, err := f.Document(f.ctx(), "acme", s.ID)
		if err != nil || !bytes.Equal(got, s.Body) {
			f.t.Errorf("a document of %d bytes came back as %d bytes, %v", len(s.Body), len(got), err)
		}
		f.same("its description", s.Document, made[i].Document)
	}
}

func readDigits(f *fixture) {
	data := `{"big":123456789012345678901234567890,"exact":0.10,"tiny":1e-400,"text":"<a&b>\u2028\ud83d\ude00 ü","deep":[[[{"x":null}]]]}`
	o := succeed()
	o.Result.Data = []byte(data)
	j := f.submit()
	f.finish(f.lendOne(), o)
	f.same("the result", o.Result, f.get(j.ID).Result)

	j = f.submit()
	top := succeed()
	top.Result = &jobs.Result{Data: []byte(`null`)}
	f.finish(f.lendOne(), top)
	if got := f.get(j.ID).Result; got == nil || string(got.Data) != "null" {
		f.t.Errorf("a result of null came back as %+v", got)
	}
}
