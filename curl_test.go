package sluice_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"mime/multipart"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// The commands of the README use curl, and the tests need nothing but Go. So the
// test binary plays curl when it is called by that name: the few options that
// the README and the examples use, and no other.

func TestMain(m *testing.M) {
	if filepath.Base(os.Args[0]) == "curl" {
		os.Exit(playCurl(os.Args[1:]))
	}
	os.Exit(m.Run())
}

// Exit codes of curl that scripts look at.
const (
	curlOK      = 0
	curlUsage   = 2
	curlConnect = 7
	curlHTTP    = 22
)

// transfer is what the options ask for.
type transfer struct {
	method, url, out, head, format string
	header                         http.Header
	form                           []string
	fail                           bool
	timeout                        time.Duration
}

func playCurl(args []string) int {
	t := transfer{header: http.Header{}, timeout: time.Minute}
	if err := t.read(args); err != nil {
		_, _ = fmt.Fprintln(os.Stderr, "curl:", err)
		return curlUsage
	}
	code, err := t.run()
	if err != nil {
		_, _ = fmt.Fprintln(os.Stderr, "curl:", err)
	}
	return code
}

func (t *transfer) read(args []string) error {
	for len(args) > 0 {
		arg := args[0]
		args = args[1:]
		switch arg {
		case "-s", "-S", "-sS", "-i":
			continue
		case "-f", "-fsS":
			t.fail = true
			continue
		}
		if !strings.HasPrefix(arg, "-") {
			t.url = arg
			continue
		}
		if len(args) == 0 {
			return fmt.Errorf("%s needs a value", arg)
		}
		if err := t.option(arg, args[0]); err != nil {
			return err
		}
		args = args[1:]
	}
	return nil
}

func (t *transfer) option(name, value string) error {
	switch name {
	case "-X":
		t.method = value
	case "-o":
		t.out = value
	case "-D":
		t.head = value
	case "-w":
		t.format = value
	case "-F":
		t.form = append(t.form, value)
	case "-H":
		key, text, ok := strings.Cut(value, ":")
		if !ok {
			return errors.New("a header needs a colon")
		}
		t.header.Set(key, strings.TrimSpace(text))
	case "--max-time":
		d, err := time.ParseDuration(value + "s")
		t.timeout = d
		return err
	default:
		return fmt.Errorf("option %s is not one of those the examples use", name)
	}
	return nil
}

func (t *transfer) run() (int, error) {
	body, err := t.body()
	if err != nil {
		return curlUsage, err
	}
	req, err := http.NewRequest(t.method, t.url, body)
	if err != nil {
		return curlUsage, err
	}
	req.Header = t.header
	client := http.Client{Timeout: t.timeout}
	answer, err := client.Do(req)
	if err != nil {
		if t.format != "" {
			fmt.Print("000")
		}
		return curlConnect, err
	}
	defer func() { _ = answer.Body.Close() }()
	if err := t.write(answer); err != nil {
		return 1, err
	}
	if t.fail && answer.StatusCode >= 400 {
		return curlHTTP, fmt.Errorf("status %d", answer.StatusCode)
	}
	return curlOK, nil
}

// body is the form, if there is one.
func (t *transfer) body() (io.Reader, error) {
	if len(t.form) == 0 {
		if t.method == "" {
			t.method = http.MethodGet
		}
		return nil, nil
	}
	if t.method == "" {
		t.method = http.MethodPost
	}
	var buf bytes.Buffer
	w := multipart.NewWriter(&buf)
	for _, field := range t.form {
		name, value, _ := strings.Cut(field, "=")
		path, isFile := strings.CutPrefix(value, "@")
		path, _, _ = strings.Cut(path, ";")
		if err := writeField(w, name, value, path, isFile); err != nil {
			return nil, err
		}
	}
	t.header.Set("Content-Type", w.FormDataContentType())
	return &buf, w.Close()
}

func writeField(w *multipart.Writer, name, value, path string, isFile bool) error {
	// curl reads "value" out of <file, too.
	if from, ok := strings.CutPrefix(value, "<"); ok {
		from, _, _ = strings.Cut(from, ";")
		text, err := os.ReadFile(from)
		if err != nil {
			return err
		}
		return w.WriteField(name, string(text))
	}
	if !isFile {
		text, _, _ := strings.Cut(value, ";type=")
		return w.WriteField(name, text)
	}
	data, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	part, err := w.CreateFormFile(name, filepath.Base(path))
	if err == nil {
		_, err = part.Write(data)
	}
	return err
}

func (t *transfer) write(answer *http.Response) error {
	out := os.Stdout
	if t.out != "" {
		f, err := os.Create(t.out)
		if err != nil {
			return err
		}
		defer func() { _ = f.Close() }()
		out = f
	}
	if t.head != "" {
		var head bytes.Buffer
		fmt.Fprintf(&head, "%s %s\r\n", answer.Proto, answer.Status)
		if err := answer.Header.Write(&head); err != nil {
			return err
		}
		if err := os.WriteFile(t.head, head.Bytes(), 0o600); err != nil {
			return err
		}
	}
	if _, err := io.Copy(out, answer.Body); err != nil {
		return err
	}
	if t.format != "" {
		fmt.Print(strings.ReplaceAll(t.format, "%{http_code}", fmt.Sprintf("%03d", answer.StatusCode)))
	}
	return nil
}
