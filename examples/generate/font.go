package main

import (
	"fmt"
	"strings"
)

// Widths of the ASCII characters from space to tilde in thousandths of the font
// size, from the metrics that Adobe published for the standard fonts.
const (
	regularWidths = "278 278 355 556 556 889 667 191 333 333 389 584 278 333 278 278 " +
		"556 556 556 556 556 556 556 556 556 556 278 278 584 584 584 556 " +
		"1015 667 667 722 722 667 611 778 722 278 500 667 556 833 722 778 " +
		"667 778 722 667 611 722 667 944 667 667 611 278 278 278 469 556 " +
		"333 556 556 500 556 556 278 556 556 222 222 500 222 833 556 556 " +
		"556 556 333 500 278 556 500 722 500 500 500 334 260 334 584"
	boldWidths = "278 333 474 556 556 889 722 238 333 333 389 584 278 333 278 278 " +
		"556 556 556 556 556 556 556 556 556 556 333 333 584 584 584 611 " +
		"975 722 722 722 722 667 611 778 722 278 556 722 611 833 722 778 " +
		"667 778 722 667 611 722 667 944 667 667 611 333 278 333 584 556 " +
		"333 556 611 556 611 556 333 611 611 278 278 556 278 889 611 611 " +
		"611 611 389 556 333 611 556 778 556 556 500 389 280 389 584"
)

// textWidth is the width of s in points.
func textWidth(st style, s string) float64 {
	widths := strings.Fields(regularWidths)
	if st.bold {
		widths = strings.Fields(boldWidths)
	}
	total := 0
	for _, r := range s {
		total += runeWidth(widths, r)
	}
	return float64(total) * st.size / 1000
}

// runeWidth looks a character up; an accented letter is as wide as its base.
func runeWidth(widths []string, r rune) int {
	switch r {
	case '€', '£', '–':
		return 556
	case 'ß':
		return 611
	case '·', '\u00a0':
		return 278
	case '°':
		return 400
	}
	const accented, bases = "ÄÖÜäöüàâçèéêëîïôùûÉÈÀ", "AOUaouaaceeeeiiouuEEA"
	if i := strings.IndexRune(accented, r); i >= 0 {
		r = rune(bases[len([]rune(accented[:i]))])
	}
	if r < ' ' || r > '~' {
		panic(fmt.Sprintf("no width for %q", r)) // a mistake in the documents of this program
	}
	w := 0
	_, _ = fmt.Sscan(widths[r-' '], &w)
	return w
}

// encode turns s into the WinAnsi encoding of PDF, which is Latin-1 with a few
// more characters.
func encode(s string) []byte {
	out := make([]byte, 0, len(s))
	for _, r := range s {
		switch {
		case r == '€':
			out = append(out, 0x80)
		case r == '–':
			out = append(out, 0x96)
		case r < 0x80 || r >= 0xa0 && r <= 0xff:
			out = append(out, byte(r))
		default:
			panic(fmt.Sprintf("%q is not in the encoding", r)) // a mistake in the documents of this program
		}
	}
	return out
}
