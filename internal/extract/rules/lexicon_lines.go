package rules

// column is a kind of column in a table of lines.
type column uint8

const (
	noColumn column = iota
	descriptionColumn
	quantityColumn
	priceColumn
	amountColumn
)

func newColumns() map[string]column {
	m := map[string]column{}
	for c, list := range map[column]string{
		descriptionColumn: `
			description
			item
			item description
			product
			service
			details
			beschreibung
			bezeichnung
			artikel
			artikelbezeichnung
			produkt
			produkt beschreibung
			leistung
			designation
			libelle
			descripcion
			concepto
			omschrijving
			descrizione`,
		quantityColumn: `
			qty
			quantity
			hours
			menge
			anzahl
			stunden
			aantal
			quantite
			qte
			cantidad
			quantita`,
		priceColumn: `
			price
			unit price
			u price
			rate
			preis
			einzelpreis
			stuckpreis
			nettopreis
			prix unitaire
			pu
			pu ht
			prix unitaire ht
			precio
			precio unitario
			prijs
			prijs per stuk
			stukprijs
			prezzo
			prezzo unitario`,
		amountColumn: `
			amount
			total
			line total
			betrag
			gesamt
			gesamtpreis
			gesamtbetrag
			summe
			netto
			nettobetrag
			nettowert
			positionsbetrag
			montant
			montant ht
			total ht
			prix ht
			importe
			bedrag
			totaal
			importo
			totale`,
	} {
		for p := range phrases(list) {
			m[p] = c
		}
	}
	return m
}
