package extract

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"

	"github.com/sluicehq/sluice/internal/document"
)

// PromptVersion changes whenever the same document and schema would be asked
// for in other words, so that no earlier answer is taken for one to the new
// question.
func PromptVersion() string {
	probe := document.Text{Pages: []document.Page{{Number: 1, Text: "a  b\n\n\nc"}, {Number: 2, Text: "d"}}}
	sum := sha256.Sum256(fmt.Appendf(nil, "%s\n%s", instructions, fence(probe)))
	return hex.EncodeToString(sum[:8])
}
