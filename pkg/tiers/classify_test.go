package tiers_test

import (
	"bufio"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/sluicehq/sluice/pkg/jobs"
	"github.com/sluicehq/sluice/pkg/tiers"
)

// TestAnswersGetTheirClass classifies every answer in testdata/answers. The
// name of a file starts with the class; its first line is the whole verdict,
// which -update rewrites; the rest is the answer as it came over the wire.
func TestAnswersGetTheirClass(t *testing.T) {
	t.Parallel()
	classifier := newWorld().classifier
	files, err := filepath.Glob("testdata/answers/*.http")
	if err != nil || len(files) < 140 {
		t.Fatalf("found %d answers (%v), want at least 140", len(files), err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".http"), func(t *testing.T) {
			t.Parallel()
			text, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			want, raw, _ := strings.Cut(string(text), "\n")
			v := classifier.Classify(record(t, raw), tiers.Judgement{}, epoch())
			class, _, _ := strings.Cut(filepath.Base(file), ".")
			if class == "ok" {
				class = ""
			}
			if string(v.Class) != class {
				t.Errorf("class %q, want %q", v.Class, class)
			}
			got := fmt.Sprintf("%s retries=%d scope=%s effect=%s cost=%d billed=%s wait=%v gate=%v why=%s flags=%v",
				v.Action, v.RetryMax, v.Scope, v.Effect, v.Cost, v.Billed, v.Wait, v.GateFor, v.Why, v.Flags)
			if *update {
				if err := os.WriteFile(file, []byte(got+"\n"+raw), 0o644); err != nil {
					t.Fatal(err)
				}
				return
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("verdict (-want +got):\n%s", diff)
			}
		})
	}
}

