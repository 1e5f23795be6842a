// Package tenants keeps what each tenant may do as data: its share of the
// slots, its bounds, its rates, its money and whether it is paused. Tenants are
// records of the engine, so that every process sees the same, and they change
// at run time: a change acts at once in the process that made it and within a
// second in the others.
//
// The configuration seeds the records. A tenant that was edited at run time
// stays as it was edited until it is reset. Whose key belongs to which tenant
// is not decided here.
package tenants
