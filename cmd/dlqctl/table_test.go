package main

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/mattn/go-runewidth"
	"pgregory.net/rapid"
)

func rendered(t *table, width int, colour bool) string {
	var b strings.Builder
	_ = t.write(&b, width, colour) // a Builder takes everything
	return b.String()
}

func sample() *table {
	t := &table{columns: []column{
		{title: "ID"}, {title: "N", right: true, drop: 1}, {title: "EMPTY"}, {title: "LANE", drop: 2}, {title: "DETAIL", least: 6},
	}}
	t.add(cell{"job_1", bold}, cell{"7", plain}, cell{}, cell{"batch", plain}, cell{"漢字が続く文", red})
	t.add(cell{"job_22", plain}, cell{"12345", plain}, cell{}, cell{}, cell{"short\x1b", plain})
	return t
}

func TestColumnsAlignInCellsNotInRunes(t *testing.T) {
	t.Parallel()
	want := strings.TrimPrefix(`
ID          N  LANE   DETAIL
job_1       7  batch  漢字が続く文
job_22  12345         short\x1b
`, "\n")
	if diff := cmp.Diff(want, rendered(sample(), 0, false)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestANarrowTerminalShrinksThenDrops(t *testing.T) {
	t.Parallel()
	for width, want := range map[int]string{
		32: "ID          N  LANE   DETAIL\njob_1       7  batch  漢字が続…\njob_22  12345         short\\x1b\n",
		27: "ID          N  DETAIL\njob_1       7  漢字が続く文\njob_22  12345  short\\x1b\n",
		16: "ID      DETAIL\njob_1   漢字が…\njob_22  short\\x…\n",
		5:  "ID      DETAIL\njob_1   漢字が続く文\njob_22  short\\x1b\n",
	} {
		if diff := cmp.Diff(want, rendered(sample(), width, false)); diff != "" {
			t.Errorf("width %d (-want +got):\n%s", width, diff)
		}
	}
}

func TestColoursTakeNoRoom(t *testing.T) {
	t.Parallel()
	coloured := rendered(sample(), 32, true)
	if !strings.Contains(coloured, "\x1b[1mjob_1\x1b[0m   ") || !strings.Contains(coloured, "\x1b[31m漢字が続…\x1b[0m\n") {
		t.Errorf("%q", coloured)
	}
	stripped := strings.NewReplacer("\x1b[0m", "", "\x1b[1m", "", "\x1b[2m", "", "\x1b[31m", "").Replace(coloured)
	if diff := cmp.Diff(rendered(sample(), 32, false), stripped); diff != "" {
		t.Errorf("colours move the text (-plain +coloured):\n%s", diff)
	}
}

// TestTablesFitWhenTheyCan draws tables of any texts: each line stays within
// the width as long as what must stay has room, and none ends in a space.
func TestTablesFitWhenTheyCan(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(rt *rapid.T) {
		tab := &table{columns: []column{{title: "ID"}, {title: "A", drop: 2}, {title: "B", right: true, drop: 1}, {title: "C", least: 5, drop: 3}}}
		stays := 0
		for range rapid.IntRange(1, 5).Draw(rt, "rows") {
			row := make([]cell, len(tab.columns))
			for i := range row {
				row[i] = cell{rapid.StringN(0, 30, 60).Draw(rt, "text"), plain}
			}
			tab.add(row...)
			stays = max(stays, runewidth.StringWidth(tab.rows[len(tab.rows)-1][0].text))
		}
		width := rapid.IntRange(1, 120).Draw(rt, "width")
		lines := strings.Split(strings.TrimSuffix(rendered(tab, width, false), "\n"), "\n")
		if len(lines) != len(tab.rows)+1 {
			rt.Fatalf("%d lines for %d rows", len(lines), len(tab.rows))
		}
		for _, line := range lines {
			if got := runewidth.StringWidth(line); got > max(width, stays, len("ID")) {
				rt.Errorf("a line is %d cells wide, want %d: %q", got, width, line)
			}
		}
	})
}

func TestWrappedLinesKeepTheirWordsAndTheWidth(t *testing.T) {
	t.Parallel()
	a := &app{invocation: invocation{width: 40}}
	got := string(a.wrapped("Tier 1 gave no answer in time and was left. 漢字 "+strings.Repeat("long", 12)+" end", "    "))
	want := "Tier 1 gave no answer in time and\n    was left. 漢字\n    " + strings.Repeat("long", 12) + "\n    end"
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}
