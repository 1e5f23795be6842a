package modelsim_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/sluicehq/sluice/internal/modelsim"
)

// invoiceSchema is a schema as an extractor would send it.
const invoiceSchema = `{
 "type":"object","additionalProperties":false,"required":["invoice_number","invoice_date","total"],
 "properties":{
  "invoice_number":{"type":"string"},
  "invoice_date":{"type":"string","format":"date"},
  "due_date":{"type":["string","null"],"format":"date"},
  "seller":{"$ref":"#/$defs/party"},
  "buyer":{"anyOf":[{"$ref":"#/$defs/party"},{"type":"null"}]},
  "currency":{"type":"string","enum":["EUR","GBP","USD"]},
  "subtotal":{"type":["number","null"]},"tax":{"type":["number","null"]},"total":{"type":"number"},
  "lines":{"type":"array","items":{"type":"object","properties":{
    "description":{"type":"string"},"quantity":{"type":["number","null"]},
    "unit_price":{"type":["number","null"]},"amount":{"type":"number"}}}}},
 "$defs":{"party":{"type":"object","properties":{"name":{"type":"string"},"address":{"type":["string","null"]},"vat_id":{"type":["string","null"]}}}}}`

// ask has the simulator read text under a schema and returns what it says.
func ask(t *testing.T, text, schema string) string {
	t.Helper()
	_, e := listen(t, modelsim.Config{})
	p := prompt("m", text)
	p["response_format"] = map[string]any{
		"type": "json_schema", "json_schema": map[string]any{"name": "x", "schema": json.RawMessage(schema)},
	}
	_, r := mustPost(t, e, p)
	return contentOf(t, r)
}

func checkAnswer(t *testing.T, got, want string) {
	t.Helper()
	var g, w any
	if err := json.Unmarshal([]byte(got), &g); err != nil {
		t.Fatalf("%q: %v", got, err)
	}
	if err := json.Unmarshal([]byte(want), &w); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(w, g); diff != "" {
		t.Errorf("answer (-want +got):\n%s", diff)
	}
}

func TestAnInvoiceInColumnsIsRead(t *testing.T) {
	t.Parallel()
	text := `
Harbour Lane Stationers Ltd                                 INVOICE
14 Quay Street
Bristol BS1 4QA                                             Invoice No:     HL-2041
VAT No: GB 284 1172 06                                      Invoice Date:   14 March 2026
                                                            Due Date:       13 April 2026
Bill to
Fennimore & Daughters
3 Mill Walk
Bath BA1 2DN

Description                      Qty      Unit price        Amount
A4 paper, box of five            20       12.50             250.00
Delivery                                                    10.00

                                          Subtotal          GBP 260.00
                                          VAT (20%)         GBP 52.00
                                          Total due         GBP 312.00
Thank you for your business.
`
	checkAnswer(t, ask(t, "<document name=\"x\">"+text+"</document>\nTotal: 1.00", invoiceSchema), `{
	 "invoice_number":"HL-2041","invoice_date":"2026-03-14","due_date":"2026-04-13","currency":"GBP",
	 "seller":{"name":"Harbour Lane Stationers Ltd","address":"14 Quay Street\nBristol BS1 4QA","vat_id":"GB 284 1172 06"},
	 "buyer":{"name":"Fennimore & Daughters","address":"3 Mill Walk\nBath BA1 2DN","vat_id":null},
	 "subtotal":260,"tax":52,"total":312,
	 "lines":[{"description":"A4 paper, box of five","quantity":20,"unit_price":12.5,"amount":250},
	          {"description":"Delivery","quantity":null,"unit_price":null,"amount":10}]}`)
}

func TestAGermanInvoiceIsRead(t *testing.T) {
	t.Parallel()
	text := `Malerbetrieb Sonnleitner
Am Anger 7
Rechnung an: Gasthof Post
Rechnungsnummer: 2026/0117
Rechnungsdatum: 2. Februar 2026
Zahlbar bis: 16.02.2026
USt-IdNr.: DE218849371
Nettobetrag: 1.250,00 €
zzgl. 19 % MwSt.: 237,50 €
Gesamtbetrag: 1.487,50 €`
	checkAnswer(t, ask(t, text, invoiceSchema), `{
	 "invoice_number":"2026/0117","invoice_date":"2026-02-02","due_date":"2026-02-16","currency":"EUR",
	 "seller":{"name":"Malerbetrieb Sonnleitner","address":"Am Anger 7","vat_id":"DE218849371"},
	 "buyer":{"name":"Gasthof Post","address":null,"vat_id":null},
	 "subtotal":1250,"tax":237.5,"total":1487.5}`)
}

func TestAFrenchInvoiceIsRead(t *testing.T) {
	t.Parallel()
	text := "Facture n° : F-88\nDate de facture : 1er août 2026\nTotal HT : 1\u202f000,00 €\nTVA 20 % : 200,00 €\nTotal TTC : 1\u202f200,00 €"
	checkAnswer(t, ask(t, text, `{"properties":{"invoice_number":{"type":"string"},"invoice_date":{"type":"string","format":"date"},
	 "subtotal":{"type":"number"},"tax":{"type":"number"},"total":{"type":"string"}}}`),
		`{"invoice_number":"F-88","invoice_date":"2026-08-01","subtotal":1000,"tax":200,"total":"1200.00"}`)
}

