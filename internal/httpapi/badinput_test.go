package httpapi_test

import (
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/sluicehq/sluice/pkg/jobs"
)

// bad is a request that must be refused.
type bad struct {
	name   string
	method string // POST without
	path   string // /v1/jobs without
	body   string
	media  string // application/json without
	header http.Header
	key    string
	status int
	code   string
	at     string // the pointer of the first place named; "-" for none
}

// repeated is s n times.
func repeated(s string, n int) string { return strings.Repeat(s, n) }

// job puts members into a submission that is otherwise fine.
func job(members string) string {
	return `{"document":{"text":"x ` + canary + `"},"schema":"invoice",` + members + `}`
}

func badJSON() []bad {
	malformed := func(name, body, at string) bad {
		return bad{name: "json: " + name, body: body, status: 400, code: "malformed_json", at: at}
	}
	return []bad{
		malformed("empty", "", ""),
		malformed("space only", " \n", ""),
		malformed("not JSON", canary, ""),
		malformed("a byte order mark", "\ufeff"+plainJob, ""),
		malformed("cut off", plainJob[:20], "/document/text"),
		malformed("text after it", plainJob+canary, ""),
		malformed("a second document", plainJob+plainJob, ""),
		malformed("a name twice", job(`"lane":"batch","lane":"batch"`), ""),
		malformed("a name twice by escapes", job(`"lane":"batch","l\u0061ne":"batch"`), ""),
		malformed("a name twice inside", job(`"policy":{"max_tier":1,"max_tier":2}`), "/policy"),
		malformed("a label twice", job(`"labels":{"`+canary+`":"a","`+canary+`":"b"}`), "/labels"),
		malformed("a name twice in the schema", job(`"schema_json":{"`+canary+`":{"a":1,"a":2}}`), "/schema_json"),
		malformed("not UTF-8", job("\"labels\":{\"a\":\"\xff"+canary+"\"}"), ""),
		malformed("half a surrogate pair", job(`"labels":{"a":"\ud800`+canary+`"}`), "/labels"),
		malformed("too deep", job(`"schema_json":`+repeated(`{"a":`, 40)+"1"+repeated("}", 40)), "/schema_json"),
		malformed("too many values", job(`"schema_json":{"enum":[`+repeated("1,", 20_001)+`1]}`), "/schema_json"),
		malformed("a trailing comma", job(`"lane":"batch",`), ""),
		malformed("a comment", "/* "+canary+" */"+plainJob, ""),
		malformed("single quotes", `{'document':{}}`, ""),
		malformed("a number that is none", job(`"policy":{"max_tier":01}`), "/policy"),
		malformed("a control character", job("\"labels\":{\"a\":\"\x01\"}"), "/labels"),
	}
}

