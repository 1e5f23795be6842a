package client

import (
	"fmt"
	"strconv"
	"strings"
)

// USD is an amount of US dollars in millionths. In JSON it is a plain number of
// dollars, and no amount is ever rounded.
type USD int64

// maxUSD bounds what is read, in dollars.
const maxUSD = 1_000_000_000_000

// ParseUSD reads dollars with at most 6 decimals, such as 12.50. An error wraps
// [ErrInvalid].
func ParseUSD(text string) (USD, error) {
	digits, negative := strings.CutPrefix(text, "-")
	whole, part, dotted := strings.Cut(digits, ".")
	if whole == "" || len(whole) > 13 || len(part) > 6 || dotted && part == "" || strings.Trim(whole+part, "0123456789") != "" {
		return 0, fmt.Errorf("%w: an amount is a plain number of dollars with at most 6 decimals", ErrInvalid)
	}
	micro, err := strconv.ParseInt(whole+part+strings.Repeat("0", 6-len(part)), 10, 64)
	if err != nil || micro > maxUSD*1_000_000 {
		return 0, fmt.Errorf("%w: an amount is at most %d dollars", ErrInvalid, int64(maxUSD))
	}
	if negative {
		micro = -micro
	}
	return USD(micro), nil
}

// String is the amount without needless zeros, such as 12.5.
func (u USD) String() string {
	micro, sign := uint64(u), ""
	if u < 0 {
		micro, sign = -micro, "-"
	}
	part := strings.TrimRight(fmt.Sprintf(".%06d", micro%1_000_000), "0")
	return sign + strconv.FormatUint(micro/1_000_000, 10) + strings.TrimSuffix(part, ".")
}

// MarshalJSON implements json.Marshaler.
func (u USD) MarshalJSON() ([]byte, error) { return []byte(u.String()), nil }

// UnmarshalJSON implements json.Unmarshaler.
func (u *USD) UnmarshalJSON(text []byte) error {
	if string(text) == "null" {
		return nil
	}
	amount, err := ParseUSD(string(text))
	if err != nil {
		return err
	}
	*u = amount
	return nil
}