// record makes the signal that a client of chat completions or of the messages
// API would make of an answer.
func record(t *testing.T, raw string) tiers.Signal {
	t.Helper()
	resp, err := http.ReadResponse(bufio.NewReader(strings.NewReader(raw)), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	sig := tiers.Signal{
		Status: resp.StatusCode, Header: resp.Header, Body: body, Phase: tiers.PhaseDone, AskedModel: "large-1",
	}
	if strings.Contains(t.Name(), "latest_alias") {
		sig.AskedModel = "large-1-latest"
	}
	var completion struct {
		Model   string
		Choices []struct {
			Message struct {
				Content string
				Refusal string
			}
			FinishReason string `json:"finish_reason"`
		}
		Usage      *struct{}
		Content    []struct{ Text string }
		StopReason string `json:"stop_reason"`
	}
	if resp.StatusCode != http.StatusOK || json.Unmarshal(body, &completion) != nil {
		return sig
	}
	sig.ServedModel, sig.UsageKnown = completion.Model, completion.Usage != nil
	if completion.StopReason != "" { // an answer of the messages API
		sig.FinishReason, sig.UsageKnown = completion.StopReason, true
		for _, b := range completion.Content {
			sig.Content += b.Text
		}
	}
	if len(completion.Choices) > 0 {
		first := completion.Choices[0]
		sig.Content, sig.Refusal, sig.FinishReason = first.Message.Content, first.Message.Refusal, first.FinishReason
	}
	return sig
}

func TestTransportFaultsAreToldApartByHowFarTheCallGot(t *testing.T) {
	t.Parallel()
	refused := &net.OpError{Op: "dial", Err: syscall.ECONNREFUSED}
	for _, tc := range []struct {
		name string
		sig  tiers.Signal
		want jobs.Class
	}{
		{"connection refused", tiers.Signal{Phase: tiers.PhaseConnect, Err: refused}, tiers.ClassNetPresend},
		{"temporary name failure", tiers.Signal{Phase: tiers.PhaseResolve, Err: &net.DNSError{IsTemporary: true, IsNotFound: true}}, tiers.ClassNetPresend},
		{"unknown host", tiers.Signal{Phase: tiers.PhaseResolve, Err: &url.Error{Err: &net.DNSError{IsNotFound: true}}}, tiers.ClassNetConfig},
		{"unknown authority", tiers.Signal{Phase: tiers.PhaseTLS, Err: x509.UnknownAuthorityError{}}, tiers.ClassNetConfig},
		{"wrong host in certificate", tiers.Signal{Phase: tiers.PhaseTLS, Err: &url.Error{Err: x509.HostnameError{Certificate: &x509.Certificate{}}}}, tiers.ClassNetConfig},
		{"unsupported scheme", tiers.Signal{Err: errors.New(`unsupported protocol scheme "ftp"`)}, tiers.ClassNetConfig},
		{"TLS handshake breaks off", tiers.Signal{Phase: tiers.PhaseTLS, Err: io.EOF}, tiers.ClassNetPresend},
		{"connect runs into the timeout", tiers.Signal{Phase: tiers.PhaseConnect, Err: os.ErrDeadlineExceeded, Timeout: tiers.BudgetAttempt}, tiers.ClassNetPresend},
		{"reset while writing", tiers.Signal{Phase: tiers.PhaseWrite, Err: syscall.ECONNRESET}, tiers.ClassNetPresend},
		{"EOF on a pooled connection", tiers.Signal{Phase: tiers.PhaseWait, Reused: true, Err: &url.Error{Err: io.EOF}}, tiers.ClassNetStale},
		{"pipe broke on a pooled connection", tiers.Signal{Phase: tiers.PhaseWrite, Reused: true, Err: syscall.EPIPE}, tiers.ClassNetStale},
		{"server closed idle connection", tiers.Signal{Phase: tiers.PhaseWait, Reused: true, Err: errors.New("http: server closed idle connection")}, tiers.ClassNetStale},
		{"EOF on a fresh connection", tiers.Signal{Phase: tiers.PhaseWait, Err: io.EOF}, tiers.ClassNetAmbiguous},
		{"reset after writing", tiers.Signal{Phase: tiers.PhaseWait, Err: syscall.ECONNRESET}, tiers.ClassNetAmbiguous},
		{"no header within the timeout", tiers.Signal{Phase: tiers.PhaseWait, Err: os.ErrDeadlineExceeded, Timeout: tiers.BudgetAttempt}, tiers.ClassNetAmbiguous},
		{"body stalls", tiers.Signal{Status: 200, Phase: tiers.PhaseRead, Err: os.ErrDeadlineExceeded, Timeout: tiers.BudgetAttempt}, tiers.ClassNetCut},
		{"body cut", tiers.Signal{Status: 200, Phase: tiers.PhaseRead, Err: io.ErrUnexpectedEOF}, tiers.ClassNetCut},
		{"answer too large", tiers.Signal{Status: 200, Phase: tiers.PhaseRead, Err: tiers.ErrAnswerTooLarge}, tiers.ClassNetCut},
		{"body of an error cut", tiers.Signal{Status: 503, Phase: tiers.PhaseRead, Err: io.ErrUnexpectedEOF}, tiers.ClassOverload},
		{"job deadline", tiers.Signal{Phase: tiers.PhaseWait, Err: os.ErrDeadlineExceeded, Timeout: tiers.BudgetJob}, tiers.ClassDeadline},
		{"shutdown", tiers.Signal{Phase: tiers.PhaseRead, Status: 500, Err: io.EOF, Timeout: tiers.BudgetShutdown}, tiers.ClassCancelled},
		{"answer whole although the time ran out", tiers.Signal{Status: 200, Phase: tiers.PhaseDone, Content: "{}", FinishReason: "stop", Timeout: tiers.BudgetAttempt}, ""},
		{"client says nothing", tiers.Signal{}, tiers.ClassNetPresend},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			if got := newWorld().classifier.Classify(tc.sig, tiers.Judgement{}, epoch()); got.Class != tc.want {
				t.Errorf("class %q, want %q", got.Class, tc.want)
			}
		})
	}
}

