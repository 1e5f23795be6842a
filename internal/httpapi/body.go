package httpapi

import (
	"errors"
	"io"
	"mime"
	"net"
	"net/http"
	"strings"
	"time"
)

const (
	// minBodyRate is the slowest pace of a body once [Config].BodyGrace is
	// over, in bytes a second.
	minBodyRate = 32 << 10
	// A body is read into a buffer of what was declared, within these bounds,
	// which doubles from there: a declared length reserves little.
	minBuffer = 4 << 10
	maxBuffer = 64 << 10
)

// body reads a request's body within limits of size, time and memory.
type body struct {
	r       io.Reader
	control *http.ResponseController
	grace   time.Duration
	started time.Time
	allowed time.Duration // since started, as the deadline is set
	read    int64
}

// newBody bounds r's body to limit bytes.
func (s *Server) newBody(w http.ResponseWriter, r *http.Request, limit int64) *body {
	server := w
	if x, ok := w.(*exchange); ok {
		server = x.ResponseWriter // which must be told of a limit that was hit
	}
	// Deadlines of sockets are by the real clock.
	return &body{
		r: http.MaxBytesReader(server, r.Body, limit), control: http.NewResponseController(w),
		grace: s.cfg.BodyGrace, started: time.Now(), allowed: s.cfg.BodyGrace,
	}
}

// Read moves the deadline on as bytes arrive, to the second: a body that
// trickles ends. The server lifts the deadline when the body has ended, and not
// before: what no route reads, it reads itself.
func (b *body) Read(p []byte) (int, error) {
	n, err := b.r.Read(p)
	b.read += int64(n)
	allowed := b.grace + time.Duration(float64(b.read)/minBodyRate*float64(time.Second))
	if err == nil && allowed >= b.allowed+time.Second {
		b.allowed = allowed
		// A writer that has no deadlines is one of a test.
		_ = b.control.SetReadDeadline(b.started.Add(allowed))
	}
	return n, err
}

// errTooLong marks a part that is longer than its limit.
var errTooLong = errors.New("longer than the limit")

// readAll reads r to its end, at most limit bytes, into memory that l pays
// for. declared is how many there should be, -1 if nobody said.
func readAll(r io.Reader, declared, limit int64, l *lease) ([]byte, error) {
	size := min(max(declared+1, minBuffer), maxBuffer, limit+1)
	if err := l.grow(size); err != nil {
		return nil, err
	}
	buf := make([]byte, 0, size)
	for {
		n, err := r.Read(buf[len(buf):cap(buf)])
		buf = buf[:len(buf)+n]
		switch {
		case int64(len(buf)) > limit:
			return nil, errTooLong
		case err == io.EOF:
			return buf, nil
		case err != nil:
			return nil, err
		}
		if len(buf) < cap(buf) {
			continue
		}
		old := int64(cap(buf))
		size := min(2*old, limit+1)
		if err := l.grow(size); err != nil {
			return nil, err
		}
		bigger := make([]byte, len(buf), size)
		copy(bigger, buf)
		buf = bigger
		l.shrink(old)
	}
}

// bodyProblem turns an error from reading a body into a problem. limit is the
// whole body's.
func bodyProblem(err error, limit int64) *Problem {
	var tooLarge *http.MaxBytesError
	var timeout net.Error
	switch {
	case errors.Is(err, errBusy):
		return problem(CodeIntakeBusy, "The server is receiving as many bytes as it has memory for.").after(time.Second)
	case errors.As(err, &tooLarge), errors.Is(err, errTooLong):
		return problem(CodeBodyTooLarge, "The limit is %d bytes.", limit)
	case errors.As(err, &timeout) && timeout.Timeout():
		return problem(CodeRequestTimeout, "The body must come at %d bytes a second or faster.", minBodyRate)
	default:
		return problem(CodeMalformedBody, "The body ended too soon or its framing is wrong.")
	}
}

// mediaType is the request's Content-Type without parameters, and the
// parameters.
func mediaType(h http.Header) (string, map[string]string, *Problem) {
	if values := h.Values("Content-Encoding"); len(values) > 1 || len(values) == 1 && !strings.EqualFold(values[0], "identity") {
		return "", nil, problem(CodeContentEncoding, "Send the body as it is, without Content-Encoding.")
	}
	values := h.Values("Content-Type")
	if len(values) > 1 {
		return "", nil, problem(CodeMalformedHeader, "The header is there more than once.").at("Content-Type", "more than one value")
	}
	media, params, err := mime.ParseMediaType(strings.Join(values, ""))
	if err != nil {
		return "", nil, problem(CodeUnsupportedMedia, "The Content-Type is missing or malformed.")
	}
	return media, params, nil
}
