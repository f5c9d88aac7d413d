package cores

import "testing"

func BenchmarkBackground(b *testing.B) {
	Share(3)
	for b.Loop() {
		Background(func() {})
	}
}
