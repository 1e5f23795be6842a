package httpapi_test

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/sluicehq/sluice/internal/httpapi"
	"github.com/sluicehq/sluice/pkg/backpressure"
	"github.com/sluicehq/sluice/pkg/jobs"
)

// still is an engine that accepts at once and keeps nothing, so that what is
// measured is the API.
type still struct{ httpapi.Engine }

func (still) Accept(_ context.Context, subs []jobs.Submission) ([]jobs.Acceptance, error) {
	j, _ := jobs.NewJob(subs[0], 1, time.Now())
	return []jobs.Acceptance{{Status: jobs.Created, Job: j}}, nil
}

// always admits.
type always struct{}

func (always) Admit(backpressure.Request, time.Time) backpressure.Decision {
	return backpressure.Decision{Mode: jobs.AdmitNormal}
}
func (always) Withdraw(backpressure.Request)                               {}
func (always) ETA(jobs.Lane, string, time.Time, time.Time) (float64, bool) { return 0, true }

// BenchmarkSubmit is one submission of 2 KiB through the handler, without a
// socket and without a store.
func BenchmarkSubmit(b *testing.B) {
	deps := completeDeps(b)
	var ids atomic.Int64
	deps.NewID = func() jobs.ID { return jobs.ID(fmt.Sprintf("job_%d", ids.Add(1))) }
	deps.Engine, deps.Admission = still{deps.Engine}, always{}
	s, err := httpapi.New(httpapi.Config{Tenants: keyHolders()}, deps)
	if err != nil {
		b.Fatal(err)
	}
	handler := s.Handler()
	for name, body := range map[string]string{
		"json": `{"schema":"invoice","document":{"text":"` + strings.Repeat("a", 2<<10) + `"}}`,
		"multipart": "--B\r\nContent-Disposition: form-data; name=\"options\"\r\n\r\n{\"schema\":\"invoice\"}\r\n" +
			"--B\r\nContent-Disposition: form-data; name=\"document\"\r\n\r\n" + strings.Repeat("a", 2<<10) + "\r\n--B--\r\n",
	} {
		media := map[string]string{"json": "application/json", "multipart": "multipart/form-data; boundary=B"}[name]
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				r := httptest.NewRequest(http.MethodPost, "/v1/jobs", strings.NewReader(body))
				r.Header.Set("Authorization", "Bearer "+acmeKey)
				r.Header.Set("Content-Type", media)
				w := httptest.NewRecorder()
				if handler.ServeHTTP(w, r); w.Code != http.StatusAccepted {
					b.Fatalf("%d %s", w.Code, w.Body)
				}
			}
		})
	}
}
