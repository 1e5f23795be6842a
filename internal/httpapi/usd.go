package httpapi

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/danielgtaylor/huma/v2"
)

// USD is an amount of US dollars, kept in millionths and written as a plain
// number, so that no amount is ever rounded.
type USD int64

// MarshalJSON writes the amount without needless zeros.
func (u USD) MarshalJSON() ([]byte, error) {
	micro := int64(u)
	sign := ""
	if micro < 0 {
		sign, micro = "-", -micro
	}
	text := sign + strconv.FormatInt(micro/1_000_000, 10)
	if part := strings.TrimRight(fmt.Sprintf("%06d", micro%1_000_000), "0"); part != "" {
		text += "." + part
	}
	return []byte(text), nil
}

// Schema describes the amount for /openapi.json.
func (USD) Schema(huma.Registry) *huma.Schema {
	return &huma.Schema{Type: huma.TypeNumber, Description: "US dollars"}
}
