package httpapi

import (
	"net/http"

	"github.com/danielgtaylor/huma/v2"

	"github.com/sluicehq/sluice/pkg/jobs"
)

// routes registers all routes.
func (s *Server) routes() error {
	api := s.newAPI()
	s.jobRoutes(api)
	s.commandRoutes(api)
	s.reviewRoutes(api)
	s.listRoutes(api)
	s.archiveRoutes(api)
	s.laneRoutes(api)
	s.operationRoutes(api)
	s.tenantRoutes(api)
	s.gateRoutes(api)
	s.healthRoutes(api)
	return s.sealSpec(api)
}

func (s *Server) jobRoutes(api huma.API) {
	add(api, s, route{
		method: http.MethodPost, path: "/v1/jobs", id: "submit-job", summary: "Submit a document",
		detail: "The answer leaves after the job is durable. With an Idempotency-Key the request may be repeated: it answers the same job.",
		status: http.StatusAccepted, also: []int{http.StatusOK},
		params: []*huma.Param{
			header("Idempotency-Key", "1 to 255 printable ASCII characters, unique per tenant, kept for a day"),
			header("Prefer", "wait=N answers when the job has settled, or after N seconds, at most 30"),
		},
		body: submissionBody(),
	}, s.submit)
	add(api, s, route{
		method: http.MethodGet, path: "/v1/jobs/{id}", id: "get-job", summary: "Read a job",
		detail: "With wait the answer comes when the job has settled; with wait and If-None-Match, when it has changed.",
		status: http.StatusOK, also: []int{http.StatusNotModified},
		params: []*huma.Param{
			idParam(), query("wait", "Seconds to wait, 0 to 30", integer(0, 30)),
			header("If-None-Match", "The ETag of the job as it is known"),
		},
	}, s.getJob)
	add(api, s, route{
		method: http.MethodGet, path: "/v1/jobs/{id}/result", id: "get-result", summary: "Read a job's data and nothing else",
		status: http.StatusOK, params: []*huma.Param{idParam()},
	}, s.getResult)
	add(api, s, route{
		method: http.MethodGet, path: "/v1/jobs/{id}/attempts", id: "get-attempts", summary: "Read what was tried for a job",
		status: http.StatusOK, params: []*huma.Param{idParam()},
	}, s.getAttempts)
}

func (s *Server) commandRoutes(api huma.API) {
	add(api, s, route{
		method: http.MethodPost, path: "/v1/jobs/{id}/cancel", id: "cancel-job", summary: "Cancel a job",
		detail: "A running job is told to stop (202); any other ends at once (200).",
		status: http.StatusOK, also: []int{http.StatusAccepted},
		params: []*huma.Param{idParam()}, body: commandBody(nil),
	}, s.cancel)
	add(api, s, route{
		method: http.MethodPost, path: "/v1/jobs/{id}/requeue", id: "requeue-job", summary: "Run a job again",
		detail: "For a job that failed, expired, was cancelled or waits for a person. History and attempts are kept.",
		status: http.StatusAccepted, params: []*huma.Param{idParam()},
		body: commandBody(map[string]*huma.Schema{"lane": laneSchema(), "deadline": deadlineSchema()}),
	}, s.requeue)
	add(api, s, route{
		method: http.MethodPost, path: "/v1/jobs/{id}/complete", id: "complete-job", summary: "Give a job's result by hand",
		detail: "The data must fit the job's schema.",
		status: http.StatusOK, params: []*huma.Param{idParam()},
		body: commandBody(map[string]*huma.Schema{"data": {Description: "The result"}}, "data"),
	}, s.complete)
	add(api, s, route{
		method: http.MethodPost, path: "/v1/jobs/{id}/reject", id: "reject-job", summary: "Give up a job in review",
		status: http.StatusOK, params: []*huma.Param{idParam()},
		body: commandBody(map[string]*huma.Schema{"class": text("Class of the failure, 1 to 64 of 0-9 A-Z a-z _ -; rejected without")}),
	}, s.reject)
}

func (s *Server) listRoutes(api huma.API) {
	add(api, s, route{
		method: http.MethodGet, path: "/v1/jobs", id: "list-jobs", summary: "List jobs, the newest first",
		status: http.StatusOK, params: filterParams(jobs.States()),
	}, s.listJobs)
	add(api, s, route{
		method: http.MethodGet, path: "/v1/dlq", id: "list-dead-letters", summary: "List failed and expired jobs",
		detail: "With state=in_review also, or only, what waits for a person.",
		status: http.StatusOK, params: filterParams(deadStates()),
	}, s.listDead)
	add(api, s, route{
		method: http.MethodGet, path: "/v1/dlq/{id}", id: "get-dead-letter", summary: "Read all that is known of a job",
		status: http.StatusOK, params: []*huma.Param{idParam()},
	}, s.getDead)
}

func (s *Server) healthRoutes(api huma.API) {
	add(api, s, route{
		method: http.MethodGet, path: "/livez", id: "livez", summary: "Whether the process answers", open: true, status: http.StatusOK,
	}, s.live)
	add(api, s, route{
		method: http.MethodGet, path: "/readyz", id: "readyz", summary: "Whether the process takes jobs in", open: true,
		status: http.StatusOK, params: []*huma.Param{query("verbose", "Lists what was looked at", &huma.Schema{Type: huma.TypeString})},
	}, s.readyz)
	add(api, s, route{
		method: http.MethodGet, path: "/version", id: "version", summary: "The program's version", open: true, status: http.StatusOK,
	}, s.version)
	add(api, s, route{
		method: http.MethodGet, path: "/openapi.json", id: "openapi", summary: "This description", open: true, status: http.StatusOK,
	}, s.openapi)
}
