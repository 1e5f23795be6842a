package main

import "bytes"

// documents are the example invoices. All companies, people and numbers are
// invented; the bank accounts are the specimens that banks publish.
func documents() []invoice {
	return []invoice{stationer(), caterer(), printer(), joiner(), surveyor()}
}

func stationer() invoice {
	return invoice{
		file: "invoice-en-stationer.pdf", words: english("GBP", "VAT"), ink: color{0.09, 0.27, 0.42},
		seller: party{"Harbour Lane Stationers Ltd", "Office supplies since 1987", []string{
			"14 Quay Street", "Bristol BS1 4QA", "VAT No: GB 284 1172 06",
		}},
		buyer:  party{name: "Fennimore & Daughters Solicitors", address: []string{"Accounts Department", "3 Mill Walk", "Bath BA1 2DN"}},
		number: "HL-2041",
		facts:  [][2]string{{"Invoice Date:", "14 March 2026"}, {"Due Date:", "13 April 2026"}, {"Your order:", "PO 7718"}},
		rate:   20,
		lines: []line{
			{"A4 copier paper, 80 gsm, box of five", 2000, 1495},
			{"Lever arch files, black, pack of ten", 600, 2240},
			{"Fountain pen ink, blue-black, 50 ml", 1200, 690},
			{"Legal pads, yellow, 50 sheets", 4000, 185},
			{"Archive boxes, flat packed", 2500, 312},
			{"Delivery, next working day", 100, 950},
		},
		notes: []string{"Please quote the invoice number with your payment.", "IBAN: GB29 NWBK 6016 1331 9268 19"},
		foot:  []string{"Harbour Lane Stationers Ltd", "01632 960 417", "accounts@harbourlane.example"},
	}
}

func caterer() invoice {
	items := []line{
		{"Welcome coffee and pastries", 8500, 480},
		{"Fresh fruit platter", 600, 2850},
		{"Still water, 0.75 l", 6000, 175},
		{"Sparkling water, 0.75 l", 4000, 185},
		{"Apple juice, local press, 1 l", 1800, 390},
		{"Leek and potato soup", 8500, 395},
		{"Sourdough rolls", 17000, 85},
		{"Salted butter portions", 17000, 22},
		{"Roast chicken, tarragon", 4500, 1150},
		{"Baked hake, lemon", 2500, 1290},
		{"Mushroom and barley pie (v)", 1500, 980},
		{"Seasonal greens", 8500, 290},
		{"New potatoes with mint", 8500, 260},
		{"Chocolate tart", 5000, 420},
		{"Lemon posset", 3500, 395},
		{"Cheese board for ten", 400, 4800},
		{"Afternoon tea and scones", 8500, 520},
		{"Oat milk, 1 l", 800, 240},
		{"Table linen, white", 1200, 650},
		{"Service staff, per hour", 4200, 1850},
		{"Kitchen staff, per hour", 2400, 2100},
		{"Delivery and collection", 100, 7500},
	}
	return invoice{
		file: "invoice-en-caterer.pdf", words: english("USD", "Sales tax"), ink: color{0.42, 0.16, 0.22},
		seller: party{"Copper Kettle Catering", "Conferences, weddings, quiet lunches", []string{
			"820 Alder Avenue", "Port Merrow, WA 98400", "Tax ID: 00-4410293",
		}},
		buyer:  party{name: "Pacific Tidewater Institute", address: []string{"Attn: Conference Office", "1 Lighthouse Road", "Port Merrow, WA 98401"}},
		number: "CK-26-0318",
		facts:  [][2]string{{"Invoice Date:", "18 May 2026"}, {"Due Date:", "17 June 2026"}, {"Event:", "Spring meeting"}},
		rate:   8,
		lines:  items,
		notes:  []string{"Thank you. It was a pleasure to cook for you."},
		foot:   []string{"Copper Kettle Catering", "555-0142", "hello@copperkettle.example"},
	}
}

