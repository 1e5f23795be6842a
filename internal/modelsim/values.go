package modelsim

import (
	"strconv"
	"strings"
	"time"
	"unicode"
)

// amount is a decimal number as the document writes it: digits with an optional
// sign and point, such as "-1184.00". It is never rounded.
type amount string

// parseCurrency reads a currency that stands by itself and returns its ISO 4217
// code.
func parseCurrency(s string) (string, bool) {
	switch code := strings.ToUpper(strings.TrimSpace(s)); code {
	case "EUR", "USD", "GBP", "CHF", "DKK", "SEK", "NOK", "PLN", "CZK":
		return code, true
	case "€", "EURO":
		return "EUR", true
	case "$", "US$":
		return "USD", true
	case "£":
		return "GBP", true
	case "FR.", "SFR":
		return "CHF", true
	default:
		return "", false
	}
}

// parseAmount reads text that is one number with an optional currency on either
// side, in English ("1,184.00"), German ("1.184,00"), Swiss ("1'184.00") or
// French ("1 184,00") writing. It returns the currency, if one is there.
func parseAmount(s string) (amount, string, bool) {
	number, currency := cutCurrency(strings.TrimSpace(s))
	a, ok := parseNumber(number)
	return a, currency, ok
}

// cutCurrency takes a currency from the front or the back of s.
func cutCurrency(s string) (rest, currency string) {
	notNumber := func(r rune) bool { return !unicode.IsDigit(r) && r != '-' && r != '+' }
	if i := strings.IndexFunc(s, func(r rune) bool { return !notNumber(r) }); i > 0 {
		if code, ok := parseCurrency(s[:i]); ok {
			return s[i:], code
		}
	}
	if i := strings.LastIndexFunc(s, unicode.IsDigit); i >= 0 && i+1 < len(s) {
		if code, ok := parseCurrency(s[i+1:]); ok {
			return s[:i+1], code
		}
	}
	return s, ""
}

// parseNumber reads digits with separators.
func parseNumber(s string) (amount, bool) {
	sign := ""
	if strings.HasPrefix(s, "-") {
		sign, s = "-", s[1:]
	}
	s = strings.TrimSpace(s)
	if s == "" || len(s) > 32 || !isDigit(s[0]) || !isDigit(s[len(s)-1]) {
		return "", false
	}
	whole, fraction := s, ""
	if i := decimalPoint(s); i >= 0 {
		whole, fraction = s[:i], s[i+1:]
	}
	whole, ok := ungroup(whole)
	if !ok || strings.ContainsFunc(fraction, func(r rune) bool { return !unicode.IsDigit(r) }) {
		return "", false
	}
	if fraction != "" {
		fraction = "." + fraction
	}
	return amount(sign + whole + fraction), true
}

// decimalPoint finds the point or comma that divides whole from fraction: the
// last separator, unless what follows looks like a group of thousands.
func decimalPoint(s string) int {
	i := strings.LastIndexAny(s, ".,")
	if i < 0 {
		return -1
	}
	other := strings.ContainsAny(s[:i], ".,' \u00a0\u202f") && strings.Count(s, s[i:i+1]) == 1
	if digits := len(s) - i - 1; digits == 3 && !other && s[:i] != "0" {
		return -1
	}
	return i
}

// ungroup removes the separators of thousands. Every group but the first must
// have three digits.
func ungroup(s string) (string, bool) {
	groups := []string{""}
	for _, r := range s {
		switch {
		case r >= '0' && r <= '9':
			groups[len(groups)-1] += string(r)
		case strings.ContainsRune(".,' \u00a0\u202f’", r):
			groups = append(groups, "")
		default:
			return "", false
		}
	}
	for i, g := range groups {
		if i > 0 && len(g) != 3 || len(groups) > 1 && len(g) > 3 || g == "" {
			return "", false
		}
	}
	whole := strings.TrimLeft(strings.Join(groups, ""), "0")
	if whole == "" {
		whole = "0"
	}
	return whole, true
}

func isDigit(c byte) bool { return c >= '0' && c <= '9' }

// parseBool reads a yes or no.
func parseBool(s string) (value, ok bool) {
	switch strings.ToLower(strings.TrimSpace(s)) {
	case "yes", "true", "ja", "oui":
		return true, true
	case "no", "false", "nein", "non":
		return false, true
	default:
		return false, false
	}
}

// parseDate reads text that is one date and returns it as YYYY-MM-DD. Numbers
// alone are day first, as in Europe, unless the year leads.
func parseDate(s string) (string, bool) {
	parts := strings.FieldsFunc(strings.ToLower(strings.TrimSpace(s)), func(r rune) bool {
		return strings.ContainsRune("./-, \u00a0", r)
	})
	if len(parts) != 3 {
		return "", false
	}
	nums, month := [3]int{}, -1
	for i, p := range parts {
		n, err := strconv.Atoi(trimOrdinal(p))
		if err != nil {
			m, ok := monthOf(p)
			if !ok || month >= 0 {
				return "", false
			}
			n, month = int(m), i
		}
		nums[i] = n
	}
	y, m, d := nums[2], nums[1], nums[0]
	switch {
	case month == 0: // March 14, 2026
		m, d = nums[0], nums[1]
	case month < 0 && len(parts[0]) == 4: // 2026-03-14
		y, d = nums[0], nums[2]
	}
	if y < 100 {
		y += 2000
	}
	t := time.Date(y, time.Month(m), d, 0, 0, 0, 0, time.UTC)
	if y < 1900 || y > 2199 || int(t.Month()) != m || t.Day() != d {
		return "", false
	}
	return t.Format(time.DateOnly), true
}

// trimOrdinal turns "14th" and "1er" into numbers.
func trimOrdinal(s string) string {
	for _, end := range []string{"st", "nd", "rd", "th", "er"} {
		if rest, ok := strings.CutSuffix(s, end); ok && rest != "" && isDigit(rest[len(rest)-1]) {
			return rest
		}
	}
	return s
}

// monthOf reads a month's name, whole or shortened, in English, German or
// French.
func monthOf(s string) (time.Month, bool) {
	r := []rune(s)
	if len(r) < 3 || len(r) > 10 {
		return 0, false
	}
	switch string(r[:3]) {
	case "jan":
		return time.January, true
	case "feb", "fév", "fev":
		return time.February, true
	case "mar", "mär":
		return time.March, true
	case "apr", "avr":
		return time.April, true
	case "may", "mai":
		return time.May, true
	case "jun":
		return time.June, true
	case "jul":
		return time.July, true
	case "aug", "aoû", "aou":
		return time.August, true
	case "sep":
		return time.September, true
	case "oct", "okt":
		return time.October, true
	case "nov":
		return time.November, true
	case "dec", "dez", "déc":
		return time.December, true
	}
	switch string(r[:min(4, len(r))]) {
	case "juin":
		return time.June, true
	case "juil":
		return time.July, true
	}
	return 0, false
}
