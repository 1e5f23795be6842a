package modelsim

import (
	"time"
)

// Call is the record of one request for an answer that reached the simulator,
// those with a wrong key included. Requests that are no valid ones (bad JSON,
// unknown model) are answered but not recorded.
type Call struct {
	// Seq is the order of arrival, from 1.
	Seq int
	// At is when the request had been read, by the server's clock.
	At time.Time
	// Took is the time from At to the end of the reply; 0 while Open.
	Took time.Duration
	// API is the wire format of the call.
	API API
	// Model and Tenant are as the request named them.
	Model, Tenant string
	// Key is the [KeyName] of the API key.
	Key string
	// Document is the [DocumentHash] of the prompt.
	Document string
	// Number counts the calls of this model, tenant and document, from 1.
	Number int
	// Answer is the kind of reply, such as "good", "rate_limit" or "hang".
	Answer string
	// Status is the HTTP status of the reply, also when it never left.
	Status int
	// BytesIn and BytesOut are the sizes of the request's body and of what was
	// sent of the reply's body.
	BytesIn, BytesOut int
	// ClientGone is true when the caller closed the connection before the
	// reply was complete.
	ClientGone bool
	// Open is true while the reply is not complete.
	Open bool
	// Bill is what a provider would charge for the call.
	Bill Bill
}

// Bill is what calls cost. Errors cost nothing. An answer costs its input and
// output also when its connection broke or its reader went away meanwhile,
// and a call that hangs costs its input: providers charge for work, not for
// delivery.
type Bill struct {
	// InputTokens and OutputTokens count four bytes of text as a token.
	InputTokens, OutputTokens int
	// CostMicroUSD is in millionths of a US dollar, rounded down for each call.
	CostMicroUSD int64
}

func (b Bill) plus(o Bill) Bill {
	return Bill{b.InputTokens + o.InputTokens, b.OutputTokens + o.OutputTokens, b.CostMicroUSD + o.CostMicroUSD}
}

// Calls returns the latest calls in order of arrival, at most Config.KeepCalls
// of them. Calls in progress are among them.
func (s *Server) Calls() []Call {
	s.mu.Lock()
	defer s.mu.Unlock()
	out := make([]Call, 0, len(s.log.ring))
	for i := range s.log.ring {
		out = append(out, *s.log.ring[(s.log.next+i)%len(s.log.ring)])
	}
	return out
}

// Count returns how many calls for model arrived; with "" those for all models.
func (s *Server) Count(model string) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.log.total(model).count
}

// Bill returns the sum of the bills of model's calls; with "" of all calls.
func (s *Server) Bill(model string) Bill {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.log.total(model).bill
}

// callLog numbers and keeps calls. The server's lock guards it.
type callLog struct {
	keepMax int
	seq     int
	ring    []*Call // of at most keepMax; oldest at next once it is full
	next    int
	numbers map[callKey]int
	keys    []callKey // those in numbers, oldest at oldest once there are maxKeys
	oldest  int
	models  map[string]*modelTotal
}

type callKey struct{ model, tenant, document string }

type modelTotal struct {
	count  int
	bill   Bill
	limits limiter
}

func newCallLog(keep int) *callLog {
	return &callLog{keepMax: keep, numbers: map[callKey]int{}, models: map[string]*modelTotal{}}
}

// number gives c its numbers and returns its number among the calls of its
// model.
func (l *callLog) number(c *Call) int {
	key := callKey{c.Model, c.Tenant, c.Document}
	if _, known := l.numbers[key]; !known {
		l.remember(key)
	}
	l.numbers[key]++
	l.seq++
	c.Seq, c.Number = l.seq, l.numbers[key]
	t := l.modelTotal(c.Model)
	t.count++
	return t.count
}

// remember makes room for a new key.
func (l *callLog) remember(key callKey) {
	if len(l.keys) < maxKeys {
		l.keys = append(l.keys, key)
		return
	}
	delete(l.numbers, l.keys[l.oldest])
	l.keys[l.oldest] = key
	l.oldest = (l.oldest + 1) % maxKeys
}

// keep puts c into the ring. The ring holds c itself, so that its end shows.
func (l *callLog) keep(c *Call) {
	if len(l.ring) < l.keepMax {
		l.ring = append(l.ring, c)
		return
	}
	l.ring[l.next] = c
	l.next = (l.next + 1) % l.keepMax
}

func (l *callLog) modelTotal(model string) *modelTotal {
	t := l.models[model]
	if t == nil {
		if len(l.models) >= maxModels {
			model = ""
		}
		if t = l.models[model]; t == nil {
			t = &modelTotal{}
			l.models[model] = t
		}
	}
	return t
}

func (l *callLog) total(model string) modelTotal {
	if model != "" {
		if t := l.models[cutName(model)]; t != nil {
			return *t
		}
		return modelTotal{}
	}
	var sum modelTotal
	for _, t := range l.models {
		sum.count += t.count
		sum.bill = sum.bill.plus(t.bill)
	}
	return sum
}
