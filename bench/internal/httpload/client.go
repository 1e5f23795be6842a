//go:build linux

// Package httpload posts jobs to an API with as little work of its own as can
// be: on a machine with few processors a full HTTP client would take as much of
// them as the server that is measured.
package httpload

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"strconv"
	"sync"
	"time"
)

// Request is the POST that is sent again and again.
type Request struct {
	Addr string
	Key  string
	// Document is the text of every job's document.
	Document string
	// Wait asks for the answer when the job has ended; 0 for at once.
	Wait time.Duration
}

// bytes writes the request down.
func (r Request) bytes() ([]byte, error) {
	body, err := json.Marshal(map[string]any{"schema": "invoice", "document": map[string]string{"text": r.Document}})
	if err != nil {
		return nil, err
	}
	var b bytes.Buffer
	fmt.Fprintf(&b, "POST /v1/jobs HTTP/1.1\r\nHost: %s\r\nAuthorization: Bearer %s\r\nContent-Type: application/json\r\nContent-Length: %d\r\n",
		r.Addr, r.Key, len(body))
	if r.Wait > 0 {
		fmt.Fprintf(&b, "Prefer: wait=%d\r\n", int(r.Wait/time.Second))
	}
	b.WriteString("\r\n")
	b.Write(body)
	return b.Bytes(), nil
}

// Client sends one request over connections that it keeps. It is safe for
// concurrent use.
type Client struct {
	addr    string
	request []byte

	mu   sync.Mutex
	idle []*conn
}

// conn is one kept connection.
type conn struct {
	net.Conn
	r *bufio.Reader
}

// New makes a client.
func New(r Request) (*Client, error) {
	b, err := r.bytes()
	if err != nil {
		return nil, err
	}
	return &Client{addr: r.Addr, request: b}, nil
}

// patience bounds one exchange.
const patience = 60 * time.Second

// Do sends the request and answers the status and the body.
func (c *Client) Do(ctx context.Context) (status int, body []byte, err error) {
	n, err := c.take(ctx)
	if err != nil {
		return 0, nil, err
	}
	status, body, err = n.exchange(c.request)
	if err != nil {
		return 0, nil, errors.Join(err, n.Close())
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.idle = append(c.idle, n)
	return status, body, nil
}

func (c *Client) take(ctx context.Context) (*conn, error) {
	c.mu.Lock()
	if last := len(c.idle) - 1; last >= 0 {
		n := c.idle[last]
		c.idle = c.idle[:last]
		c.mu.Unlock()
		return n, nil
	}
	c.mu.Unlock()
	var d net.Dialer
	n, err := d.DialContext(ctx, "tcp", c.addr)
	if err != nil {
		return nil, err
	}
	return &conn{n, bufio.NewReader(n)}, nil
}

// Close closes the connections.
func (c *Client) Close() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	var errs []error
	for _, n := range c.idle {
		errs = append(errs, n.Close())
	}
	c.idle = nil
	return errors.Join(errs...)
}

func (n *conn) exchange(request []byte) (status int, body []byte, err error) {
	if err := n.SetDeadline(time.Now().Add(patience)); err != nil {
		return 0, nil, err
	}
	if _, err := n.Write(request); err != nil {
		return 0, nil, err
	}
	return readAnswer(n.r)
}

// readAnswer reads an answer of either framing that Go's server uses.
func readAnswer(r *bufio.Reader) (status int, body []byte, err error) {
	line, err := readLine(r)
	if err != nil {
		return 0, nil, err
	}
	fields := bytes.Fields(line)
	if len(fields) < 2 || !bytes.HasPrefix(fields[0], []byte("HTTP/1.")) {
		return 0, nil, fmt.Errorf("the answer begins with %.40q", line)
	}
	if status, err = strconv.Atoi(string(fields[1])); err != nil {
		return 0, nil, fmt.Errorf("the answer begins with %.40q", line)
	}
	length, err := readHeader(r)
	if err != nil {
		return status, nil, fmt.Errorf("answer %d: %w", status, err)
	}
	if length == chunked {
		body, err = readChunks(r)
		return status, body, err
	}
	body = make([]byte, length)
	_, err = io.ReadFull(r, body)
	return status, body, err
}

// chunked stands for a body that comes in chunks.
const chunked = -1

// maxBody bounds an answer, in bytes.
const maxBody = 1 << 20

// readHeader reads the header and answers the body's length, or chunked.
func readHeader(r *bufio.Reader) (length int, err error) {
	const unknown = -2
	length = unknown
	for {
		line, err := readLine(r)
		if err != nil {
			return 0, err
		}
		if len(line) == 0 {
			break
		}
		name, value, _ := bytes.Cut(line, []byte(":"))
		switch value = bytes.TrimSpace(value); {
		case bytes.EqualFold(name, []byte("Content-Length")):
			if length, err = size(value, 10); err != nil {
				return 0, err
			}
		case bytes.EqualFold(name, []byte("Transfer-Encoding")) && string(value) == "chunked":
			length = chunked
		}
	}
	if length == unknown {
		return 0, errors.New("the body has no length")
	}
	return length, nil
}

// size reads the size of a body or a chunk.
func size(text []byte, base int) (int, error) {
	n, err := strconv.ParseUint(string(text), base, 31)
	if err != nil || n > maxBody {
		return 0, fmt.Errorf("a size of %.20q, want at most %d bytes", text, maxBody)
	}
	return int(n), nil //nolint:gosec // at most maxBody
}

// readChunks reads a body in chunks.
func readChunks(r *bufio.Reader) (body []byte, err error) {
	for {
		line, err := readLine(r)
		if err != nil {
			return nil, err
		}
		n, err := size(line, 16)
		if err != nil {
			return nil, err
		}
		if len(body)+n > maxBody {
			return nil, fmt.Errorf("the body has more than %d bytes", maxBody)
		}
		from := len(body)
		body = append(body, make([]byte, n)...)
		if _, err := io.ReadFull(r, body[from:]); err != nil {
			return nil, err
		}
		if end, err := readLine(r); err != nil || len(end) > 0 {
			return nil, fmt.Errorf("a chunk ends with %.20q: %w", end, err)
		}
		if n == 0 {
			return body, nil
		}
	}
}

// readLine reads a line without its end. It is overwritten by the next.
func readLine(r *bufio.Reader) ([]byte, error) {
	line, err := r.ReadSlice('\n')
	if err != nil {
		return nil, fmt.Errorf("read the answer: %w", err)
	}
	return bytes.TrimRight(line, "\r\n"), nil
}