func badMembers() []bad {
	invalid := func(name, body, at string) bad {
		return bad{name: "member: " + name, body: body, status: 422, code: "invalid_request", at: at}
	}
	return []bad{
		invalid("not an object", `["`+canary+`"]`, ""),
		invalid("null", `null`, ""),
		invalid("unknown", job(`"`+canary+`":1`), ""),
		invalid("another case", job(`"LANE":"batch"`), ""),
		invalid("unknown inside", job(`"policy":{"`+canary+`":true}`), "/policy"),
		invalid("a tenant", job(`"tenant":"other"`), ""),
		invalid("no document", `{"schema":"invoice"}`, "/document"),
		invalid("null for the document", `{"schema":"invoice","document":null}`, "/document"),
		invalid("an empty document", `{"schema":"invoice","document":{}}`, "/document"),
		invalid("text and base64", `{"schema":"invoice","document":{"text":"a","base64":"YQ=="}}`, "/document"),
		invalid("a document by url", `{"schema":"invoice","document":{"url":"http://169.254.169.254/`+canary+`"}}`, "/document"),
		invalid("text that is a number", `{"schema":"invoice","document":{"text":1}}`, "/document/text"),
		invalid("base64 that is none", `{"schema":"invoice","document":{"base64":"`+canary+`!"}}`, "/document/base64"),
		invalid("base64 without padding", `{"schema":"invoice","document":{"base64":"YQ"}}`, "/document/base64"),
		invalid("base64 with stray bits", `{"schema":"invoice","document":{"base64":"YR=="}}`, "/document/base64"),
		invalid("a media type that is none", `{"schema":"invoice","document":{"text":"a","mime":"`+canary+`;;"}}`, "/document/mime"),
		invalid("no schema", `{"document":{"text":"a"}}`, "/schema"),
		invalid("two schemas", job(`"schema_json":{}`), "/schema"),
		invalid("an empty schema name", `{"document":{"text":"a"},"schema":""}`, "/schema"),
		invalid("a long schema name", `{"document":{"text":"a"},"schema":"`+repeated("a", 65)+`"}`, "/schema"),
		invalid("a schema that is an object", `{"document":{"text":"a"},"schema":{"type":"object"}}`, "/schema"),
		invalid("an inline schema that is text", `{"document":{"text":"a"},"schema_json":"`+canary+`"}`, "/schema_json"),
		invalid("an inline schema that is too large", `{"document":{"text":"a"},"schema_json":{"a":"`+repeated("a", 64<<10)+`"}}`, "/schema_json"),
		invalid("an unknown lane", job(`"lane":"`+canary+`"`), "/lane"),
		invalid("a lane by number", job(`"lane":1`), "/lane"),
		invalid("null for the lane", job(`"lane":null`), "/lane"),
		invalid("a deadline without a unit", job(`"deadline":"120"`), "/deadline"),
		invalid("a deadline by number", job(`"deadline":120`), "/deadline"),
		invalid("a deadline in the past", job(`"deadline":"-5s"`), "/deadline"),
		invalid("a deadline of nothing", job(`"deadline":"0s"`), "/deadline"),
		invalid("a deadline in a year", job(`"deadline":"8760h"`), "/deadline"),
		invalid("a deadline at a time", job(`"deadline":"9999-12-31T23:59:59Z"`), "/deadline"),
		invalid("a deadline beyond counting", job(`"deadline":"99999999999h"`), "/deadline"),
		invalid("an unknown risk", job(`"risk":"`+canary+`"`), "/risk"),
		invalid("a policy that is text", job(`"policy":"`+canary+`"`), "/policy"),
		invalid("accept_degraded as text", job(`"policy":{"accept_degraded":"no"}`), "/policy/accept_degraded"),
		invalid("tier 0", job(`"policy":{"max_tier":0}`), "/policy/max_tier"),
		invalid("tier 5", job(`"policy":{"max_tier":5}`), "/policy/max_tier"),
		invalid("tier 1.0", job(`"policy":{"max_tier":1.0}`), "/policy/max_tier"),
		invalid("a tier beyond counting", job(`"policy":{"max_tier":9007199254740993000000}`), "/policy/max_tier"),
		invalid("negative money", job(`"policy":{"max_cost_usd":-1}`), "/policy/max_cost_usd"),
		invalid("no money", job(`"policy":{"max_cost_usd":0}`), "/policy/max_cost_usd"),
		invalid("money with an exponent", job(`"policy":{"max_cost_usd":1e400}`), "/policy/max_cost_usd"),
		invalid("money with 7 decimals", job(`"policy":{"max_cost_usd":0.0000001}`), "/policy/max_cost_usd"),
		invalid("too much money", job(`"policy":{"max_cost_usd":10001}`), "/policy/max_cost_usd"),
		invalid("money as text", job(`"policy":{"max_cost_usd":"1"}`), "/policy/max_cost_usd"),
		invalid("labels as a list", job(`"labels":["`+canary+`"]`), "/labels"),
		invalid("a label that is no text", job(`"labels":{"a":1}`), "/labels"),
		invalid("a label's name with a space", job(`"labels":{"`+canary+` b":"1"}`), "/labels"),
		invalid("a label without a name", job(`"labels":{"":"1"}`), "/labels"),
		invalid("a long label", job(`"labels":{"a":"`+repeated("a", 129)+`"}`), "/labels"),
		invalid("17 labels", job(`"labels":{`+manyLabels(17)+`}`), "/labels"),
		invalid("a webhook, which is not there yet", job(`"webhook":{"url":"http://127.0.0.1/`+canary+`"}`), ""),
		{name: "an unknown schema", body: `{"document":{"text":"a"},"schema":"` + canary + `"}`, status: 422, code: "unknown_schema", at: "/schema"},
		{name: "an unusable schema", body: `{"document":{"text":"a"},"schema_json":{"type":"broken","` + canary + `":1}}`, status: 422, code: "invalid_schema", at: "/schema_json/type"},
		{name: "a lane that the key may not use", body: job(`"lane":"critical"`), status: 403, code: "lane_not_allowed", at: "/lane"},
	}
}