func TestTheJudgementCountsOnlyWhenTheCallIsFine(t *testing.T) {
	t.Parallel()
	c := newWorld().classifier
	fine := tiers.Signal{Status: 200, Phase: tiers.PhaseDone, Content: "{}", FinishReason: "stop"}
	for fault, want := range map[tiers.Fault]jobs.Class{
		tiers.FaultNone: "", tiers.FaultRefusal: tiers.ClassRefusal, tiers.FaultJSON: tiers.ClassBadJSON,
		tiers.FaultSchema: tiers.ClassBadSchema, tiers.FaultUngrounded: tiers.ClassUngrounded,
	} {
		if got := c.Classify(fine, tiers.Judgement{Fault: fault}, epoch()); got.Class != want {
			t.Errorf("fault %q: class %q, want %q", fault, got.Class, want)
		}
		cut := fine
		cut.FinishReason = "length"
		if got := c.Classify(cut, tiers.Judgement{Fault: fault}, epoch()); got.Class != tiers.ClassTruncated {
			t.Errorf("fault %q in a truncated answer: class %q", fault, got.Class)
		}
	}
}

func TestSitePatternsComeFirstAndMistakesNameTheLine(t *testing.T) {
	t.Parallel()
	c, err := tiers.NewClassifier("version 1\ncode 400,4xx overload context_length_exceeded\n")
	if err != nil {
		t.Fatal(err)
	}
	sig := tiers.Signal{Status: 400, Phase: tiers.PhaseDone, Body: []byte(`{"error":{"code":"context_length_exceeded"}}`)}
	if got := c.Classify(sig, tiers.Judgement{}, epoch()).Class; got != tiers.ClassOverload {
		t.Errorf("class %q, want the site's", got)
	}
	for _, bad := range []string{
		"version 2", "code * rate x", "version 1\ncode * rate", "version 1\n\ncode * nonsense x",
		"version 1\ncode 4x rate x", "version 1\nbody * rate x",
	} {
		if _, err := tiers.NewClassifier(bad); err == nil || !strings.Contains(err.Error(), "line ") {
			t.Errorf("patterns %q: error %v, want one that names the line", bad, err)
		}
	}
}

func TestDocumentFaultsTouchNoBreakerAndNoBudget(t *testing.T) {
	t.Parallel()
	for reason, want := range map[string]jobs.Class{
		"encrypted": tiers.ClassEncrypted, "corrupt": tiers.ClassCorrupt, "too_large": tiers.ClassTooLarge,
		"too_many_pages": tiers.ClassTooManyPages, "timeout": tiers.ClassDocumentTimeout,
		"unsupported_type": tiers.ClassUnsupportedType, "needs_ocr": tiers.ClassNeedsOCR,
		"empty": tiers.ClassEmptyDocument, "no such reason": tiers.ClassCorrupt, "rate": tiers.ClassCorrupt,
	} {
		v := tiers.DocumentVerdict(reason)
		if v.Class != want || v.Effect != tiers.EffectNeutral || v.Cost != 0 || v.GateFor != 0 || v.Billed != jobs.BilledNo {
			t.Errorf("%s: %+v, want class %s, neutral and free", reason, v, want)
		}
	}
}

func TestTheTableIsConsistent(t *testing.T) {
	t.Parallel()
	seen := map[jobs.Class]bool{}
	for _, r := range tiers.Classes() {
		if seen[r.Class] {
			t.Errorf("%s stands twice", r.Class)
		}
		seen[r.Class] = true
		if got := tiers.RuleOf(r.Class); got != r {
			t.Errorf("RuleOf(%s) = %+v", r.Class, got)
		}
		retries := r.Action == tiers.ActNow || r.Action == tiers.ActBackoff || r.Action == tiers.ActAfter ||
			r.Action == tiers.ActRepair || r.Action == tiers.ActRaise
		if retries != (r.RetryMax > 0) {
			t.Errorf("%s: action %s with %d retries", r.Class, r.Action, r.RetryMax)
		}
		if (r.Effect == tiers.EffectOpen) != (r.GateFor > 0) {
			t.Errorf("%s: effect %s with a gate of %v", r.Class, r.Effect, r.GateFor)
		}
		if r.Billed != jobs.BilledNo && r.Action == tiers.ActBackoff && r.Cost > 1 && r.RetryMax > 1 {
			t.Errorf("%s may be billed and is retried %d times", r.Class, r.RetryMax)
		}
	}
	if got := tiers.RuleOf("from_a_later_version"); got.Action != tiers.ActBackoff || got.Class != "from_a_later_version" {
		t.Errorf("unknown class: %+v", got)
	}
}

