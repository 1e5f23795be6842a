package jobs

import "errors"

// Error kinds. Engines wrap them; callers test them with errors.Is and act on
// the kind, never on the message.
var (
	// ErrInvalid marks an argument that no engine would take. The message
	// names the field and the limit and never repeats document text.
	ErrInvalid = errors.New("invalid")
	// ErrNotFound marks a job or record that does not exist, or that belongs
	// to another tenant: the two are not told apart.
	ErrNotFound = errors.New("not found")
	// ErrConflict marks a command that does not fit the job's state, or a
	// write against a version that is no longer current.
	ErrConflict = errors.New("conflict")
	// ErrStaleLease marks a write by a holder whose lease ended or was taken
	// over. The holder must stop; nothing was written.
	ErrStaleLease = errors.New("stale lease")
	// ErrUnavailable marks an engine that cannot commit now. The write may or
	// may not have happened; a repeated call with the same arguments is safe.
	ErrUnavailable = errors.New("engine unavailable")
	// ErrClosed marks a call on an engine after Close.
	ErrClosed = errors.New("engine closed")
)
