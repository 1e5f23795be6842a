// Package jobstest holds the suites that every engine of package jobs passes.
//
// [Run] takes an engine through the contract sentence by sentence.
// [Metamorphic] drives two engines with the same random operations and wants
// the same answers. [CheckHistories] judges what happened to jobs after any
// test, whatever did it. [Faulty] wraps an engine and fails on purpose, for
// tests of those who call engines. [Benchmark] measures engines alike.
//
// An engine describes itself by a [Harness]. What it cannot do it declares in
// [Features]; the suites adapt to that and skip nothing else. New behaviour is
// a test here first, and code in every engine after that.
package jobstest
