package httpapi

import (
	"net/http"

	"github.com/sluicehq/sluice/pkg/backpressure"
)

// Code names a kind of problem. Programs act on it, never on the sentences
// beside it.
type Code string

// The codes. docs/problems.md explains each.
const (
	CodeMalformedJSON      Code = "malformed_json"
	CodeMalformedMultipart Code = "malformed_multipart"
	CodeMalformedBody      Code = "malformed_body"
	CodeMalformedHeader    Code = "malformed_header"
	CodeUnauthorized       Code = "unauthorized"
	CodeLaneNotAllowed     Code = "lane_not_allowed"
	CodeOperatorOnly       Code = "operator_only"
	CodeCrossOrigin        Code = "cross_origin"
	CodeNotFound           Code = "not_found"
	CodeTenantNotFound     Code = "tenant_not_found"
	CodeOperationNotFound  Code = "operation_not_found"
	CodeRouteNotFound      Code = "route_not_found"
	CodeMethodNotAllowed   Code = "method_not_allowed"
	CodeRequestTimeout     Code = "request_timeout"
	CodeJobNotFinished     Code = "job_not_finished"
	CodeJobWithoutResult   Code = "job_without_result"
	CodeStateConflict      Code = "state_conflict"
	CodeTenantConflict     Code = "tenant_conflict"
	CodeOperationConflict  Code = "operation_conflict"
	CodeErased             Code = "erased"
	CodeBodyTooLarge       Code = "body_too_large"
	CodeDocumentTooLarge   Code = "document_too_large"
	CodeUnsupportedMedia   Code = "unsupported_media_type"
	CodeContentEncoding    Code = "content_encoding_refused"
	CodeUnsupportedType    Code = "unsupported_type"
	CodeMisdirected        Code = "misdirected_request"

	CodeInvalidRequest       Code = "invalid_request"
	CodeInvalidParameter     Code = "invalid_parameter"
	CodeUnknownSchema        Code = "unknown_schema"
	CodeInvalidSchema        Code = "invalid_schema"
	CodeInvalidData          Code = "invalid_data"
	CodeKeyReused            Code = "idempotency_key_reused"
	CodeDocumentEmpty        Code = "document_empty"
	CodeDocumentEncrypted    Code = "document_encrypted"
	CodeDocumentCorrupt      Code = "document_corrupt"
	CodeTooManyPages         Code = "too_many_pages"
	CodeDocumentRefused      Code = "document_refused"
	CodeDeadlineUnachievable      = Code(backpressure.DeadlineUnachievable)

	CodeSelectionTooLarge Code = "selection_too_large"

	CodeTooManyOperations Code = "too_many_operations"
	CodeTenantQueueFull        = Code(backpressure.TenantQueueFull)
	CodeRateLimited            = Code(backpressure.RateLimited)
	CodeBudgetExhausted        = Code(backpressure.BudgetExhausted)
	CodeTenantPaused           = Code(backpressure.TenantPaused)

	CodeInternal          Code = "internal"
	CodeLaneShed               = Code(backpressure.LaneShed)
	CodeDraining               = Code(backpressure.Draining)
	CodeEngineUnavailable      = Code(backpressure.EngineUnavailable)
	CodeEngineFull        Code = "engine_full"
	CodeIntakeBusy        Code = "intake_busy"
)

// ProblemKind is a row of the table of problems.
type ProblemKind struct {
	Code   Code
	Status int
	Title  string
	// Retryable is true when the same request may succeed later.
	Retryable bool
}

