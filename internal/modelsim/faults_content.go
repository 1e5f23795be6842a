package modelsim

// HTMLPage is a login page with status 200 where an answer was due.
func HTMLPage() Reply {
	return Reply{Kind: "html_200", Raw: true, Body: "<!DOCTYPE html>\n<html><body><h1>Sign in</h1></body></html>\n"}
}

// EmptyBody is a 200 without a body.
func EmptyBody() Reply { return Reply{Kind: "empty_body", Raw: true} }

// ErrorIn200 is an overload error inside a 200.
func ErrorIn200() Reply {
	r := Overloaded()
	r.Kind, r.Status, r.MessagesStatus = "error_in_200", 200, 200
	return r
}

// NoChoices is an answer with an empty list of choices.
func NoChoices() Reply { return Reply{Kind: "no_choices", NoChoices: true} }

// NullContent is an answer whose content is null.
func NullContent() Reply { return Reply{Kind: "null_content", NullContent: true} }

// Content is an answer that says exactly text.
func Content(text string) Reply { return Reply{Kind: "content", Content: text} }

// Spoiled is the good answer with its content damaged. The constructors below
// name the usual cases.
func Spoiled(s Spoil) Reply { return Reply{Kind: string(s), Spoil: s} }

// BadJSON is an answer whose JSON breaks off.
func BadJSON() Reply { return Spoiled(SpoilBadJSON) }

// WrongSchema is valid JSON in which every value has the wrong type.
func WrongSchema() Reply { return Spoiled(SpoilWrongSchema) }

// Ungrounded is valid under the schema, but its values are not the document's.
func Ungrounded() Reply { return Spoiled(SpoilUngrounded) }

// Wrong is the good answer but for these values at its top level: a field that
// is not in the document, or what the document's own instructions ask for.
func Wrong(values map[string]any) Reply { return Reply{Kind: "wrong", Set: values} }

// Fenced is the good answer inside a Markdown code fence.
func Fenced() Reply { return Spoiled(SpoilFence) }

// Prose is the good answer with a sentence before and after it.
func Prose() Reply { return Spoiled(SpoilProse) }

// Refusal is a refusal in the field that is meant for it.
func Refusal() Reply {
	return Reply{Kind: "refusal", Refusal: "I'm sorry, but I can't help with that request."}
}

// ProseRefusal is a refusal in plain words where JSON was due.
func ProseRefusal() Reply {
	return Reply{Kind: "prose_refusal", Content: "I'm sorry, but I can't help with that document."}
}

// Filtered is an answer that the provider's filter ended.
func Filtered() Reply {
	return Reply{Kind: "filtered", NullContent: true, FinishReason: "content_filter"}
}

// Truncated is an answer that breaks off with finish_reason "length". A caller
// whose max_tokens is too small for the good answer gets the same unasked.
func Truncated() Reply {
	return Reply{Kind: "truncated", Spoil: SpoilBadJSON, FinishReason: "length"}
}

// OddStop is a good answer with another finish_reason; "null" sends null.
func OddStop(reason string) Reply { return Reply{Kind: "odd_stop", FinishReason: reason} }

// NoUsage is a good answer that says nothing about tokens.
func NoUsage() Reply { return Reply{Kind: "no_usage", NoUsage: true} }

// AbsurdUsage is a good answer that claims a million times its tokens.
func AbsurdUsage() Reply { return Reply{Kind: "absurd_usage", UsageTimes: 1_000_000} }

// Swapped is a good answer that another model claims to have given.
func Swapped(model string) Reply { return Reply{Kind: "swapped", ServedModel: model} }
