//go:build linux

package queue

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"net/url"
	"path/filepath"
	"sync"
	"time"

	"modernc.org/sqlite"

	"github.com/sluicehq/sluice/bench/internal/machine"
)

// RawSQLite writes the rows that the default engine writes, and does nothing
// else: one goroutine commits whatever waits in one transaction, with every
// commit synced. There is no check, no scheduler, no lease and no answer but
// "it is durable". It is the limit of any engine that keeps these rows.
type RawSQLite struct {
	conn  driver.Conn
	steps [numSteps][]prepared
	begin driver.StmtExecContext
	end   driver.StmtExecContext
	all   []driver.Stmt
	read  *sql.DB // for the counts

	inbox   chan *rawCall
	made    chan int64 // numbers of jobs that wait for a worker
	writing sync.WaitGroup

	mu   sync.Mutex
	last int64
}

var _ Queue = (*RawSQLite)(nil)

// prepared is a statement of a step.
type prepared struct {
	stmt driver.StmtExecContext
	args []argument
}

// rawCall is one step of some jobs.
type rawCall struct {
	writes []bound
	done   chan error // capacity 1
}

// bound is a statement with its arguments.
type bound struct {
	stmt driver.StmtExecContext
	args []driver.NamedValue
}

// Bounds of a group, as in the engine, and of the jobs that wait.
const (
	rawGroup   = 512
	rawWaiting = 1 << 21
)

// OpenRawSQLite makes a database in dir with the tables of the default engine,
// and learns in the directory scratch what to write there.
func OpenRawSQLite(ctx context.Context, dir, scratch string) (*RawSQLite, error) {
	t, err := watch(ctx, scratch)
	if err != nil {
		return nil, fmt.Errorf("watch the engine: %w", err)
	}
	u := url.URL{Scheme: "file", Path: filepath.Join(dir, "raw.db")}
	conn, err := new(sqlite.Driver).Open(u.String())
	if err != nil {
		return nil, err
	}
	r := &RawSQLite{conn: conn, inbox: make(chan *rawCall, 2*rawGroup), made: make(chan int64, rawWaiting)}
	if err := r.prepare(ctx, t); err != nil {
		return nil, errors.Join(err, conn.Close())
	}
	if r.read, err = sql.Open("sqlite", u.String()+"?mode=ro"); err != nil {
		return nil, errors.Join(err, conn.Close())
	}
	r.writing.Go(r.write)
	return r, nil
}

// prepare sets the connection up as the engine sets up its own.
func (r *RawSQLite) prepare(ctx context.Context, t *template) error {
	script := append([]string{
		fmt.Sprintf("PRAGMA page_size = %d", t.page), "PRAGMA journal_mode = WAL", "PRAGMA synchronous = FULL", "PRAGMA cache_size = -16384",
		fmt.Sprintf("PRAGMA wal_autocheckpoint = %d", (32<<20)/t.page),
	}, t.schema...)
	for _, s := range script {
		if _, err := r.conn.(driver.ExecerContext).ExecContext(ctx, s, nil); err != nil {
			return fmt.Errorf("%.60s: %w", s, err)
		}
	}
	if err := r.durable(ctx); err != nil {
		return err
	}
	var err error
	if r.begin, err = r.statement("BEGIN IMMEDIATE"); err != nil {
		return err
	}
	if r.end, err = r.statement("COMMIT"); err != nil {
		return err
	}
	for step, writes := range t.steps {
		for _, w := range writes {
			s, err := r.statement(w.sql)
			if err != nil {
				return err
			}
			r.steps[step] = append(r.steps[step], prepared{s, w.args})
		}
	}
	return nil
}

// durable is an error unless every commit is synced.
func (r *RawSQLite) durable(ctx context.Context) (err error) {
	const full = int64(2)
	rows, err := r.conn.(driver.QueryerContext).QueryContext(ctx, "PRAGMA synchronous", nil)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	row := make([]driver.Value, 1)
	if err := rows.Next(row); err != nil {
		return err
	}
	if row[0] != full {
		return fmt.Errorf("synchronous is %v, want %d", row[0], full)
	}
	return nil
}

func (r *RawSQLite) statement(sql string) (driver.StmtExecContext, error) {
	s, err := r.conn.Prepare(sql)
	if err != nil {
		return nil, fmt.Errorf("prepare %.60s: %w", sql, err)
	}
	r.all = append(r.all, s)
	return s.(driver.StmtExecContext), nil
}

