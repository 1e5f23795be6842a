package sqlitejobs

import (
	"database/sql/driver"
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"github.com/sluicehq/sluice/pkg/jobs"
)

// stateCodes are the states in the order of their numbers in the database.
var stateCodes = [...]jobs.State{
	jobs.Queued, jobs.Running, jobs.Parked, jobs.InReview,
	jobs.Succeeded, jobs.Failed, jobs.Cancelled, jobs.Expired, jobs.Erased,
}

// codeOf is the number of a valid state.
func codeOf(s jobs.State) int { return slices.Index(stateCodes[:], s) }

// row is a job as it is stored. Its job lacks what spec, result, candidates and
// draft hold until whole fills that in, apart from the schema's name.
type row struct {
	num  int64
	job  jobs.Job
	spec []byte // JSON
	// stored says that there is a row in states, with this much text.
	stored                    bool
	historyBytes, ledgerBytes int64
	group                     int64  // that the job is in, 0 for none
	result, candidates, draft string // JSON
	// given is the result as it was given, until it is read from the database.
	given *jobs.Result
}

// The columns of a job in its tables, as they are read.
const (
	jobColumns  = "j.num, j.tenant, j.lane, j.accepted, j.deadline, j.cost, j.id, j.key, j.fingerprint, j.spec, j.schema, j.batch"
	nJobColumns = 12

	stateColumns = "s.num, s.state, s.lane, s.version, s.generation, s.seq, s.enqueued, s.started, s.deadline, s.ended, " +
		"s.updated, s.loans, s.token, s.tier, s.parked, s.reason, s.operation, s.detail, s.grp, " +
		"octet_length(s.history), octet_length(s.ledger)"
	nStateColumns = 21

	loanColumns  = "l.num, l.version, l.token, l.worker, l.until, l.started, l.updated, l.loans, l.cancel, l.operation"
	nLoanColumns = 10

	// wholeColumns are all of these; joins are what they are read from.
	wholeColumns  = jobColumns + ", " + stateColumns + ", " + loanColumns
	nWholeColumns = nJobColumns + nStateColumns + nLoanColumns
	// heavyColumns are what lists leave out.
	heavyColumns  = "s.candidates, s.draft, s.result"
	nHeavyColumns = 3
	joins         = " LEFT JOIN states s ON s.num = j.num LEFT JOIN loans l ON l.num = j.num "
)

// readJob begins a row from the columns of jobs: the job as it was accepted.
func readJob(v []driver.Value, names *tenants) *row {
	r := &row{num: integer(v[0]), spec: blob(v[9])}
	accepted := moment(integer(v[3]))
	r.job = jobs.Job{
		ID: jobs.ID(text(v[6])), Tenant: names.name(integer(v[1])), Lane: jobs.Lane(integer(v[2])),
		State: jobs.Queued, Version: 1, Generation: 1, Seq: r.num,
		Key: text(v[7]), Fingerprint: string(blob(v[8])), Batch: jobs.ID(text(v[11])),
		Spec:       jobs.Spec{Schema: text(v[10])},
		Cost:       time.Duration(integer(v[5])) * time.Millisecond,
		AcceptedAt: accepted, EnqueuedAt: accepted, UpdatedAt: accepted, DeadlineAt: moment(integer(v[4])),
	}
	return r
}

