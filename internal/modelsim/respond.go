package modelsim

import (
	"context"
	"maps"
	"net"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"
)

// exchange is one call and the reply that was chosen for it.
type exchange struct {
	server *Server
	log    *callLog
	call   *Call
	reply  Reply
	// admitted is true for a call that counts against the model's limits.
	admitted bool
}

// answer gives the reply and closes the record.
func (e *exchange) answer(w http.ResponseWriter, r *http.Request, req request, model Model) {
	body, bill := e.body(req, model)
	sent, gone := 0, true
	finish := sync.OnceFunc(func() { e.finish(sent, gone, bill) })
	defer finish()

	setHeaders(w.Header(), e.reply, body)
	if e.reply.EarlyHeaders {
		w.WriteHeader(e.reply.status())
		flush(w)
	}
	if !e.wait(r.Context(), model) {
		return
	}
	if (e.reply.Reset || e.reply.End) && !e.reply.Cut {
		gone = false
		e.hangUp(r.Context())
	}
	if !e.reply.EarlyHeaders {
		w.WriteHeader(e.reply.status())
	}
	if e.reply.Cut {
		body = body[:len(body)/2]
	}
	// The record is closed before the last byte leaves, so that a caller who
	// has the whole reply finds the whole record.
	last := max(len(body)-1, 0)
	if sent = send(r.Context(), w, body[:last], e.reply.Drip); sent < last {
		return
	}
	sent, gone = len(body), false
	finish()
	_, _ = w.Write([]byte(body[last:]))
	if e.reply.Cut {
		flush(w)
		e.hangUp(r.Context())
	}
}

// hangUp closes the connection without another word: with a reset if the reply
// asks for one, else in order.
func (e *exchange) hangUp(ctx context.Context) {
	if c, ok := ctx.Value(connKey{}).(*net.TCPConn); ok && e.reply.Reset {
		_ = c.SetLinger(0) // closing a connection without linger time sends a reset
	}
	panic(http.ErrAbortHandler) // net/http's way to close the connection at once
}

// body is the whole body of the reply and what it costs.
func (e *exchange) body(req request, model Model) (string, Bill) {
	if e.reply.raw() {
		return e.reply.Body, Bill{}
	}
	in := req.inputTokens()
	if model.Window > 0 && in > model.Window {
		e.reply = TooLong().on(req.api)
		return e.reply.Body, Bill{}
	}
	if e.reply.Hang {
		return "", price(model, in, 0)
	}
	answer := e.complete(req, in)
	return answer.json(req.api), price(model, in, answer.outputTokens)
}

func price(m Model, in, out int) Bill {
	return Bill{in, out, (int64(in)*m.InputPrice + int64(out)*m.OutputPrice) / 1_000_000}
}

// wait lets the model's and the reply's time pass. It returns false when the
// caller went away or the server is closing.
func (e *exchange) wait(ctx context.Context, m Model) bool {
	if e.reply.Hang {
		<-ctx.Done()
		return false
	}
	if !e.admitted {
		return ctx.Err() == nil // a call that is turned away at the door never sees the model
	}
	return pause(ctx, m.Latency+e.reply.Delay)
}

func pause(ctx context.Context, d time.Duration) bool {
	if d <= 0 {
		return ctx.Err() == nil
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}

// finish completes the record.
func (e *exchange) finish(sent int, gone bool, bill Bill) {
	s := e.server
	s.mu.Lock()
	c := e.call
	c.Open, c.ClientGone, c.BytesOut, c.Bill = false, gone, sent, bill
	c.Answer, c.Status = e.reply.kind(), e.reply.status()
	c.Took = s.cfg.Now().Sub(c.At)
	t := e.log.modelTotal(c.Model)
	t.bill = t.bill.plus(bill)
	if e.admitted {
		t.limits.inFlight--
	}
	last := *c
	s.mu.Unlock()
	s.cfg.Events.Done(last)
}

func setHeaders(h http.Header, r Reply, body string) {
	h.Set("Content-Type", "application/json")
	if strings.HasPrefix(body, "<") {
		h.Set("Content-Type", "text/html; charset=utf-8")
	}
	if !r.Hang {
		h.Set("Content-Length", strconv.Itoa(len(body)))
	}
	for name, values := range r.Header {
		h[http.CanonicalHeaderKey(name)] = values
	}
}

// send writes body, dripping if asked to, and returns how much of it was
// written.
func send(ctx context.Context, w http.ResponseWriter, body string, drip time.Duration) int {
	if drip <= 0 {
		n, _ := w.Write([]byte(body))
		return n
	}
	for i := range len(body) {
		if _, err := w.Write([]byte{body[i]}); err != nil {
			return i
		}
		flush(w)
		if !pause(ctx, drip) {
			return i + 1
		}
	}
	return len(body)
}

func flush(w http.ResponseWriter) { _ = http.NewResponseController(w).Flush() }

// connKey is the context key under which an [Endpoint] keeps the connection.
type connKey struct{}

// complete builds the model's answer to req.
func (e *exchange) complete(req request, in int) completion {
	c := completion{
		reply: e.reply, id: e.call.Document[:16] + "-" + strconv.Itoa(e.call.Number), tool: req.tool,
		model: req.model, created: e.call.At.Unix(), finish: "stop", inputTokens: in,
	}
	if e.reply.ServedModel != "" {
		c.model = e.reply.ServedModel
	}
	switch {
	case e.reply.Refusal != "":
		c.outputTokens = tokens(e.reply.Refusal)
	case e.reply.NullContent, e.reply.NoChoices:
	case e.reply.Content != "":
		c.content = e.reply.Content
	default:
		honest := e.server.words.answerTo(req)
		maps.Copy(honest, e.reply.Set)
		c.content = e.reply.Spoil.apply(honest)
	}
	if limit := req.limit; limit > 0 && tokens(c.content) > limit {
		c.content = strings.ToValidUTF8(c.content[:limit*bytesPerToken], "")
		c.finish = "length"
	}
	c.outputTokens += tokens(c.content)
	if e.reply.FinishReason != "" {
		c.finish = e.reply.FinishReason
	}
	return c
}
