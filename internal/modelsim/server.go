package modelsim

import (
	"cmp"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"slices"
	"strconv"
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
	keys  []string
	log   *callLog
	start time.Time
}

// New returns a provider that follows cfg.
func New(cfg Config) *Server {
	cfg = cfg.WithDefaults()
	s := &Server{
		cfg: cfg, mux: http.NewServeMux(), words: newLexicon(),
		rules: cfg.Rules, keys: cfg.APIKeys, log: newCallLog(cfg.KeepCalls), start: cfg.Now(),
	}
	s.mux.HandleFunc("POST /v1/chat/completions", s.complete(ChatCompletions))
	s.mux.HandleFunc("POST /v1/messages", s.complete(Messages))
	s.mux.HandleFunc("GET /v1/models", s.listModels)
	s.mux.HandleFunc("/", func(w http.ResponseWriter, _ *http.Request) {
		writeError(w, ChatCompletions, http.StatusNotFound, "", "Unknown request URL.")
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

// SetAPIKeys replaces the keys that are let in from now on; none lets every
// caller in.
func (s *Server) SetAPIKeys(keys ...string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.keys = keys
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

// complete answers one call of an API.
func (s *Server) complete(a API) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, s.cfg.MaxBody))
		if tooLarge := (*http.MaxBytesError)(nil); errors.As(err, &tooLarge) {
			writeError(w, a, http.StatusRequestEntityTooLarge, "", "The request is larger than "+strconv.FormatInt(tooLarge.Limit, 10)+" bytes.")
			return
		}
		if err != nil {
			return // the caller went away while sending
		}
		if a == Messages && r.Header.Get("Anthropic-Version") == "" {
			writeError(w, a, http.StatusBadRequest, "", "anthropic-version: header is required")
			return
		}
		req, err := a.parse(body)
		if err != nil {
			writeError(w, a, http.StatusBadRequest, "", err.Error())
			return
		}
		model, known := s.cfg.model(req.model)
		if !known {
			writeError(w, a, http.StatusNotFound, "model_not_found", "The model does not exist.")
			return
		}
		s.arrive(r, req, body, model).answer(w, r, req, model)
	}
}

// letsIn reports whether a key is one of those that are let in.
func letsIn(keys []string, key string) bool { return len(keys) == 0 || slices.Contains(keys, key) }

// tenant names the tenant of a request.
func (s *Server) tenant(r *http.Request, req request) string {
	return cmp.Or(r.Header.Get(s.cfg.TenantHeader), s.cfg.Tenants[req.api.key(r.Header)], req.user)
}

// arrive numbers and records a call and chooses its reply: by its key, by the
// limits of the model, by the script.
func (s *Server) arrive(r *http.Request, req request, body []byte, model Model) *exchange {
	key := req.api.key(r.Header)
	call := Call{
		At: s.cfg.Now(), API: req.api, Model: cutName(req.model), Tenant: cutName(s.tenant(r, req)),
		Key: KeyName(key), Document: DocumentHash(req.prompt()), BytesIn: len(body), Open: true,
	}
	e := &exchange{server: s, call: &call}
	s.mu.Lock()
	e.log = s.log
	modelNumber := e.log.number(&call)
	e.reply = choose(s.cfg.Seed, s.rules, arrival{
		api: call.API, model: call.Model, tenant: call.Tenant, document: call.Document, key: call.Key,
		number: call.Number, modelNumber: modelNumber, body: string(body), since: call.At.Sub(s.start),
	})
	if !letsIn(s.keys, key) {
		e.reply = BadKey()
	} else if over, refused := e.log.modelTotal(call.Model).limits.refuse(model, req.inputTokens()+max(req.limit, 0), call.At); refused {
		e.reply = over
	} else {
		e.admitted = true
	}
	e.reply = e.reply.on(req.api)
	call.Answer, call.Status = e.reply.kind(), e.reply.status()
	e.log.keep(&call)
	first := call
	s.mu.Unlock()
	s.cfg.Events.Arrived(first)
	return e
}

func writeError(w http.ResponseWriter, a API, status int, code, message string) {
	r := a.failure(status, code, message)
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_, _ = io.WriteString(w, r.Body)
}

func writeJSON(w http.ResponseWriter, status int, v any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(v)
}
