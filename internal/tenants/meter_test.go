package tenants_test

import (
	"errors"
	"math"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/sluicehq/sluice/internal/tenants"
	"github.com/sluicehq/sluice/pkg/jobs"
)

func TestTheMeterTakesFromBothBucketsOrNone(t *testing.T) {
	t.Parallel()
	var m tenants.Meter
	at := time.Date(2026, 11, 22, 10, 0, 0, 0, time.UTC)
	m.Set("acme", tenants.Limits{RequestsPerSecond: 2, RequestsBurst: 3, BytesPerSecond: 100, BytesBurst: 1000}, at)
	for i, step := range []struct {
		after time.Duration
		bytes int64
		ok    bool
		wait  time.Duration
	}{
		{0, 300, true, 0},
		{0, 800, false, time.Second}, // 700 bytes are left, and no request is taken
		{0, 700, true, 0},
		{0, 0, true, 0},
		{0, 0, false, 500 * time.Millisecond}, // three requests are the burst
		{499 * time.Millisecond, 0, false, 2 * time.Millisecond},
		{time.Millisecond, 0, true, 0},
		{0, 50, false, 500 * time.Millisecond},
		{500 * time.Millisecond, 50, true, 0},
		{1000 * time.Second, 5000, true, 0}, // larger than the burst: it takes all
		{0, 1, false, 10 * time.Millisecond},
		{0, 5000, false, 10 * time.Second},
	} {
		at = at.Add(step.after)
		ok, wait := m.Allow("acme", step.bytes, at)
		if ok != step.ok || wait != step.wait {
			t.Errorf("step %d: %t after %s, want %t after %s", i, ok, wait, step.ok, step.wait)
		}
	}
	if ok, _ := m.Allow("other", 1<<40, at); !ok {
		t.Error("a tenant without rates is metered")
	}
}

func TestAChangedRateKeepsWhatWasTaken(t *testing.T) {
	t.Parallel()
	var m tenants.Meter
	at := time.Date(2026, 11, 22, 10, 0, 0, 0, time.UTC)
	m.Set("acme", tenants.Limits{RequestsPerSecond: 0.5}, at)
	if ok, _ := m.Allow("acme", 0, at); !ok {
		t.Fatal("the first request is refused")
	}
	m.Set("acme", tenants.Limits{RequestsPerSecond: 4}, at)
	if ok, wait := m.Allow("acme", 0, at); ok || wait != 250*time.Millisecond {
		t.Errorf("an empty bucket was filled by a new rate: %t after %s", ok, wait)
	}
	m.Set("acme", tenants.Limits{}, at)
	if ok, _ := m.Allow("acme", 0, at); !ok {
		t.Error("without a rate the tenant is metered")
	}
}

func TestTheMeterNeverLetsMoreThroughThanItsBurstAndRate(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		rate := rapid.Float64Range(0.1, 50).Draw(t, "rate")
		burst := rapid.IntRange(1, 20).Draw(t, "burst")
		bytes := rapid.Int64Range(1, 1000).Draw(t, "bytes a second")
		bytesBurst := rapid.Int64Range(1, 3000).Draw(t, "burst of bytes")
		var m tenants.Meter
		start := time.Date(2026, 11, 22, 10, 0, 0, 0, time.UTC)
		m.Set("a", tenants.Limits{RequestsPerSecond: rate, RequestsBurst: burst, BytesPerSecond: bytes, BytesBurst: bytesBurst}, start)
		at, requests, sum := start, 0, int64(0)
		for range rapid.IntRange(1, 100).Draw(t, "steps") {
			at = at.Add(time.Duration(rapid.Int64Range(0, int64(2*time.Second)).Draw(t, "later")))
			n := rapid.Int64Range(0, 4000).Draw(t, "size")
			ok, wait := m.Allow("a", n, at)
			if !ok {
				if wait <= 0 {
					t.Fatalf("refused with a wait of %s", wait)
				}
				at = at.Add(wait)
				if ok, again := m.Allow("a", n, at); !ok {
					t.Fatalf("refused, and after %s refused for another %s", wait, again)
				}
			}
			requests, sum = requests+1, sum+min(n, bytesBurst)
			spent := at.Sub(start).Seconds()
			if float64(requests) > float64(burst)+rate*spent+1e-6 || float64(sum) > float64(bytesBurst)+float64(bytes)*spent+1e-6*float64(sum) {
				t.Fatalf("%d requests and %d bytes in %g s", requests, sum, spent)
			}
		}
	})
}

func TestLimitsNameWhatIsOutOfBounds(t *testing.T) {
	t.Parallel()
	for want, l := range map[string]tenants.Limits{
		"weight": {Weight: 1001}, "max_running": {MaxRunning: -1}, "max_queued": {MaxQueued: 1<<30 + 1},
		"requests_per_second": {RequestsPerSecond: math.NaN()}, "requests_burst": {RequestsBurst: -1},
		"bytes_per_second": {BytesPerSecond: 1<<40 + 1}, "bytes_burst": {BytesBurst: -5}, "micro_usd_per_day": {MicroUSDPerDay: -1},
		"lanes": {Lanes: []jobs.Lane{jobs.Batch, jobs.Batch}},
	} {
		if err := l.Validate(); !errors.Is(err, jobs.ErrInvalid) || !strings.Contains(err.Error(), want) {
			t.Errorf("error is %v, want it to name %s", err, want)
		}
	}
	for _, r := range []float64{-1, 0.0001, 2_000_000, math.Inf(1)} {
		if (tenants.Limits{RequestsPerSecond: r}).Validate() == nil {
			t.Errorf("a rate of %g is taken", r)
		}
	}
	full := tenants.Limits{
		Weight: 1000, MaxRunning: 1 << 30, MaxQueued: 1, Lanes: []jobs.Lane{jobs.Critical, jobs.Batch}, RequestsPerSecond: 0.001, RequestsBurst: 1,
		BytesPerSecond: 1 << 40, BytesBurst: 1, MicroUSDPerDay: 1,
	}
	if err := full.Validate(); err != nil {
		t.Error(err)
	}
}

func TestWhoComesBackAtTheMomentToldIsLetIn(t *testing.T) {
	t.Parallel()
	var m tenants.Meter
	at := time.Date(2026, 11, 22, 10, 0, 0, 0, time.UTC)
	m.Set("acme", tenants.Limits{BytesPerSecond: 25, BytesBurst: 29}, at)
	m.Allow("acme", 29, at)
	ok, wait := m.Allow("acme", 29, at)
	if ok || wait != 1160*time.Millisecond {
		t.Fatalf("%t after %s", ok, wait)
	}
	// 1.16 s at 25 a second are 28.999… in floating point.
	if ok, again := m.Allow("acme", 29, at.Add(wait)); !ok {
		t.Errorf("refused for another %s", again)
	}
}