func manyLabels(n int) string {
	var list []string
	for i := range n {
		list = append(list, fmt.Sprintf(`"l%d":"a"`, i))
	}
	return strings.Join(list, ",")
}

func badDocuments() []bad {
	doc := func(class string, status int, code string) bad {
		return bad{name: "document: " + class, body: `{"schema":"invoice","document":{"text":"` + class + ` ` + canary + `"}}`, status: status, code: code, at: "/document"}
	}
	return []bad{
		{name: "document: empty text", body: `{"schema":"invoice","document":{"text":""}}`, status: 422, code: "document_empty", at: "/document"},
		{name: "document: empty base64", body: `{"schema":"invoice","document":{"base64":""}}`, status: 422, code: "document_empty", at: "/document"},
		doc("encrypted", 422, "document_encrypted"),
		doc("corrupt", 422, "document_corrupt"),
		doc("too_large", 413, "document_too_large"),
		doc("too_many_pages", 422, "too_many_pages"),
		doc("unsupported_type", 415, "unsupported_type"),
		doc("needs_ocr", 422, "document_refused"),
		{name: "document: a checker that fails", body: `{"schema":"invoice","document":{"text":"broken checker"}}`, status: 500, code: "internal", at: "-"},
		{name: "document: a checker that panics", body: `{"schema":"invoice","document":{"text":"panic"}}`, status: 500, code: "internal", at: "-"},
		{name: "document: longer than the limit, as text", body: `{"schema":"invoice","document":{"text":"` + repeated("a", 1<<20+1) + `"}}`, status: 413, code: "document_too_large", at: "-"},
		{name: "document: a body longer than the limit", body: `{"schema":"invoice","document":{"text":"` + repeated("a", 2<<20) + `"}}`, status: 413, code: "body_too_large", at: "-"},
	}
}

// part writes one part of a multipart body with the boundary B.
func part(header, content string) string { return "--B\r\n" + header + "\r\n\r\n" + content + "\r\n" }

func badMultipart() []bad {
	const (
		document = `Content-Disposition: form-data; name="document"; filename="` + canary + `"`
		options  = `Content-Disposition: form-data; name="options"`
		end      = "--B--\r\n"
	)
	good := part(options, `{"schema":"invoice"}`)
	mp := func(name, body string, status int, code, at string) bad {
		return bad{name: "multipart: " + name, body: body, media: `multipart/form-data; boundary=B`, status: status, code: code, at: at}
	}
	long := part(document, repeated("a", 1<<20+1))
	return []bad{
		mp("empty", "", 400, "malformed_multipart", "-"),
		mp("not multipart", canary, 400, "malformed_multipart", "-"),
		mp("no parts", end, 422, "invalid_request", "/document"),
		mp("no end", good+"--B\r\n"+document+"\r\n\r\nabc", 400, "malformed_multipart", "-"),
		mp("an end that is one more boundary", good+part(document, "abc")+"--B\r\n", 400, "malformed_multipart", "-"),
		mp("no document", good+end, 422, "invalid_request", "/document"),
		mp("no options", part(document, "a")+end, 422, "invalid_request", "/options"),
		mp("two documents", good+part(document, "a")+part(document, "b")+end, 422, "invalid_request", "/document"),
		mp("two options", good+good+part(document, "a")+end, 422, "invalid_request", "/options"),
		mp("an unknown part", good+part(`Content-Disposition: form-data; name="`+canary+`"`, "a")+end, 422, "invalid_request", "-"),
		mp("a part without a name", good+part("X: "+canary, "a")+end, 422, "invalid_request", "-"),
		mp("an attachment", good+part(`Content-Disposition: attachment; name="document"`, "a")+end, 422, "invalid_request", "-"),
		mp("a quoted-printable part", good+part(document+"\r\nContent-Transfer-Encoding: quoted-printable", "a")+end, 400, "malformed_multipart", "-"),
		mp("a base64 part", good+part(document+"\r\nContent-Transfer-Encoding: base64", "YQ==")+end, 400, "malformed_multipart", "-"),
		mp("too many headers", good+part(document+"\r\n"+repeated("X: "+canary+"\r\n", 3000)+"Y: 1", "a")+end, 400, "malformed_multipart", "-"),
		mp("a long header", good+part(document+"\r\nX: "+repeated("a", 64<<10), "a")+end, 400, "malformed_multipart", "-"),
		mp("a long text before the parts", repeated("a", 64<<10)+"\r\n"+good+part(document, "a")+end, 400, "malformed_multipart", "-"),
		mp("a long text after the parts", good+part(document, "a")+end+repeated(canary, 10_000), 400, "malformed_multipart", "-"),
		mp("a document that is too long", good+long+end, 413, "document_too_large", "-"),
		mp("a body that is too long", good+repeated(long, 2)+end, 413, "document_too_large", "-"),
		mp("options that are too long", part(options, repeated("a", 129<<10))+part(document, "a")+end, 413, "body_too_large", "-"),
		mp("options that are no JSON", part(options, canary)+part(document, "a")+end, 400, "malformed_json", ""),
		mp("options with an unknown member", part(options, `{"`+canary+`":1}`)+part(document, "a")+end, 422, "invalid_request", ""),
		mp("options with a document", part(options, `{"schema":"invoice","document":{"text":"a"}}`)+part(document, "a")+end, 422, "invalid_request", ""),
		mp("an empty document", good+part(document, "")+end, 422, "document_empty", "/document"),
		mp("another multipart as the document", good+part(document+"\r\nContent-Type: multipart/mixed; boundary=C", "unsupported_type --C--")+end, 415, "unsupported_type", "/document"),
		{name: "multipart: no boundary", body: good, media: "multipart/form-data", status: 400, code: "malformed_multipart", at: "-"},
		{name: "multipart: a long boundary", body: good, media: "multipart/form-data; boundary=" + repeated("b", 71), status: 400, code: "malformed_multipart", at: "-"},
	}
}

