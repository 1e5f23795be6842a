package httpapi

import (
	"net/http"
	"strings"
)

// jsonSlack is what a JSON submission may have beside its document.
const jsonSlack = 256 << 10

// upload is a submission as it came in. Its memory is paid for until release.
type upload struct {
	options  options
	document []byte
	lease    *lease
}

func (u *upload) release() { u.lease.release() }

// receive reads a submission: multipart with the parts document and options,
// or JSON. The caller must release the upload, and gets none with a problem.
func (s *Server) receive(w http.ResponseWriter, r *http.Request) (*upload, *Problem) {
	media, params, p := mediaType(r.Header)
	if p != nil {
		return nil, p
	}
	u := &upload{lease: s.budget.lease()}
	switch media {
	case "multipart/form-data":
		p = s.receiveForm(w, r, params["boundary"], u)
	case "application/json":
		p = s.receiveJSON(w, r, params["charset"], u)
	default:
		p = problem(CodeUnsupportedMedia, "Send multipart/form-data or application/json.")
	}
	if p == nil && int64(len(u.document)) > s.cfg.MaxDocumentBytes {
		p = tooLong(partDocument, s.cfg.MaxDocumentBytes)
	}
	if p != nil {
		u.release()
		return nil, p
	}
	return u, nil
}

func (s *Server) receiveForm(w http.ResponseWriter, r *http.Request, boundary string, u *upload) *Problem {
	limit := s.cfg.MaxDocumentBytes + multipartSlack
	if r.ContentLength > limit {
		return tooLong(partDocument, s.cfg.MaxDocumentBytes)
	}
	f, p := readForm(s.newBody(w, r, limit), boundary, s.cfg.MaxDocumentBytes, u.lease)
	if p != nil {
		return p
	}
	if !f.hasDocument {
		return problem(CodeInvalidRequest, "The part document is missing.").at("/"+partDocument, "is missing")
	}
	if !f.hasOptions {
		return problem(CodeInvalidRequest, "The part options is missing.").at("/"+partOptions, "is missing").
			suggest(`add the part options, such as {"schema":"invoice"}`)
	}
	u.document = f.document
	u.options, p = decodeOptions(f.options)
	return p
}

func (s *Server) receiveJSON(w http.ResponseWriter, r *http.Request, charset string, u *upload) *Problem {
	// Base64 makes four bytes of three.
	data, p := s.readJSON(w, r, charset, s.cfg.MaxDocumentBytes/3*4+jsonSlack, u.lease)
	if p != nil {
		return p
	}
	u.options, u.document, p = decodeSubmission(data, u.lease)
	u.lease.shrink(int64(cap(data)))
	return p
}

// readJSON reads a JSON body of at most limit bytes into memory that l pays
// for.
func (s *Server) readJSON(w http.ResponseWriter, r *http.Request, charset string, limit int64, l *lease) ([]byte, *Problem) {
	if charset != "" && !strings.EqualFold(charset, "utf-8") {
		return nil, problem(CodeUnsupportedMedia, "JSON is read as UTF-8.")
	}
	if r.ContentLength > limit {
		return nil, problem(CodeBodyTooLarge, "The limit is %d bytes.", limit)
	}
	data, err := readAll(s.newBody(w, r, limit), r.ContentLength, limit, l)
	if err != nil {
		return nil, bodyProblem(err, limit)
	}
	return data, nil
}
