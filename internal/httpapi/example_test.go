package httpapi_test

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"

	"github.com/sluicehq/sluice/internal/httpapi"
	"github.com/sluicehq/sluice/pkg/backpressure"
	"github.com/sluicehq/sluice/pkg/jobs"
	"github.com/sluicehq/sluice/pkg/jobs/memjobs"
)

// The API is made of an engine, an admission and what knows documents and
// schemas.
func Example() {
	engine, err := memjobs.New(memjobs.Config{})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer engine.Close()
	admission, err := backpressure.New(backpressure.Config{})
	if err != nil {
		fmt.Println(err)
		return
	}
	api, err := httpapi.New(httpapi.Config{Loopback: true}, httpapi.Deps{
		Engine: engine, Admission: admission, Schemas: schemas{}, Documents: documents{}, Watcher: newWatcher(), Canceller: &cancels{},
		Explain: func(jobs.Job, []jobs.Attempt) string { return "" },
		NewID:   func() jobs.ID { return "job_1" },
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	r := httptest.NewRequest(http.MethodPost, "http://localhost/v1/jobs", strings.NewReader(`{"document":{"text":"Invoice 8812"},"schema":"invoice"}`))
	r.Header.Set("Content-Type", "application/json")
	w := httptest.NewRecorder()
	api.Handler().ServeHTTP(w, r)
	fmt.Println(w.Code, w.Header().Get("Location"))

	r = httptest.NewRequest(http.MethodGet, "http://localhost/v1/jobs/job_1/result", nil)
	w = httptest.NewRecorder()
	api.Handler().ServeHTTP(w, r)
	_, err = io.Copy(io.Discard, w.Body)
	fmt.Println(w.Code, w.Header().Get("Content-Type"), err)
	// Output:
	// 202 /v1/jobs/job_1
	// 409 application/problem+json <nil>
}