func badHeaders() []bad {
	h := func(pairs ...string) http.Header {
		header := http.Header{}
		for i := 0; i < len(pairs); i += 2 {
			header.Add(pairs[i], pairs[i+1])
		}
		return header
	}
	return []bad{
		{name: "no key", key: "none", body: plainJob, status: 401, code: "unauthorized", at: "-"},
		{name: "a wrong key", key: "sl_acme1_" + canary, body: plainJob, status: 401, code: "unauthorized", at: "-"},
		{name: "a key of another kind", key: canary, body: plainJob, status: 401, code: "unauthorized", at: "-"},
		{name: "a very long key", key: "sl_" + repeated("a", 1000), body: plainJob, status: 401, code: "unauthorized", at: "-"},
		{name: "the hash instead of the key", key: hashOf(acmeKey), body: plainJob, status: 401, code: "unauthorized", at: "-"},
		{name: "basic authentication", header: h("Authorization", "Basic "+acmeKey), body: plainJob, status: 401, code: "unauthorized", at: "-"},
		{name: "a key without a scheme", header: h("Authorization", acmeKey), body: plainJob, status: 401, code: "unauthorized", at: "-"},
		{name: "an empty authorization", header: h("Authorization", ""), body: plainJob, status: 401, code: "unauthorized", at: "-"},
		{name: "two keys", header: h("Authorization", "Bearer "+acmeKey, "Authorization", "Bearer "+otherKey), body: plainJob, status: 400, code: "malformed_header", at: "Authorization"},
		{name: "a key in the query", path: "/v1/jobs?key=" + acmeKey, body: plainJob, status: 422, code: "invalid_parameter", at: "-"},
		{name: "two idempotency keys", header: h("Idempotency-Key", "a", "Idempotency-Key", "b"), body: plainJob, status: 400, code: "malformed_header", at: "Idempotency-Key"},
		{name: "an empty idempotency key", header: h("Idempotency-Key", ""), body: plainJob, status: 400, code: "malformed_header", at: "Idempotency-Key"},
		{name: "a long idempotency key", header: h("Idempotency-Key", repeated("a", 256)), body: plainJob, status: 400, code: "malformed_header", at: "Idempotency-Key"},
		{name: "an idempotency key that is not ASCII", header: h("Idempotency-Key", "\xff\xfe"+canary), body: plainJob, status: 400, code: "malformed_header", at: "Idempotency-Key"},
		{name: "no content type", media: "none", body: plainJob, status: 415, code: "unsupported_media_type", at: "-"},
		{name: "a content type that is none", media: canary + "/;;", body: plainJob, status: 415, code: "unsupported_media_type", at: "-"},
		{name: "a bare PDF", media: "application/pdf", body: "%PDF-" + canary, status: 415, code: "unsupported_media_type", at: "-"},
		{name: "a form", media: "application/x-www-form-urlencoded", body: "document=" + canary, status: 415, code: "unsupported_media_type", at: "-"},
		{name: "JSON in UTF-16", media: "application/json; charset=utf-16", body: plainJob, status: 415, code: "unsupported_media_type", at: "-"},
		{name: "two content types", header: h("Content-Type", "application/json", "Content-Type", "text/plain"), body: plainJob, status: 400, code: "malformed_header", at: "Content-Type"},
		{name: "a gzip body", header: h("Content-Encoding", "gzip"), body: plainJob, status: 415, code: "content_encoding_refused", at: "-"},
		{name: "a body encoded twice", header: h("Content-Encoding", "identity", "Content-Encoding", "br"), body: plainJob, status: 415, code: "content_encoding_refused", at: "-"},
		{name: "a page of another origin", header: h("Sec-Fetch-Site", "cross-site", "Origin", "https://"+canary+".example"), body: plainJob, status: 403, code: "cross_origin", at: "-"},
	}
}

