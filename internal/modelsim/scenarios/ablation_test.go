package scenarios_test

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/sluicehq/sluice/internal/document"
	"github.com/sluicehq/sluice/internal/modelsim"
	"github.com/sluicehq/sluice/pkg/jobs"
	"github.com/sluicehq/sluice/pkg/tiers"
)

// arrival is the time between two documents of the ablation. It is prime to
// the periods of the bursts, so that they hit the share of documents that they
// last.
const arrival = 1009 * time.Millisecond

// mixed are n documents of which two in five are simple enough for the rules.
func mixed(n int) []string {
	all := make([]string, n)
	for i := range all {
		all[i] = hard(i)
		if i%5 < 2 {
			all[i] = simple(i)
		}
	}
	return all
}

// tally counts how documents ended.
type tally struct {
	mu                   sync.Mutex
	right, wrong, person int
	byTier               [5]int
}

// count adds a document's answer; empty data means that a person must look.
func (c *tally) count(n int, text string, data json.RawMessage, tier int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	var got struct {
		Number string      `json:"invoice_number"`
		Date   string      `json:"invoice_date"`
		Total  json.Number `json:"total"`
	}
	switch {
	case len(data) == 0:
		c.person++
	case json.Unmarshal(data, &got) == nil && got.Number == fmt.Sprintf("HL-%04d", n) && got.Date == "2026-03-14" &&
		strings.Contains(text, "GBP "+got.Total.String()+"\n") && got.Total.String() != "250.00" && got.Total.String() != "50.00":
		c.right++
		c.byTier[tier]++
	default:
		c.wrong++
	}
}

func (c *tally) share() float64 { return float64(c.right) / float64(c.right+c.wrong+c.person) }

// alone asks the primary once for each document and takes what stands.
func alone(t *testing.T, c *tally, seed uint64, texts []string) {
	t.Helper()
	bare(t, setup{seed: seed, rules: modelsim.FieldMix(large, small)}, func(t *testing.T, s *stack, at *modelsim.Endpoint) {
		extractor, closeAll := s.extractor(at)
		classifier, err := tiers.NewClassifier("")
		if err != nil {
			t.Fatal(err)
		}
		var calls sync.WaitGroup
		for n, text := range texts {
			calls.Go(func() {
				task, err := extractor.Prepare(jobs.Spec{Schema: "invoice"}, document.Text{Pages: []document.Page{{Number: 1, Text: text}}})
				if err != nil {
					t.Error(err)
					return
				}
				ctx, stop := context.WithTimeoutCause(t.Context(), 2*time.Minute, tiers.ErrAttemptTimeout)
				defer stop()
				a := task.Call(ctx, 0, false)
				data := a.Extracted.Data
				if !classifier.Classify(a.Signal, a.Judgement, time.Now()).OK() {
					data = nil
				}
				c.count(n, text, data, 1)
			})
			time.Sleep(arrival)
		}
		calls.Wait()
		closeAll()
	})
}

// laddered sends each document as a job that may go down to a tier.
func laddered(t *testing.T, c *tally, seed uint64, texts []string, maxTier int) {
	t.Helper()
	bubble(t, setup{seed: seed, slots: 16, rules: modelsim.FieldMix(large, small)}, func(t *testing.T, s *stack) {
		ids := make([]jobs.ID, len(texts))
		for n, text := range texts {
			ids[n] = s.submitAs(jobs.ID(fmt.Sprintf("job_%06d", n)), job{text: text, lane: jobs.Standard, spec: jobs.Spec{MaxTier: maxTier}})
			time.Sleep(arrival)
		}
		for n, id := range ids {
			j, _ := s.settled(id)
			var data json.RawMessage
			if j.Result != nil {
				data = j.Result.Data
			}
			c.count(n, texts[n], data, j.Tier)
		}
	})
}

// documents is how many the ablation sends, in rounds with a seed each. The
// shares of rare faults show from allDocuments on, which take some minutes.
var documents = flag.Int("documents", 200, "documents of the ablation; from 20000 on each step must be positive")

const (
	roundSize    = 5000
	allDocuments = 20_000
)

// TestEveryTierFinishesMoreOfTheFieldMixWithoutAPerson takes the tiers away one
// by one. No answer that is accepted may be wrong.
func TestEveryTierFinishesMoreOfTheFieldMixWithoutAPerson(t *testing.T) {
	all := *documents >= allDocuments
	last := -1.0
	for _, step := range []struct {
		name  string
		least float64 // of the documents, with all of them
		run   func(c *tally, seed uint64, texts []string)
	}{
		{"the primary alone", 0.93, func(c *tally, seed uint64, texts []string) { alone(t, c, seed, texts) }},
		{"+ retries, repair, gates", 0.985, func(c *tally, seed uint64, texts []string) { laddered(t, c, seed, texts, 1) }},
		{"+ smaller model", 0.999, func(c *tally, seed uint64, texts []string) { laddered(t, c, seed, texts, 2) }},
		{"+ rules", 0.9995, func(c *tally, seed uint64, texts []string) { laddered(t, c, seed, texts, 0) }},
	} {
		c := &tally{}
		for done, seed := 0, uint64(1); done < *documents; done, seed = done+roundSize, seed+1 {
			step.run(c, seed, mixed(min(roundSize, *documents-done)))
		}
		t.Logf("%-25s %7.3f %% right, %d wrong, %d to a person, by tier %v", step.name, 100*c.share(), c.wrong, c.person, c.byTier[1:4])
		if c.wrong > 0 {
			t.Errorf("%s: %d wrong answers were accepted", step.name, c.wrong)
		}
		if c.share() < last || all && (c.share() == last || c.share() < step.least) {
			t.Errorf("%s: %.4f of the documents, the step before had %.4f", step.name, c.share(), last)
		}
		last = c.share()
	}
	if !all {
		t.Logf("with %d documents a step may be 0; -documents %d asks for more", *documents, allDocuments)
	}
}
