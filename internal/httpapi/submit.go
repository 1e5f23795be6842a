package httpapi

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"math"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/sluicehq/sluice/pkg/backpressure"
	"github.com/sluicehq/sluice/pkg/jobs"
)

// acceptTimeout is how long the engine may take to commit.
const acceptTimeout = 5 * time.Second

// submit is POST /v1/jobs.
func (s *Server) submit(ctx context.Context, c *call) (*reply[Job], error) {
	if p := refuseQuery(c.r); p != nil {
		return nil, p
	}
	key, p := idempotencyKey(c.r.Header)
	if p != nil {
		return nil, p
	}
	wait, asked := preferWait(c.r.Header)
	a, err := s.accept(ctx, c, key)
	if err != nil {
		return nil, err
	}
	// From here on nothing holds the document: waiting costs no memory.
	j := a.job
	if asked {
		c.w.Header().Set("Preference-Applied", fmt.Sprintf("wait=%d", int(wait/time.Second)))
		// The job is accepted whatever becomes of the wait.
		if now, err := s.await(ctx, c.Name, j, wait, settled); err == nil {
			j = now
		}
	}
	if a.replayed {
		c.w.Header().Set("Idempotent-Replayed", "true")
	}
	status := http.StatusAccepted
	if j.State.Terminal() {
		status = http.StatusOK
	}
	c.w.Header().Set("Location", path(j.ID))
	c.w.Header().Set("Operation-Location", path(j.ID))
	return s.answer(c, j, status), nil
}

// answer shows a job with the headers that belong to it.
func (s *Server) answer(c *call, j jobs.Job, status int) *reply[Job] {
	v := s.view(j)
	h := c.w.Header()
	h.Set("ETag", etag(j))
	if v.Quality != nil {
		h.Set("Job-Quality", qualityHeader(*v.Quality))
	}
	if !j.State.Terminal() {
		h.Set("Retry-After", strconv.Itoa(pollAfter(v.Progress)))
	}
	return &reply[Job]{Status: status, Body: v}
}

// pollAfter is when to look again, in seconds: not before the job is expected
// to start, and not later than in half a minute.
func pollAfter(p *Progress) int {
	switch {
	case p.Phase == "review", p.Reason == string(backpressure.TenantPaused):
		return 30 // it waits for a person
	case p.ETASeconds == nil:
		return 2
	default:
		return int(min(math.Ceil(*p.ETASeconds)+1, 30))
	}
}

// accepted is a job and whether an earlier request made it.
type accepted struct {
	job      jobs.Job
	replayed bool
}

// accept receives a submission and makes its job durable. It holds the
// document for as long as it runs.
func (s *Server) accept(ctx context.Context, c *call, key string) (accepted, error) {
	u, p := s.receive(c.w, c.r)
	if p != nil {
		return accepted{}, p
	}
	defer u.release()
	sub, err := s.submission(c, u, key)
	if err != nil {
		return accepted{}, err
	}
	if !c.mayUse(sub.Lane) {
		// The lane may have been open to the tenant when it submitted first.
		if a, found, err := s.earlier(ctx, sub); found || err != nil {
			return a, err
		}
		return accepted{}, laneNotAllowed(c.Tenant)
	}
	req := backpressure.Request{
		Lane: sub.Lane, Tenant: c.Name, Client: c.keyID, DeadlineAt: sub.DeadlineAt, MaxQueued: c.MaxQueued, Jitter: s.deps.Jitter(),
	}
	d := s.decide(ctx, req, sub.Document.Size)
	if !d.Admitted() {
		return s.refused(ctx, sub, d)
	}
	sub.Admission = jobs.Admission{Mode: d.Mode, Reason: string(d.Reason)}
	commit, cancel := context.WithTimeoutCause(ctx, acceptTimeout, errAcceptTimeout)
	defer cancel()
	answers, err := s.deps.Engine.Accept(commit, []jobs.Submission{sub})
	if err != nil {
		s.deps.Admission.Withdraw(req)
		return accepted{}, err
	}
	if answers[0].Status != jobs.Created {
		s.deps.Admission.Withdraw(req)
	}
	return s.acceptance(sub, d, answers[0])
}

var errAcceptTimeout = errors.New("the engine took longer to commit than " + acceptTimeout.String())

// acceptance turns the engine's answer into ours.
func (s *Server) acceptance(sub jobs.Submission, d backpressure.Decision, a jobs.Acceptance) (accepted, error) {
	switch a.Status {
	case jobs.Created:
		s.deps.Events.decided(sub.Lane, sub.Tenant, d)
		return accepted{job: a.Job}, nil
	case jobs.Existing:
		s.deps.Events.replayed(sub.Tenant)
		return accepted{job: a.Job, replayed: true}, nil
	case jobs.KeyReused:
		return accepted{}, s.keyReused(sub.Tenant)
	case jobs.TenantFull:
		d = backpressure.Decision{Mode: jobs.AdmitRejected, Reason: backpressure.TenantQueueFull, RetryAfter: storeRetry}
		s.deps.Events.decided(sub.Lane, sub.Tenant, d)
		return accepted{}, refusal(d, sub.Lane)
	case jobs.EngineFull:
		return accepted{}, problem(CodeEngineFull, "The server holds as many waiting jobs as it is set up for.").after(30 * time.Second)
	default:
		return accepted{}, fmt.Errorf("the engine answered a submission with status %.32q", a.Status)
	}
}

// decide asks the tenant's own limits and then the admission, unless the process
// is stopping.
func (s *Server) decide(ctx context.Context, req backpressure.Request, bytes int64) backpressure.Decision {
	if s.draining() {
		return backpressure.Decision{
			Mode: jobs.AdmitRejected, Reason: backpressure.Draining, RetryAfter: 5 * time.Second,
		}
	}
	if d, refused := s.tenantDecision(ctx, req.Tenant, bytes); refused {
		return d
	}
	return s.whilePaused(s.deps.Admission.Admit(req, s.deps.Now()), req.Tenant)
}