func badPaths() []bad {
	get := func(path string, status int, code, at string) bad {
		return bad{name: fmt.Sprintf("GET %.60s (%d)", path, len(path)), method: http.MethodGet, path: path, status: status, code: code, at: at}
	}
	const unknown, noRoute, parameter = "not_found", "route_not_found", "invalid_parameter"
	rows := []bad{
		get("/", 404, noRoute, "-"),
		get("/"+canary, 404, noRoute, "-"),
		get("/v1/"+canary, 404, noRoute, "-"),
		get("/v1/jobs/", 404, noRoute, "-"),
		get("//v1/jobs", 404, noRoute, "-"),
		get("/v1/../v1/jobs", 404, noRoute, "-"),
		get("/v1/jobs/a/b/c", 404, noRoute, "-"),
		get("/docs", 404, noRoute, "-"),
		get("/v1/jobs/"+canary, 404, unknown, "-"),
		get("/v1/jobs/..%2f..%2fetc%2fpasswd", 404, noRoute, "-"),
		get("/v1/jobs/a%00"+canary, 404, unknown, "-"),
		get("/v1/jobs/a%0d%0aX:1", 404, unknown, "-"),
		get("/v1/jobs/*.%3E", 404, unknown, "-"),
		get("/v1/jobs/%ff%fe", 404, unknown, "-"),
		get("/v1/jobs/"+repeated("a", 65), 404, unknown, "-"),
		get("/v1/jobs/"+repeated("a", 8<<10), 404, unknown, "-"),
		get("/v1/jobs/"+canary+"/result", 404, unknown, "-"),
		get("/v1/jobs/"+canary+"/attempts", 404, unknown, "-"),
		get("/v1/dlq/"+canary, 404, unknown, "-"),
		get("/v1/jobs?"+canary+"=1", 422, parameter, "-"),
		get("/v1/jobs?limit=1&limit=2", 422, parameter, "limit"),
		get("/v1/jobs?limit=0", 422, parameter, "limit"),
		get("/v1/jobs?limit=-1", 422, parameter, "limit"),
		get("/v1/jobs?limit=1000000000", 422, parameter, "limit"),
		get("/v1/jobs?limit="+canary, 422, parameter, "limit"),
		get("/v1/jobs?cursor="+canary, 422, parameter, "cursor"),
		get("/v1/jobs?cursor=ajE6Li4vLi4", 422, parameter, "cursor"), // j1:../..
		get("/v1/jobs?cursor=am9iXzE", 422, parameter, "cursor"),     // job_1
		get("/v1/jobs?cursor=", 422, parameter, "cursor"),
		get("/v1/jobs?state="+canary, 422, parameter, "state"),
		get("/v1/jobs?state=", 422, parameter, "state"),
		get("/v1/jobs?state=failed,", 422, parameter, "state"),
		get("/v1/dlq?state=queued", 422, parameter, "state"),
		get("/v1/jobs?lane="+canary, 422, parameter, "lane"),
		get("/v1/jobs?tier=5", 422, parameter, "tier"),
		get("/v1/jobs?tier="+canary, 422, parameter, "tier"),
		get("/v1/jobs?class=%20"+canary, 422, parameter, "class"),
		get("/v1/jobs?tenant=%20"+canary, 422, parameter, "tenant"),
		get("/v1/jobs?tenant=other", 403, "operator_only", "tenant"),
		get("/v1/jobs?accepted_after="+canary, 422, parameter, "accepted_after"),
		get("/v1/jobs?accepted_before=2h", 422, parameter, "accepted_before"),
		get("/v1/jobs?label.%20"+canary+"=1", 422, parameter, "label.*"),
		get("/v1/jobs?label.a=%ff", 422, parameter, "label.*"),
		get("/v1/jobs?schema="+repeated("a", 600), 422, parameter, "schema"),
		get("/v1/jobs?a;b", 422, parameter, "-"),
		get("/v1/jobs?%zz", 422, parameter, "-"),
		get("/v1/jobs/x?wait=31", 422, parameter, "wait"),
		get("/v1/jobs/x?wait=-1", 422, parameter, "wait"),
		get("/v1/jobs/x?wait=1s", 422, parameter, "wait"),
		get("/livez?"+canary+"=1", 422, parameter, "-"),
		{name: "PUT", method: http.MethodPut, path: "/v1/jobs", status: 405, code: "method_not_allowed", at: "-"},
		{name: "DELETE", method: http.MethodDelete, path: "/v1/jobs", status: 405, code: "method_not_allowed", at: "-"},
		{name: "a method of one's own", method: "BREW", path: "/v1/jobs", status: 405, code: "method_not_allowed", at: "-"},
		{name: "OPTIONS", method: http.MethodOptions, path: "/v1/jobs", status: 405, code: "method_not_allowed", at: "-"},
		{name: "POST to health", method: http.MethodPost, path: "/livez", status: 405, code: "method_not_allowed", at: "-"},
	}
	return rows
}