// readState changes the row by the columns of states, which are all NULL when
// there is none.
func (r *row) readState(v []driver.Value) error {
	if v[0] == nil {
		return nil
	}
	code := integer(v[1])
	if code < 0 || code >= int64(len(stateCodes)) {
		return fmt.Errorf("job %s has state number %d", r.job.ID, code)
	}
	j := &r.job
	j.State, j.Lane, j.Version = stateCodes[code], jobs.Lane(integer(v[2])), integer(v[3])
	j.Generation, j.Seq = int(integer(v[4])), integer(v[5])
	j.EnqueuedAt, j.StartedAt, j.DeadlineAt = moment(integer(v[6])), moment(integer(v[7])), moment(integer(v[8]))
	j.EndedAt, j.UpdatedAt = moment(integer(v[9])), moment(integer(v[10]))
	j.Loans, j.Tier, j.ParkedUntil = int(integer(v[11])), int(integer(v[13])), moment(integer(v[14]))
	if token := integer(v[12]); token != 0 {
		j.Lease = jobs.Lease{Job: j.ID, Token: jobs.Token(token)}
	}
	j.Reason, j.Operation = text(v[15]), jobs.ID(text(v[16]))
	r.stored, r.group, r.historyBytes, r.ledgerBytes = true, integer(v[18]), integer(v[19]), integer(v[20])
	return decodeDetail(text(v[17]), j)
}

// readLoan changes the row by the columns of loans, which are all NULL unless
// the job runs.
func (r *row) readLoan(v []driver.Value) {
	if v[0] == nil {
		return
	}
	j := &r.job
	j.State, j.Version, j.Reason = jobs.Running, integer(v[1]), ""
	j.Lease = jobs.Lease{Job: j.ID, Token: jobs.Token(integer(v[2])), Worker: text(v[3]), Until: moment(integer(v[4]))}
	j.StartedAt, j.UpdatedAt, j.Loans = moment(integer(v[5])), moment(integer(v[6])), int(integer(v[7]))
	if v[8] != nil {
		j.CancelAsked, j.CancelReason = true, text(v[8])
	}
	if v[9] != nil {
		j.Operation = jobs.ID(text(v[9]))
	}
}

// readWhole reads a row of wholeColumns.
func readWhole(v []driver.Value, names *tenants) (*row, error) {
	r := readJob(v[:nJobColumns], names)
	if err := r.readState(v[nJobColumns : nJobColumns+nStateColumns]); err != nil {
		return nil, err
	}
	r.readLoan(v[nJobColumns+nStateColumns : nWholeColumns])
	return r, nil
}

// readHeavy reads heavyColumns.
func (r *row) readHeavy(v []driver.Value) {
	r.candidates, r.draft, r.result = text(v[0]), text(v[1]), text(v[2])
}

// whole is the job with everything that was read of it. The caller owns it.
func (r *row) whole() (jobs.Job, error) {
	var s spec
	if err := json.Unmarshal(r.spec, &s); err != nil {
		return jobs.Job{}, fmt.Errorf("spec of job %s: %w", r.job.ID, err)
	}
	return r.with(&s)
}

// accepted is the first event of a job, of which readJob has read the row. Its
// reason is what intake said.
func (r *row) accepted() (jobs.Event, error) {
	j, err := r.whole()
	if err != nil {
		return jobs.Event{}, err
	}
	return jobs.Event{
		Job: j.ID, Tenant: j.Tenant, Version: 1, Type: jobs.EventQueued, At: j.AcceptedAt,
		State: jobs.Queued, Lane: j.Lane, Generation: 1, Reason: j.Admission.Reason,
	}, nil
}

// with is whole for a spec that is decoded already.
func (r *row) with(s *spec) (jobs.Job, error) {
	j := r.job
	s.fill(&j)
	var err error
	if r.given != nil {
		j.Result = cloneResult(r.given)
	} else if j.Result, err = decodeResult(r.result); err != nil {
		return jobs.Job{}, fmt.Errorf("job %s: %w", j.ID, err)
	}
	if j.Failure != nil {
		failure := *j.Failure
		j.Failure = &failure
	}
	if j.Review != nil {
		review := *j.Review
		if review.Candidates, err = decodeCandidates(r.candidates); err != nil {
			return jobs.Job{}, fmt.Errorf("job %s: %w", j.ID, err)
		}
		review.Draft = nil
		if r.draft != "" {
			review.Draft = json.RawMessage(r.draft)
		}
		j.Review = &review
	}
	return j, nil
}