// Problems is the one table from codes to statuses, in the order of statuses.
func Problems() []ProblemKind {
	const busy, ours = http.StatusTooManyRequests, http.StatusServiceUnavailable
	return []ProblemKind{
		{CodeMalformedJSON, http.StatusBadRequest, "The JSON is malformed", false},
		{CodeMalformedMultipart, http.StatusBadRequest, "The multipart body is malformed", false},
		{CodeMalformedBody, http.StatusBadRequest, "The request body broke off or is malformed", false},
		{CodeMalformedHeader, http.StatusBadRequest, "A header is malformed", false},
		{CodeUnauthorized, http.StatusUnauthorized, "A valid API key is needed", false},
		{CodeLaneNotAllowed, http.StatusForbidden, "The key may not use this lane", false},
		{CodeOperatorOnly, http.StatusForbidden, "Only an operator's key may do this", false},
		{CodeCrossOrigin, http.StatusForbidden, "A browser sent this from another origin", false},
		{CodeNotFound, http.StatusNotFound, "There is no such job", false},
		{CodeTenantNotFound, http.StatusNotFound, "There is no such tenant", false},
		{CodeOperationNotFound, http.StatusNotFound, "There is no such operation", false},
		{CodeRouteNotFound, http.StatusNotFound, "There is no such route", false},
		{CodeMethodNotAllowed, http.StatusMethodNotAllowed, "The route does not take this method", false},
		{CodeRequestTimeout, http.StatusRequestTimeout, "The request body came too slowly", true},
		{CodeJobNotFinished, http.StatusConflict, "The job has not finished", true},
		{CodeJobWithoutResult, http.StatusConflict, "The job ended without a result", false},
		{CodeStateConflict, http.StatusConflict, "The job's state or version does not allow this", false},
		{CodeTenantConflict, http.StatusConflict, "The tenant does not allow this", false},
		{CodeOperationConflict, http.StatusConflict, "The operation's state does not allow this", false},
		{CodeErased, http.StatusGone, "The job's document and result were erased", false},
		{CodeBodyTooLarge, http.StatusRequestEntityTooLarge, "The request body is too large", false},
		{CodeDocumentTooLarge, http.StatusRequestEntityTooLarge, "The document is too large", false},
		{CodeUnsupportedMedia, http.StatusUnsupportedMediaType, "The Content-Type is not supported", false},
		{CodeContentEncoding, http.StatusUnsupportedMediaType, "Encoded bodies are not supported", false},
		{CodeUnsupportedType, http.StatusUnsupportedMediaType, "This type of document is not supported", false},
		{CodeMisdirected, http.StatusMisdirectedRequest, "The Host header names another host", false},
		{CodeInvalidRequest, http.StatusUnprocessableEntity, "The request is not valid", false},
		{CodeInvalidParameter, http.StatusUnprocessableEntity, "A query parameter is not valid", false},
		{CodeUnknownSchema, http.StatusUnprocessableEntity, "There is no such schema", false},
		{CodeInvalidSchema, http.StatusUnprocessableEntity, "The schema is not usable", false},
		{CodeInvalidData, http.StatusUnprocessableEntity, "The data does not fit the job's schema", false},
		{CodeKeyReused, http.StatusUnprocessableEntity, "The idempotency key was used with another request", false},
		{CodeDocumentEmpty, http.StatusUnprocessableEntity, "The document is empty", false},
		{CodeDocumentEncrypted, http.StatusUnprocessableEntity, "The document is encrypted", false},
		{CodeDocumentCorrupt, http.StatusUnprocessableEntity, "The document is damaged", false},
		{CodeTooManyPages, http.StatusUnprocessableEntity, "The document has too many pages", false},
		{CodeDocumentRefused, http.StatusUnprocessableEntity, "The document cannot be read", false},
		{CodeDeadlineUnachievable, http.StatusUnprocessableEntity, "The deadline is shorter than the wait", false},
		{CodeSelectionTooLarge, http.StatusUnprocessableEntity, "The filter selects too many jobs", false},
		{CodeTooManyOperations, busy, "You have too many open operations", true},
		{CodeTenantQueueFull, busy, "Your share of the queue is full", true},
		{CodeRateLimited, busy, "You send faster than your rate", true},
		{CodeBudgetExhausted, busy, "Your money for today is spent", true},
		{CodeTenantPaused, busy, "You are paused", true},
		{CodeInternal, http.StatusInternalServerError, "Something went wrong on our side", true},
		{CodeLaneShed, ours, "The lane takes nothing in now", true},
		{CodeDraining, ours, "The server is stopping", true},
		{CodeEngineUnavailable, ours, "The job store cannot be written now", true},
		{CodeEngineFull, ours, "The job store is full", true},
		{CodeIntakeBusy, ours, "Too many bytes are being received", true},
	}
}

// faultCode is the code for a document fault's class.
func faultCode(class string) Code {
	switch class {
	case "empty":
		return CodeDocumentEmpty
	case "encrypted":
		return CodeDocumentEncrypted
	case "corrupt":
		return CodeDocumentCorrupt
	case "too_large":
		return CodeDocumentTooLarge
	case "too_many_pages":
		return CodeTooManyPages
	case "unsupported_type":
		return CodeUnsupportedType
	default:
		return CodeDocumentRefused
	}
}
