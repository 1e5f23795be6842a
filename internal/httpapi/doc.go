// Package httpapi is the HTTP API: intake of documents, reading and commanding
// jobs, and health. It turns requests into calls of small interfaces and
// errors into problems (RFC 9457); one table says which.
//
// Everything a request holds is hostile until checked: sizes are counted while
// they are read, JSON is read strictly, names that are not ours are never
// repeated in an answer, and no error text from inside leaves the process. The
// package logs nothing; [Events] tells what happened.
package httpapi
