package sqlitejobs_test

import (
	"fmt"
	"testing"

	"pgregory.net/rapid"

	"github.com/sluicehq/sluice/pkg/jobs"
	"github.com/sluicehq/sluice/pkg/jobs/sqlitejobs"
)

func TestPortionsHaveEachSeqOnceAndInOrder(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		var runs [][2]int64
		last := int64(0)
		for range rapid.IntRange(0, 20).Draw(t, "runs") {
			first := last + rapid.Int64Range(1, 50).Draw(t, "gap")
			last = first + rapid.Int64Range(0, 3*sqlitejobs.ScanSeqs).Draw(t, "length") - 1
			runs = append(runs, [2]int64{first, last})
		}
		var want []int64
		for _, run := range runs {
			for seq := run[0]; seq <= run[1]; seq++ {
				want = append(want, seq)
			}
		}
		parts := sqlitejobs.Portions(runs)
		for i, part := range parts {
			size := 0
			for _, run := range part {
				for seq := run[0]; seq <= run[1]; seq++ {
					if len(want) == 0 || seq != want[0] {
						t.Fatalf("part %d has seq %d, which is not the next", i, seq)
					}
					want = want[1:]
					size++
				}
			}
			if size == 0 || size > sqlitejobs.ScanSeqs || size < sqlitejobs.ScanSeqs && i < len(parts)-1 {
				t.Errorf("part %d of %d has %d seqs", i, len(parts), size)
			}
		}
		if len(want) > 0 {
			t.Errorf("%d seqs are in no part", len(want))
		}
	})
}

func TestABacklogOfManyPortionsIsThereAfterTheNextStart(t *testing.T) {
	t.Parallel()
	c := sqlitejobs.Config{Dir: t.TempDir(), UnsafeLoseJobsOnPowerCut: true}
	e := open(t, c)
	const ended = 100 // of the oldest, so that the first run of seqs is not the first seq
	for i := range 3 {
		accept(t, e, submissions(sqlitejobs.ScanSeqs, fmt.Sprintf("part-%d-", i))...)
	}
	for range ended {
		finish(t, e, lend(t, e, 1)[0], succeed())
	}
	if err := e.Close(); err != nil {
		t.Fatal(err)
	}
	e = open(t, c)
	verify(t, e)
	s, err := e.Stats(t.Context())
	if want := int64(3*sqlitejobs.ScanSeqs - ended); err != nil || s.States[jobs.Queued] != want {
		t.Errorf("%d queued, want %d, %v", s.States[jobs.Queued], want, err)
	}
}