func badCommands() []bad {
	cmd := func(path, body string, status int, code, at string) bad {
		return bad{name: path + " " + body[:min(len(body), 30)], path: "/v1/jobs/job_000001/" + path, body: body, status: status, code: code, at: at}
	}
	return []bad{
		cmd("cancel", canary, 400, "malformed_json", ""),
		cmd("cancel", `{"`+canary+`":1}`, 422, "invalid_request", ""),
		cmd("cancel", `{"reason":1}`, 422, "invalid_request", "/reason"),
		cmd("cancel", `{"reason":"`+repeated("a", 513)+`"}`, 422, "invalid_request", "/reason"),
		cmd("cancel", `{"version":0}`, 422, "invalid_request", "/version"),
		cmd("cancel", `{"lane":"batch"}`, 422, "invalid_request", ""),
		cmd("requeue", `{"lane":"`+canary+`"}`, 422, "invalid_request", "/lane"),
		cmd("requeue", `{"deadline":"1ms"}`, 422, "invalid_request", "/deadline"),
		cmd("requeue", `{"data":{}}`, 422, "invalid_request", ""),
		cmd("requeue", `{}`, 409, "state_conflict", "-"),
		cmd("complete", `{}`, 422, "invalid_request", "/data"),
		cmd("complete", ``, 422, "invalid_request", "/data"),
		cmd("complete", `{"data":{"number":"1"}}`, 409, "state_conflict", "-"),
		cmd("complete", `{"data":{"a":1,"a":2}}`, 400, "malformed_json", "/data"),
		cmd("complete", `{"data":"`+repeated("a", 1<<20)+`"}`, 413, "body_too_large", "-"),
		cmd("reject", `{}`, 409, "state_conflict", "-"), cmd("reject", `{"class":"not a class"}`, 422, "invalid_request", "/class"),
		cmd("reject?force=1", `{}`, 422, "invalid_parameter", "-"),
		{name: "a command as a form", path: "/v1/jobs/job_000001/cancel", media: "application/x-www-form-urlencoded", body: "reason=" + canary, status: 415, code: "unsupported_media_type", at: "-"},
		{name: "a command on nothing", path: "/v1/jobs/" + canary + "/cancel", body: "{}", status: 404, code: "not_found", at: "-"},
		{name: "a command on an id that cannot be", path: "/v1/jobs/a%20" + canary + "/cancel", body: "{}", status: 404, code: "not_found", at: "-"},
	}
}