func TestALineTotalIsNoTotal(t *testing.T) {
	t.Parallel()
	checkAnswer(t, ask(t, "Line   Net total\nA      5.00\nNet total: 7.00", `{"properties":{"subtotal":{"type":"number"}}}`), `{"subtotal":7}`)
	text := "Désignation      Qté  Total HT\nTable de chêne massif, huilée  1  900,00\nChaise  4  400,00\nTotal HT  1 300,00\nTotal TTC  1 560,00"
	checkAnswer(t, ask(t, text, `{"properties":{"subtotal":{"type":"number"},"total":{"type":"number"},
	 "lines":{"type":"array","items":{"properties":{"description":{"type":"string"},"quantity":{"type":"number"},"amount":{"type":"number"}}}}}}`),
		`{"subtotal":1300,"total":1560,"lines":[
		 {"description":"Table de chêne massif, huilée","quantity":1,"amount":900},{"description":"Chaise","quantity":4,"amount":400}]}`)
}

func TestOfTwoTotalsNeitherIsTaken(t *testing.T) {
	t.Parallel()
	schema := `{"properties":{"total":{"type":"number"},"due_date":{"type":["string","null"]}}}`
	checkAnswer(t, ask(t, "Total due: 118.00\nAmount payable: 181.00", schema), `{"due_date":null}`)
	checkAnswer(t, ask(t, "Total due: 118.00\nAmount payable: 118.00\nTotal: 100.00", schema), `{"total":118,"due_date":null}`)
}

func TestAnUnknownSchemaIsFilledByItsLabels(t *testing.T) {
	t.Parallel()
	text := `Delivery note no: LS-77
Carrier: Nordwind Spedition
Packages: 12
Gross weight (kg): 340.5
Fragile: yes
Shipped: 3 March 2026

Article          Quantity
Oak boards       40
`
	checkAnswer(t, ask(t, text, `{"properties":{
	 "delivery_note_number":{"type":"string"},"carrier":{"type":"string"},"packages":{"type":"integer"},
	 "gross_weight":{"type":"number"},"shipped":{"type":"string","format":"date"},"insured":{"type":["boolean","null"]},"fragile":{"type":"boolean"},
	 "haulier":{"type":"string","title":"Carrier"},"pallets":{"type":["integer","null"]},"driver":{"type":"string"},
	 "items":{"type":"array","items":{"properties":{"article":{"type":"string"},"quantity":{"type":"integer"}}}},
	 "notes":{"type":"array","items":{"type":"string"}}}}`), `{
	 "delivery_note_number":"LS-77","carrier":"Nordwind Spedition","haulier":"Nordwind Spedition","packages":12,"gross_weight":340.5,
	 "shipped":"2026-03-03","insured":null,"fragile":true,"pallets":null,"items":[{"article":"Oak boards","quantity":40}]}`)
}

func TestTheSchemaMayStandInAMessage(t *testing.T) {
	t.Parallel()
	_, e := listen(t, modelsim.Config{})
	p := prompt("m", sample)
	p["messages"] = []map[string]string{
		{"role": "system", "content": `Answer {as JSON} under {"type":"object","properties":{"total":{"type":"number"}}} only.`},
		{"role": "user", "content": sample},
	}
	_, r := mustPost(t, e, p)
	if got := contentOf(t, r); got != `{"total":300.00}` {
		t.Errorf("content is %s", got)
	}
}

// Whatever the amounts and their writing, the reader gives them back exactly.
func TestEveryInvoiceIsReadExactly(t *testing.T) {
	t.Parallel()
	_, e := listen(t, modelsim.Config{})
	rapid.Check(t, func(t *rapid.T) {
		number := rapid.StringMatching(`[A-Z]{2}-[0-9]{3,8}`).Draw(t, "number")
		cents := rapid.IntRange(0, 999_999_999).Draw(t, "cents")
		german := rapid.Bool().Draw(t, "german")
		labels, amount := [2]string{"Invoice No", "Total due"}, group(cents, ",", ".")
		if german {
			labels, amount = [2]string{"Rechnungsnummer", "Gesamtbetrag"}, group(cents, ".", ",")
		}
		gap := rapid.SampledFrom([]string{": ", "   ", ":\t"}).Draw(t, "gap")
		res, body, err := post(t.Context(), e, prompt("m", labels[0]+gap+number+"\n"+labels[1]+gap+amount+" EUR\n"))
		if err != nil {
			t.Fatal(res, err)
		}
		var r reply
		if err := json.Unmarshal([]byte(body), &r); err != nil {
			t.Fatal(err)
		}
		content := *r.Choices[0].Message.Content
		for _, want := range []string{fmt.Sprintf(`"invoice_number":%q`, number), fmt.Sprintf(`"total":%d.%02d`, cents/100, cents%100), `"currency":"EUR"`} {
			if !strings.Contains(content, want) {
				t.Fatalf("%s is not in %s for %q", want, content, amount)
			}
		}
	})
}

// group writes cents as an amount with separators of thousands.
func group(cents int, thousands, point string) string {
	whole := fmt.Sprint(cents / 100)
	for i := len(whole) - 3; i > 0; i -= 3 {
		whole = whole[:i] + thousands + whole[i:]
	}
	return fmt.Sprintf("%s%s%02d", whole, point, cents%100)
}
