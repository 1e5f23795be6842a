// Package ladder takes one job up the four tiers: it reads the document, asks
// [tiers.Next] what to do, does it, writes the ledger, and asks again until the
// job is settled. The decisions are all in package tiers; here is the I/O.
package ladder