func printer() invoice {
	return invoice{
		file: "invoice-de-druckerei.pdf", words: german(), letter: true, ink: color{0.12, 0.36, 0.24},
		seller: party{"Druckerei Falkenbach GmbH", "Offsetdruck · Digitaldruck · Buchbinderei", []string{
			"Lindenallee 22", "04177 Leipzig", "USt-IdNr.: DE 218 849 371",
		}},
		buyer:  party{name: "Heimatverein Grünthal e. V.", address: []string{"Frau Annegret Mühlhöfer", "Am Kirchplatz 3", "09526 Grünthal"}},
		number: "2026-0412",
		facts:  [][2]string{{"Rechnungsdatum:", "27.02.2026"}, {"Fällig am:", "13.03.2026"}, {"Kundennummer:", "10388"}},
		rate:   19,
		lines: []line{
			{"Festschrift 100 Jahre, 96 Seiten, geklebt", 50000, 389},
			{"Umschlag mit Folienkaschierung", 50000, 64},
			{"Plakate A2, vierfarbig", 7500, 215},
			{"Einladungskarten mit Umschlag", 22000, 92},
			{"Satz und Bildbearbeitung (Stunden)", 1150, 6800},
			{"Lieferung frei Haus", 100, 4500},
		},
		notes: []string{
			"Bitte überweisen Sie den Gesamtbetrag unter Angabe der Rechnungsnummer.",
			"IBAN: DE89 3704 0044 0532 0130 00", "Es gelten unsere Geschäftsbedingungen.",
		},
		foot: []string{"Druckerei Falkenbach GmbH", "Amtsgericht Leipzig, HRB 00000", "post@falkenbach.example"},
	}
}

func joiner() invoice {
	return invoice{
		file: "invoice-fr-menuiserie.pdf", words: french(), ink: color{0.45, 0.27, 0.08},
		seller: party{"Menuiserie Aubertin SARL", "Escaliers, fenêtres, agencement", []string{
			"8, chemin des Tilleuls", "69380 Lozanne-le-Vieux", "N° TVA : FR 40 303 265 045",
		}},
		buyer:  party{name: "Copropriété Les Glycines", address: []string{"Syndic Morel et Fils", "27, rue de la République", "69002 Lyon"}},
		number: "F-2026-088",
		facts:  [][2]string{{"Date de facture :", "3 avril 2026"}, {"Date d'échéance :", "3 mai 2026"}, {"Chantier :", "Hall et palier"}},
		rate:   20,
		lines: []line{
			{"Porte d'entrée en chêne massif, pose comprise", 100, 284000},
			{"Main courante en hêtre verni, au mètre", 1450, 9600},
			{"Remplacement de marches", 700, 13250},
			{"Boîtes aux lettres, bloc de douze", 100, 96500},
			{"Main-d'oeuvre, heures", 3200, 5400},
			{"Évacuation des gravats", 100, 18000},
		},
		notes: []string{"Règlement par virement à réception.", "IBAN : FR14 2004 1010 0505 0001 3M02 606"},
		foot:  []string{"Menuiserie Aubertin SARL", "RCS Lyon 000 000 000", "contact@aubertin.example"},
	}
}

// surveyor has two totals: somebody typed one of them by hand and turned two
// digits round. Nothing on the page says how much VAT there is, so no reader can
// tell which one is true.
func surveyor() invoice {
	v := invoice{
		file: "review-two-totals.pdf", words: english("GBP", "VAT"), ink: color{0.25, 0.25, 0.3},
		seller: party{"Ordway & Pike Land Surveyors", "Boundaries, levels, site plans", []string{
			"Unit 6, Tannery Yard", "Kendal LA9 4QD", "VAT No: GB 317 5520 48",
		}},
		buyer:  party{name: "Hollin Bank Farm", address: []string{"Mr T. Braithwaite", "Hollin Bank", "Sedbergh LA10 5XX"}},
		number: "OP-0933",
		facts:  [][2]string{{"Invoice Date:", "9 January 2026"}, {"Due Date:", "8 February 2026"}, {"Job:", "North boundary"}},
		rate:   20,
		lines: []line{
			{"Site visit, two surveyors, day rate", 100, 64000},
			{"Boundary plan 1:500, signed", 100, 32500},
			{"Land registry search", 200, 3750},
		},
		foot: []string{"Ordway & Pike", "01632 960 288", "office@ordwaypike.example"},
	}
	_, _, total := v.totals()
	v.wrongTotal = 128400
	v.notes = []string{v.words.payable + " " + v.words.money(total), "Our prices are net; the amount includes VAT. Please pay within 30 days."}
	return v
}

// broken is an invoice whose middle was lost, as by a bad disk: its header, its
// cross-reference table and its end are all there, but every object is zeros.
func broken(whole []byte) []byte {
	out := bytes.Clone(whole)
	from := bytes.Index(out, []byte("1 0 obj"))
	until := bytes.LastIndex(out, []byte("xref\n0 "))
	for i := from; i < until; i++ {
		out[i] = 0
	}
	return out
}