// write is the goroutine that commits.
func (r *RawSQLite) write() {
	group := make([]*rawCall, 0, rawGroup)
	for c := range r.inbox {
		group = append(group[:0], c)
	gather:
		for len(group) < rawGroup {
			select {
			case c, ok := <-r.inbox:
				if !ok {
					break gather
				}
				group = append(group, c)
			default:
				break gather
			}
		}
		err := r.commit(group)
		for _, c := range group {
			c.done <- err
		}
	}
}

func (r *RawSQLite) commit(group []*rawCall) error {
	ctx := context.Background() // a transaction is never left half done
	if _, err := r.begin.ExecContext(ctx, nil); err != nil {
		return err
	}
	for _, c := range group {
		for _, w := range c.writes {
			if _, err := w.stmt.ExecContext(ctx, w.args); err != nil {
				return err
			}
		}
	}
	_, err := r.end.ExecContext(ctx, nil)
	return err
}

// do hands a step to the writer and waits for its commit.
func (r *RawSQLite) do(step int, nums ...int64) error {
	c := &rawCall{done: make(chan error, 1)}
	for _, num := range nums {
		id := fmt.Sprintf("job_%026d", num)
		for _, p := range r.steps[step] {
			c.writes = append(c.writes, p.bind(num, id))
		}
	}
	r.inbox <- c
	return <-c.done
}

func (p prepared) bind(num int64, id string) bound {
	w := bound{p.stmt, make([]driver.NamedValue, len(p.args))}
	for i, a := range p.args {
		w.args[i] = driver.NamedValue{Ordinal: i + 1, Value: a.at(num, id)}
	}
	return w
}

// Put implements [Queue].
func (r *RawSQLite) Put(context.Context) error {
	r.mu.Lock()
	r.last++
	num := r.last
	r.mu.Unlock()
	if err := r.do(stepAccept, num); err != nil {
		return err
	}
	select {
	case r.made <- num:
		return nil
	default:
		return fmt.Errorf("more than %d jobs wait", rawWaiting)
	}
}

// Work implements [Queue]. One goroutine lends as many jobs at once as wait and
// slots are free, as a worker of the engine does.
func (r *RawSQLite) Work(ctx context.Context, done func()) (stop func() error, err error) {
	ctx, cancel := context.WithCancel(ctx)
	var trouble firstError
	free := make(chan struct{}, Slots)
	for range Slots {
		free <- struct{}{}
	}
	var running sync.WaitGroup
	running.Go(func() {
		for {
			nums := r.take(ctx, free)
			if len(nums) == 0 {
				return
			}
			if err := r.do(stepLend, nums...); err != nil {
				trouble.set(err)
				return
			}
			for _, num := range nums {
				running.Go(func() {
					if err := errors.Join(r.do(stepAttempt, num), r.do(stepFinish, num)); err != nil {
						trouble.set(err)
						return
					}
					done()
					free <- struct{}{}
				})
			}
		}
	})
	return func() error {
		cancel()
		running.Wait()
		return trouble.get()
	}, nil
}

// take waits for a job and a slot, and takes what else is there of both. It
// answers none once ctx has ended.
func (r *RawSQLite) take(ctx context.Context, free chan struct{}) (nums []int64) {
	select {
	case <-ctx.Done():
		return nil
	case <-free:
	}
	select {
	case <-ctx.Done():
		return nil
	case num := <-r.made:
		nums = append(nums, num)
	}
	for {
		select {
		case <-free:
		default:
			return nums
		}
		select {
		case num := <-r.made:
			nums = append(nums, num)
		default:
			free <- struct{}{}
			return nums
		}
	}
}

// Check implements [Queue].
func (r *RawSQLite) Check(ctx context.Context, put, done int64) error {
	var kept, settled int64
	err := r.read.QueryRowContext(ctx, "SELECT (SELECT count(*) FROM jobs), (SELECT count(*) FROM states)").Scan(&kept, &settled)
	if err != nil {
		return err
	}
	return errors.Join(counts("kept", kept, put), counts("settled", settled, done))
}

// CPU implements [Queue].
func (r *RawSQLite) CPU() (time.Duration, error) { return machine.Self(), nil }

// Close implements [Queue].
func (r *RawSQLite) Close() error {
	close(r.inbox)
	r.writing.Wait()
	var errs []error
	for _, s := range r.all {
		errs = append(errs, s.Close())
	}
	return errors.Join(append(errs, r.read.Close(), r.conn.Close())...)
}
