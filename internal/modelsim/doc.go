// Package modelsim is a scripted stand-in for a model provider, in the wire
// formats of OpenAI (chat completions) and Anthropic (messages). Tests,
// benchmarks and the demo point the ladder at it to see what happens when a
// provider is slow, full, broken or wrong.
//
// A [Server] answers POST /v1/chat/completions, POST /v1/messages and GET
// /v1/models. Without a script it reads the document in the prompt with a small
// reader of its own and answers honestly, in the JSON Schema of the request:
// every value that it gives stands in the document, and what it cannot read it
// leaves out. A script is a list of [Rule]s; the first that matches decides the
// [Reply], which may be any of the faults that real providers show, from a plain
// 429 to a connection that is reset in the middle of a JSON string. One script
// serves both formats: a fault comes in the shape that its caller's provider
// gives it. A model can also have limits of its own, on requests and tokens per
// minute and on calls at once.
//
// All randomness comes from Config.Seed and is drawn for a document, a model, a
// tenant and a call number, never in order of arrival: the same seed and the
// same calls give the same answers however concurrent calls interleave.
//
// The server records every arrival, so that tests can judge the number of calls,
// their spacing and what they would have cost. Memory is bounded.
//
// Nothing in the program uses this package unless the user asks for it.
package modelsim
