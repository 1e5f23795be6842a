package modelsim

import (
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"
)

// Server is the simulated provider. It is an [http.Handler]; [Server.Listen] and
// [Server.Pipe] also serve it. All methods may be called at any time from any
// goroutine.
type Server struct {
	cfg   Config
	mux   *http.ServeMux
	words *lexicon

	mu    sync.Mutex
	rules []Rule
	log   *callLog
	start time.Time
}

// New returns a provider that follows cfg.
func New(cfg Config) *Server {
	cfg = cfg.WithDefaults()
	s := &Server{
		cfg: cfg, mux: http.NewServeMux(), words: newLexicon(),
		rules: cfg.Rules, log: newCallLog(cfg.KeepCalls), start: cfg.Now(),
	}
	s.mux.HandleFunc("POST /v1/chat/completions", s.complete)
	s.mux.HandleFunc("GET /v1/models", s.listModels)
	s.mux.HandleFunc("/", func(w http.ResponseWriter, _ *http.Request) {
		writeError(w, http.StatusNotFound, "", "Unknown request URL.")
	})
	return s
}

// ServeHTTP answers one request.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) { s.mux.ServeHTTP(w, r) }

// SetRules replaces the script for the calls that arrive from now on. Call
// numbers and During go on.
func (s *Server) SetRules(rules ...Rule) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.rules = rules
}

// Reset forgets all calls, counts and bills and starts the time of During anew.
// The script stays. Calls in progress are not recorded any more.
func (s *Server) Reset() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.log = newCallLog(s.cfg.KeepCalls)
	s.start = s.cfg.Now()
}

func (s *Server) listModels(w http.ResponseWriter, _ *http.Request) {
	type entry struct {
		ID      string `json:"id"`
		Object  string `json:"object"`
		OwnedBy string `json:"owned_by"`
	}
	data := make([]entry, 0, len(s.cfg.Models))
	for _, m := range s.cfg.Models {
		data = append(data, entry{m.Name, "model", "modelsim"})
	}
	writeJSON(w, http.StatusOK, map[string]any{"object": "list", "data": data})
}

// complete answers one chat completion.
func (s *Server) complete(w http.ResponseWriter, r *http.Request) {
	if !s.letsIn(r) {
		writeError(w, http.StatusUnauthorized, "invalid_api_key", "Incorrect API key provided.")
		return
	}
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, s.cfg.MaxBody))
	if tooLarge := (*http.MaxBytesError)(nil); errors.As(err, &tooLarge) {
		writeError(w, http.StatusRequestEntityTooLarge, "", "The request is larger than "+strconv.FormatInt(tooLarge.Limit, 10)+" bytes.")
		return
	}
	if err != nil {
		return // the caller went away while sending
	}
	req, err := parseRequest(body)
	if err != nil {
		writeError(w, http.StatusBadRequest, "", err.Error())
		return
	}
	model, known := s.cfg.model(req.Model)
	if !known {
		writeError(w, http.StatusNotFound, "model_not_found", "The model does not exist.")
		return
	}
	c := s.arrive(r, req, body)
	c.answer(w, r, req, model)
}

// letsIn reports whether the caller's key is one of the configured ones.
func (s *Server) letsIn(r *http.Request) bool {
	if len(s.cfg.APIKeys) == 0 {
		return true
	}
	key, ok := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
	for _, k := range s.cfg.APIKeys {
		if ok && k == key {
			return true
		}
	}
	return false
}

// arrive numbers and records a call and chooses its reply.
func (s *Server) arrive(r *http.Request, req request, body []byte) *exchange {
	tenant := r.Header.Get(s.cfg.TenantHeader)
	if tenant == "" {
		tenant = req.User
	}
	call := Call{
		At: s.cfg.Now(), Model: cutName(req.Model), Tenant: cutName(tenant),
		Document: DocumentHash(req.prompt()), BytesIn: len(body), Open: true,
	}
	s.mu.Lock()
	log, rules, since := s.log, s.rules, call.At.Sub(s.start)
	modelNumber := log.number(&call)
	reply := choose(s.cfg.Seed, rules, arrival{
		model: call.Model, tenant: call.Tenant, document: call.Document,
		number: call.Number, modelNumber: modelNumber, body: string(body), since: since,
	})
	call.Answer, call.Status = reply.kind(), reply.status()
	log.keep(&call)
	first := call
	s.mu.Unlock()
	s.cfg.Events.Arrived(first)
	return &exchange{server: s, log: log, call: &call, reply: reply}
}

func writeError(w http.ResponseWriter, status int, code, message string) {
	r := OpenAIError(status, "invalid_request_error", code, message)
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_, _ = io.WriteString(w, r.Body)
}

func writeJSON(w http.ResponseWriter, status int, v any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(v)
}
