package httpapi

import (
	"crypto/rand"
	"io"
	"net"
	"net/http"
	"net/netip"
	pathpkg "path"
	"runtime/debug"
	"strings"
	"time"
)

const requestIDHeader = "X-Request-Id"

// Handler is the API as a handler: what holds for every request, around the
// routes.
func (s *Server) Handler() http.Handler {
	cross := http.NewCrossOriginProtection()
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		started := s.deps.Now()
		s.setDeadlines(w, r)
		x := &exchange{ResponseWriter: w, id: "req_" + rand.Text()}
		// The server must find its own body in its own request: by it, it
		// knows to linger when it closes, so that a client that still sends
		// gets its answer.
		in := &countingBody{ReadCloser: r.Body}
		r = r.WithContext(r.Context())
		r.Body = in
		x.Header().Set(requestIDHeader, x.id)
		x.Header().Set("Cache-Control", "no-store")
		x.Header().Set("X-Content-Type-Options", "nosniff")
		// The server takes the chunks and ignores the length when a request
		// has both, and what is left over would be taken for the next
		// request. So a connection that carried chunks carries nothing else.
		if r.ProtoMajor == 1 && len(r.TransferEncoding) > 0 {
			x.Header().Set("Connection", "close")
		}
		defer func() {
			s.deps.Events.request(RequestDone{
				ID: x.id, Method: knownMethod(r.Method), Route: x.route, Tenant: x.tenant, Status: x.status, Code: x.code,
				Duration: s.deps.Now().Sub(started), BytesIn: in.read, BytesOut: x.written,
			})
		}()
		defer s.recovered(x)
		switch {
		case s.cfg.Loopback && s.keys.open && !loopbackHost(r.Host):
			x.refuse(problem(CodeMisdirected, "Without API keys the server answers to localhost only."))
		case cross.Check(r) != nil:
			x.refuse(problem(CodeCrossOrigin, "Requests that change something must not come from a page of another origin."))
		default:
			s.route(x, r)
		}
	})
}

// setDeadlines lifts the deadline of the answer before on this connection, and
// sets one for the body, which stands until the body was read whole: also what
// no route asks for is read by the server, to find the next request.
func (s *Server) setDeadlines(w http.ResponseWriter, r *http.Request) {
	control := http.NewResponseController(w)
	// A writer without deadlines is one of a test.
	_ = control.SetWriteDeadline(time.Time{})
	if r.ContentLength != 0 {
		_ = control.SetReadDeadline(time.Now().Add(s.cfg.BodyGrace))
	}
}

// route hands the request to its route, or says that there is none. The mux
// itself would answer in plain text, and redirect paths that are not clean.
func (s *Server) route(x *exchange, r *http.Request) {
	if r.URL.Path == "" || pathpkg.Clean(r.URL.Path) != r.URL.Path {
		x.refuse(problem(CodeRouteNotFound, "See /openapi.json for the routes."))
		return
	}
	handler, pattern := s.mux.Handler(r)
	if pattern != "" {
		x.route = pattern
		s.mux.ServeHTTP(x, r)
		return
	}
	probe := &headerProbe{header: http.Header{}}
	handler.ServeHTTP(probe, r)
	if probe.status != http.StatusMethodNotAllowed {
		x.refuse(problem(CodeRouteNotFound, "See /openapi.json for the routes."))
		return
	}
	p := problem(CodeMethodNotAllowed, "The header Allow lists the methods.")
	p.allow = probe.header.Get("Allow")
	x.refuse(p)
}

// recovered answers a panic. Once an answer has begun, the connection is cut,
// so that half an answer is not taken for a whole one.
func (s *Server) recovered(x *exchange) {
	v := recover()
	if v == nil {
		return
	}
	if v == http.ErrAbortHandler { //nolint:errorlint // the sentinel is never wrapped
		panic(v)
	}
	s.deps.Events.panicked(x.id, debug.Stack())
	if x.status != 0 {
		panic(http.ErrAbortHandler)
	}
	x.refuse(problem(CodeInternal, "The error was recorded under the request id."))
}

// exchange is one request's answer under way.
type exchange struct {
	http.ResponseWriter
	id      string
	route   string
	tenant  string
	code    Code
	status  int
	written int64
}

// Unwrap lets [http.ResponseController] reach the connection.
func (x *exchange) Unwrap() http.ResponseWriter { return x.ResponseWriter }

// WriteHeader begins the answer. From here on a client that does not read it
// has a limited time.
func (x *exchange) WriteHeader(status int) {
	if x.status != 0 {
		return
	}
	x.status = status
	// A writer without deadlines is one of a test.
	_ = http.NewResponseController(x.ResponseWriter).SetWriteDeadline(time.Now().Add(writeTimeout))
	x.ResponseWriter.WriteHeader(status)
}

func (x *exchange) Write(p []byte) (int, error) {
	if x.status == 0 {
		x.WriteHeader(http.StatusOK)
	}
	n, err := x.ResponseWriter.Write(p)
	x.written += int64(n)
	return n, err
}

func (x *exchange) refuse(p *Problem) {
	x.code = p.Code
	writeProblem(x, p)
}

// countingBody counts what is read of a request's body.
type countingBody struct {
	io.ReadCloser
	read int64
}

func (b *countingBody) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	b.read += int64(n)
	return n, err
}

// headerProbe takes an answer's status and header and drops the rest.
type headerProbe struct {
	header http.Header
	status int
}

func (h *headerProbe) Header() http.Header         { return h.header }
func (h *headerProbe) Write(p []byte) (int, error) { return len(p), nil }
func (h *headerProbe) WriteHeader(status int)      { h.status = status }

// knownMethod keeps the words of strangers out of metrics.
func knownMethod(m string) string {
	switch m {
	case http.MethodGet, http.MethodHead, http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete, http.MethodOptions:
		return m
	default:
		return "other"
	}
}

// loopbackHost reports whether a Host header names this machine's loopback.
func loopbackHost(host string) bool {
	if name, _, err := net.SplitHostPort(host); err == nil {
		host = name
	}
	host = strings.TrimSuffix(strings.ToLower(host), ".")
	if host == "localhost" || strings.HasSuffix(host, ".localhost") {
		return true
	}
	ip, err := netip.ParseAddr(strings.Trim(host, "[]"))
	return err == nil && ip.Unmap().IsLoopback()
}