func TestNothingFromUpstreamReachesTheVerdict(t *testing.T) {
	t.Parallel()
	const canary = "CANARY-4711"
	sig := tiers.Signal{
		Status: 429, Phase: tiers.PhaseDone, Header: http.Header{"Retry-After": {canary}},
		Body: []byte(`{"error":{"message":"` + canary + `","type":"` + canary + `","code":"` + canary + `"}}`),
	}
	v := newWorld().classifier.Classify(sig, tiers.Judgement{Pointers: []string{canary}}, epoch())
	if s := fmt.Sprintf("%+v", v); strings.Contains(s, canary) {
		t.Errorf("verdict repeats upstream text: %s", s)
	}
}

func TestWaitsAreNeverShorterThanTheServerAsked(t *testing.T) {
	t.Parallel()
	c := newWorld().classifier
	for header, want := range map[string]time.Duration{
		"2": 2 * time.Second, "1.5": 1500 * time.Millisecond, "0.0001": 100 * time.Microsecond,
		"-1": time.Second, "0": time.Second, "NaN": time.Second, "Inf": time.Second, "0x10": time.Second,
		"9999999999999999999999": time.Hour, "1e400": time.Hour,
		"Mon, 05 Jan 2026 09:10:00 GMT": 10 * time.Minute, "Mon, 05 Jan 2020 09:10:00 GMT": time.Second,
	} {
		sig := tiers.Signal{Status: 429, Phase: tiers.PhaseDone, Header: http.Header{"Retry-After": {header}}}
		v := c.Classify(sig, tiers.Judgement{}, epoch())
		if v.Wait != want || v.GateFor != want {
			t.Errorf("Retry-After %q: wait %v, gate %v, want %v", header, v.Wait, v.GateFor, want)
		}
		for _, jitter := range []float64{0, 0.3, 0.999} {
			now := epoch().Add(123456 * time.Nanosecond)
			row := tiers.Policy{}.Close(nil, jobs.Attempt{N: 1, Tier: 1}, sig, v, now, jitter)
			due := row.EndedAt.Add(time.Duration(row.BackoffMS) * time.Millisecond)
			if early := now.Add(want).Sub(due); early > 0 {
				t.Errorf("Retry-After %q, jitter %v: next try %v early", header, jitter, early)
			}
			if late := due.Sub(now) - max(want+want/5, 500*time.Millisecond); late > 2*time.Millisecond {
				t.Errorf("Retry-After %q, jitter %v: next try %v beyond a fifth more", header, jitter, late)
			}
		}
	}
}

// TestEveryClassOfAnAnswerIsRecorded fails when a class that a provider's
// answer can bring has no recorded answer in testdata/answers.
func TestEveryClassOfAnAnswerIsRecorded(t *testing.T) {
	t.Parallel()
	elsewhere := []jobs.Class{ // and where they are tested
		// by how far a call got
		tiers.ClassNetPresend, tiers.ClassNetConfig, tiers.ClassNetStale, tiers.ClassNetAmbiguous, tiers.ClassNetCut,
		tiers.ClassCancelled, tiers.ClassDeadline, tiers.ClassLost,
		// by the judgement of the content
		tiers.ClassBadJSON, tiers.ClassBadSchema, tiers.ClassUngrounded,
		// flags of an answer that stands
		tiers.ClassNoUsage, tiers.ClassSwapped,
		// without a model
		tiers.ClassEncrypted, tiers.ClassCorrupt, tiers.ClassTooLarge, tiers.ClassTooManyPages, tiers.ClassDocumentTimeout,
		tiers.ClassUnsupportedType, tiers.ClassNeedsOCR, tiers.ClassEmptyDocument, tiers.ClassIncomplete, tiers.ClassMaxTier,
	}
	for _, r := range tiers.Classes() {
		files, err := filepath.Glob("testdata/answers/" + string(r.Class) + ".*.http")
		if err != nil {
			t.Fatal(err)
		}
		if recorded := len(files) > 0; recorded == slices.Contains(elsewhere, r.Class) {
			t.Errorf("%s: recorded %v", r.Class, recorded)
		}
	}
}
