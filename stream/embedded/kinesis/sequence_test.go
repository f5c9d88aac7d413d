package kinesis

import (
	"math"
	"math/big"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

func TestSequenceNumbers(t *testing.T) {
	f := func(created int64, shard uint32, p place) string {
		t.Helper()
		text := string(appendSequence(nil, created, shard, p))
		if len(text) != sequenceDigits || strings.HasPrefix(text, "0") {
			t.Errorf("%s has %d digits", text, len(text))
		}
		got, ok := parseSequence(text)
		if want := (sequence{created / 1000, shard, p}); !ok || got != want {
			t.Errorf("%s says %+v, want %+v", text, got, want)
		}
		if v, _ := new(big.Int).SetString(text, 10); v == nil || v.BitLen() != 186 {
			t.Errorf("%s is no number of 186 bits", text)
		}
		return text
	}
	least := f(0, 0, place{})
	most := f(math.MaxUint32*1000, math.MaxUint32>>1, place{math.MaxUint64, math.MaxUint32})
	if least >= most {
		t.Error(least, most)
	}
	rapid.Check(t, func(r *rapid.T) {
		draw := func() (int64, uint32, place) {
			return rapid.Int64Range(0, 4e12).Draw(r, "created"), rapid.Uint32().Draw(r, "shard"),
				place{rapid.Uint64().Draw(r, "position"), rapid.Uint32().Draw(r, "number")}
		}
		created, shard, p := draw()
		_, _, q := draw()
		if a, b := f(created, shard, p), f(created, shard, q); p.before(q) != (a < b) {
			t.Errorf("%+v and %+v are not in the order of %s and %s", p, q, a, b)
		}
	})
}

func FuzzParseSequence(f *testing.F) {
	f.Add(string(appendSequence(nil, 1e12, 3, place{9, 1})))
	f.Add(strings.Repeat("9", sequenceDigits))
	f.Add("0")
	f.Fuzz(func(t *testing.T, text string) {
		if s, ok := parseSequence(text); ok && string(appendSequence(nil, s.created*1000, s.shard, s.place)) != text {
			t.Errorf("%s becomes %+v", text, s)
		}
	})
}

func FuzzParseIterator(f *testing.F) {
	f.Add(iterator{1, 2, place{3, 4}, 5, 6}.String())
	f.Add("")
	f.Fuzz(func(t *testing.T, text string) {
		if it, ok := parseIterator(text); ok && it.String() != text {
			t.Errorf("%q becomes %+v", text, it)
		}
	})
}

func TestHashKeys(t *testing.T) {
	f := func(text string, want bool) {
		t.Helper()
		h, ok := parseHashKey(text)
		if ok != want || ok && h.String() != text {
			t.Errorf("%s: %s, %t", text, h, ok)
		}
	}
	f("0", true)
	f("340282366920938463463374607431768211455", true)
	f("340282366920938463463374607431768211456", false)
	f("999999999999999999999999999999999999999", false)
	f("170141183460469231731687303715884105728", true)
	f("", false)
	f("-1", false)
	f("1e3", false)
}

// TestDivide: the shards of a stream hold every hash once.
func TestDivide(t *testing.T) {
	for _, n := range []int{1, 2, 3, 5, 64, 1000} {
		s := Stream{Shards: divide(n, 0)}
		next := new(big.Int)
		for i, shard := range s.Shards {
			if shard.First.String() != next.String() || int(shard.Number) != i {
				t.Fatalf("shard %d of %d begins at %s, want %s", i, n, shard.First, next)
			}
			last, _ := new(big.Int).SetString(shard.Last.String(), 10)
			next.Add(last, big.NewInt(1))
			for _, h := range []hashKey{shard.First, shard.Last} {
				if got := s.of(h).Number; got != shard.Number {
					t.Errorf("%s lies in shard %d of %d, want %d", h, got, n, i)
				}
			}
		}
		if next.BitLen() != 129 || next.TrailingZeroBits() != 128 {
			t.Errorf("%d shards end before %s", n, next)
		}
	}
}
