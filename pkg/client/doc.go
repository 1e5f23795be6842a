// Package client calls the HTTP API of Sluice from Go.
//
// A [Client] sends each request once and never again by itself: whoever calls
// it knows whether a second try is wanted. What it needs to know is in the
// error. A [*Problem] carries the server's code, whether the same request may
// succeed later, and when; errors.Is tells the kinds apart ([ErrNotFound],
// [ErrConflict], [ErrThrottled] and so on). A submission with an idempotency
// key, and every read, may be repeated without harm; a command whose answer
// got lost is looked up first. (net/http itself repeats a read, or a request
// with an idempotency key, once, when a kept connection turns out to be closed
// before a byte of an answer came.)
//
// Time is bounded by the context and by nothing else. Answers are bounded in
// bytes, redirects are not followed, members of an answer that this version
// does not know are ignored, and the API key is in no error.
package client