// earlier answers a submission that is not let in, if it repeats one that was:
// that makes no work.
func (s *Server) earlier(ctx context.Context, sub jobs.Submission) (a accepted, found bool, err error) {
	if sub.Key == "" {
		return accepted{}, false, nil
	}
	j, err := s.deps.Engine.ByKey(ctx, sub.Tenant, sub.Key)
	switch {
	case errors.Is(err, jobs.ErrNotFound):
		return accepted{}, false, nil
	case err != nil:
		return accepted{}, false, err
	case j.Fingerprint != sub.Fingerprint:
		return accepted{}, false, s.keyReused(sub.Tenant)
	}
	s.deps.Events.replayed(sub.Tenant)
	return accepted{job: j, replayed: true}, true, nil
}

// refused answers a submission that is not let in.
func (s *Server) refused(ctx context.Context, sub jobs.Submission, d backpressure.Decision) (accepted, error) {
	if a, found, err := s.earlier(ctx, sub); found || err != nil {
		return a, err
	}
	s.deps.Events.decided(sub.Lane, sub.Tenant, d)
	p := refusal(d, sub.Lane)
	if d.Reason == backpressure.TenantPaused {
		p.Pause = viewPause(s.pauseOf(sub.Tenant))
	}
	return accepted{}, p
}

func (s *Server) keyReused(tenant string) *Problem {
	s.deps.Events.keyReused(tenant)
	return problem(CodeKeyReused, "An earlier request with this key had another document or other options.").
		at("Idempotency-Key", "was used with another request")
}

// submission checks what was received and makes a submission of it. An error
// that is no problem says that a part of ours failed.
func (s *Server) submission(c *call, u *upload, key string) (jobs.Submission, error) {
	o, lane := u.options, u.options.lane()
	hash := sha256.Sum256(u.document)
	doc := jobs.Document{SHA256: hex.EncodeToString(hash[:]), Size: int64(len(u.document))}
	fingerprint, err := o.fingerprint(c.Name, doc.SHA256)
	if err != nil {
		return jobs.Submission{}, err
	}
	spec, err := s.deps.Schemas.Resolve(o.spec())
	if err != nil {
		return jobs.Submission{}, schemaProblem(err)
	}
	if doc.MediaType, err = s.deps.Documents.Check(u.document); err != nil {
		return jobs.Submission{}, documentProblem(err)
	}
	span := o.Deadline
	if span == 0 {
		span = defaultDeadline(lane)
	}
	return jobs.Submission{
		ID: s.deps.NewID(), Tenant: c.Name, Lane: lane, Spec: spec, Labels: o.Labels, Key: key, Fingerprint: fingerprint,
		Document: doc, Body: u.document, DeadlineAt: s.deps.Now().Add(span), Cost: s.cfg.JobCost, MaxQueued: c.MaxQueued,
	}, nil
}

func laneNotAllowed(t Tenant) *Problem {
	return problem(CodeLaneNotAllowed, "Your key may use %s.", strings.Join(laneNames(t.Lanes), ", ")).at("/lane", "is not allowed")
}

// schemaProblem turns a schema's fault into a problem; another error stays.
func schemaProblem(err error) error {
	fault, ok := errors.AsType[*SchemaFault](err)
	switch {
	case !ok:
		return fmt.Errorf("resolve schema: %w", err)
	case fault.Unknown:
		return problem(CodeUnknownSchema, "%s", fault.Detail).at("/schema", "is not registered")
	default:
		return problem(CodeInvalidSchema, "%s", fault.Detail).at("/schema_json"+fault.Pointer, "is not usable")
	}
}

// documentProblem turns a document's fault into a problem; another error
// stays.
func documentProblem(err error) error {
	fault, ok := errors.AsType[*DocumentFault](err)
	if !ok {
		return fmt.Errorf("check document: %w", err)
	}
	return problem(faultCode(fault.Class), "%s", fault.Detail).at("/document", "is refused")
}

// idempotencyKey is the header Idempotency-Key; empty without one.
func idempotencyKey(h http.Header) (string, *Problem) {
	values := h.Values("Idempotency-Key")
	if len(values) == 0 {
		return "", nil
	}
	key := values[0]
	if len(values) > 1 || len(key) < 1 || len(key) > jobs.MaxKeyBytes || strings.ContainsFunc(key, func(r rune) bool { return r < 0x20 || r > 0x7e }) {
		return "", problem(CodeMalformedHeader, "Idempotency-Key must be there once, with 1 to %d printable ASCII characters.", jobs.MaxKeyBytes).
			at("Idempotency-Key", "is malformed")
	}
	return key, nil
}

// maxWait is the longest that a request waits for a job.
const maxWait = 30 * time.Second

// preferWait is the wait that the header Prefer asks for (RFC 7240), cut at
// maxWait. A preference that cannot be read is no preference.
func preferWait(h http.Header) (time.Duration, bool) {
	for _, value := range h.Values("Prefer") {
		for preference := range strings.SplitSeq(value, ",") {
			name, arg, _ := strings.Cut(strings.TrimSpace(preference), "=")
			if !strings.EqualFold(strings.TrimSpace(name), "wait") {
				continue
			}
			n, err := strconv.ParseUint(strings.Trim(strings.TrimSpace(arg), `"`), 10, 31)
			if err != nil {
				return 0, false
			}
			return min(time.Duration(n)*time.Second, maxWait), true
		}
	}
	return 0, false
}