func TestBadInputGetsAClearProblemAndMakesNoJob(t *testing.T) {
	t.Parallel()
	a := newAPI(t, func(s *setup) { s.cfg.MaxDocumentBytes = 1 << 20 })
	a.submit(`{"document":{"text":"waits"},"schema":"invoice"}`)
	var rows []bad
	for _, group := range [][]bad{badJSON(), badMembers(), badDocuments(), badMultipart(), badHeaders(), badPaths(), badCommands()} {
		rows = append(rows, group...)
	}
	if len(rows) < 150 {
		t.Errorf("only %d rows are left of the table", len(rows))
	}
	seen := map[string]bool{}
	for _, row := range rows {
		if seen[row.name] {
			t.Errorf("row %q is there twice", row.name)
		}
		seen[row.name] = true
		checkRefused(t, a, row)
	}
	stats, err := a.engine.Stats(t.Context())
	if err != nil || stats.Accepted != 1 || stats.States[jobs.Queued] != 1 {
		t.Errorf("%d jobs were accepted, error %v; want the one that waits", stats.Accepted, err)
	}
	if a.panics != 1 || len(a.failures) != 1 {
		t.Errorf("%d panics and failures %v were told of, want those of the checker", a.panics, a.failures)
	}
}

func checkRefused(t *testing.T, a *api, row bad) {
	t.Helper()
	r := request{method: row.method, path: row.path, key: row.key, header: row.header, media: row.media, body: strings.NewReader(row.body)}
	if r.method == "" {
		r.method = http.MethodPost
	}
	if r.path == "" {
		r.path = "/v1/jobs"
	}
	switch {
	case row.media == "none" || row.header.Values("Content-Type") != nil:
		r.media = ""
	case row.media == "":
		r.media = "application/json"
	}
	if r.method == http.MethodGet {
		r.body, r.media = nil, ""
	}
	got := a.do(r)
	if got.status != row.status || got.header.Get("Content-Type") != "application/problem+json" {
		t.Errorf("%s: status %d, %s, want %d: %.300s", row.name, got.status, got.header.Get("Content-Type"), row.status, got.body)
		return
	}
	if code := got.text(t, "code"); code != row.code {
		t.Errorf("%s: code %q, want %q: %s", row.name, code, row.code, got.body)
	}
	if at := firstPlace(t, got); at != row.at {
		t.Errorf("%s: the place named is %q, want %q: %s", row.name, at, row.at, got.body)
	}
	for _, member := range []string{"type", "title", "status", "code", "request_id"} {
		if got.text(t, member) == "" {
			t.Errorf("%s: the problem has no %s: %s", row.name, member, got.body)
		}
	}
	if got.text(t, "request_id") != got.header.Get("X-Request-Id") {
		t.Errorf("%s: request ids differ", row.name)
	}
	if leaks(got) {
		t.Errorf("%s: the answer repeats the request: %v %s", row.name, got.header, got.body)
	}
}

// firstPlace is the pointer of the first violation; "-" without one.
func firstPlace(t *testing.T, r answer) string {
	t.Helper()
	list, _ := r.json(t)["errors"].([]any)
	if len(list) == 0 {
		return "-"
	}
	return fmt.Sprint(list[0].(map[string]any)["pointer"])
}

func leaks(r answer) bool {
	if strings.Contains(string(r.body), canary) {
		return true
	}
	for _, values := range r.header {
		if strings.Contains(strings.Join(values, " "), canary) {
			return true
		}
	}
	return false
}

func TestMethodNotAllowedListsTheMethods(t *testing.T) {
	t.Parallel()
	a := newAPI(t)
	r := a.do(request{method: http.MethodPut, path: "/v1/jobs"})
	if got := r.header.Get("Allow"); got != "GET, HEAD, POST" {
		t.Errorf("Allow is %q", got)
	}
}

func TestABodyOfUnknownLengthIsCountedAsItComes(t *testing.T) {
	t.Parallel()
	a := newAPI(t, func(s *setup) { s.cfg.MaxDocumentBytes = 1 << 20 })
	for limit, want := range map[int64]int{1 << 19: http.StatusAccepted, 4 << 20: http.StatusRequestEntityTooLarge} {
		text := io.LimitReader(endless('a'), limit)
		body := io.MultiReader(strings.NewReader(`{"schema":"invoice","document":{"text":"`), text, strings.NewReader(`"}}`))
		if r := a.do(request{method: http.MethodPost, path: "/v1/jobs", body: body, media: "application/json"}); r.status != want {
			t.Errorf("%d bytes: status %d, want %d: %.200s", limit, r.status, want, r.body)
		}
	}
}

// endless is a reader of one byte without end.
type endless byte

func (e endless) Read(p []byte) (int, error) {
	for i := range p {
		p[i] = byte(e)
	}
	return len(p), nil
}
