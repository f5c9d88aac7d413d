package event

// Traits are what a subscription filter asks for its deliveries besides the
// events: they travel with each match, so that a change of the filter does not
// change what was selected before.
type Traits uint8

// The traits. They are stored in five bits of a match entry.
const (
	// TraitRandom spreads deliveries over shards instead of keeping each log
	// stream in one.
	TraitRandom Traits = 1 << iota
	// TraitAccountLevel says that an account policy selected the events.
	TraitAccountLevel
	// TraitAccount, TraitRegion and TraitSourceLog ask for the system fields
	// @aws.account, @aws.region and @source.log in what outsiders read.
	TraitAccount
	TraitRegion
	TraitSourceLog

	// TraitSystemFields is all traits that ask for a system field.
	TraitSystemFields = TraitAccount | TraitRegion | TraitSourceLog
)

// Has tells whether all of some traits are there.
func (t Traits) Has(some Traits) bool { return t&some == some }

const (
	kindBits = 3
	kindMask = 1<<kindBits - 1
)

// packKind is the byte of an entry that holds its kind, below, and its traits.
func packKind(k MatchKind, t Traits) byte { return byte(k) | byte(t)<<kindBits }

func unpackKind(b byte) (MatchKind, Traits) { return MatchKind(b & kindMask), Traits(b >> kindBits) }
