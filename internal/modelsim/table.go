package modelsim

// line is one row of a table: its cells by the kind of their column and by the
// normalised head of their column.
type line struct {
	byKind map[column]fact
	byHead map[string]fact
}

// readLines reads the tables: below every row that has the heads of a
// description and of one more known column, up to the first row that announces
// a sum.
func (l *lexicon) readLines(rows []row) []line {
	var out []line
	var heads row
	for _, r := range rows {
		switch {
		case l.isTableHead(r):
			heads = r
		case heads == nil || len(r) == 0:
		case l.announcesSum(r):
			heads = nil
		default:
			if ln, ok := l.readLine(heads, r); ok {
				out = append(out, ln)
			}
		}
	}
	return out
}

func (l *lexicon) isTableHead(r row) bool {
	known, described := 0, false
	for _, c := range r {
		if k, ok := l.heads[c.label]; ok {
			known++
			described = described || k == colDescription
		}
	}
	return described && known >= 2
}

func (l *lexicon) announcesSum(r row) bool {
	for _, p := range pairs([]row{r}) {
		switch l.labels[p.label] {
		case kindTotal, kindSubtotal, kindTax:
			if _, _, ok := parseAmount(p.value); ok {
				return true
			}
		}
	}
	return false
}

// readLine gives each cell of r to the nearest column. A row without a
// description and a number is no line.
func (l *lexicon) readLine(heads, r row) (line, bool) {
	ln := line{byKind: map[column]fact{}, byHead: map[string]fact{}}
	numbers := 0
	for i, c := range r {
		head := heads[nearest(heads, r, i)].label
		if _, taken := ln.byHead[head]; taken {
			continue
		}
		cell := fact{text: c.text}
		cell.amount, _, _ = parseAmount(c.text)
		ln.byHead[head] = cell
		switch k := l.heads[head]; {
		case k == colDescription:
			ln.byKind[k] = cell
		case k != "" && cell.amount != "":
			ln.byKind[k] = cell
			numbers++
		}
	}
	return ln, ln.byKind[colDescription].text != "" && numbers > 0
}

// nearest returns the index of the head over cell i of r: the one at the same
// place when the row is full, else the one whose left or right edge is closest.
func nearest(heads, r row, i int) int {
	if len(r) == len(heads) {
		return i
	}
	best, distance := 0, -1
	for j, h := range heads {
		d := min(abs(h.from-r[i].from), abs(h.to-r[i].to))
		if distance < 0 || d < distance {
			best, distance = j, d
		}
	}
	return best
}
