package modelsim_test

import (
	"testing"

	"github.com/sluicehq/sluice/internal/modelsim"
)

// BenchmarkAnswer is one honest answer for an invoice of some lines, without
// the network.
func BenchmarkAnswer(b *testing.B) {
	s := modelsim.New(modelsim.Config{})
	text := sample + "\nDescription      Qty      Amount\n"
	for range 30 {
		text += "Copier paper, A4    2      10.00\n"
	}
	b.ReportAllocs()
	for b.Loop() {
		send(s, call{"m", "", text})
	}
}
