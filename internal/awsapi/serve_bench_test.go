package awsapi

import (
	"bytes"
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"testing"
)

// discard is a ResponseWriter that costs nothing.
type discard struct{ header http.Header }

func (d *discard) Header() http.Header         { return d.header }
func (d *discard) Write(b []byte) (int, error) { return len(b), nil }
func (d *discard) WriteHeader(int)             {}

// rewound is a request whose body can be read again.
func rewound(size int, header ...string) (*http.Request, func()) {
	body := bytes.NewReader(make([]byte, size))
	r := httptest.NewRequest("POST", "/", nil)
	r.ContentLength = int64(size)
	r.Header.Set("X-Amz-Target", "Logs_20140328.PutLogEvents")
	for i := 0; i < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	r.Body = io.NopCloser(body)
	return r, func() { body.Seek(0, io.SeekStart) }
}

// TestServingCostsFewAllocations: none of them grows with the body.
func TestServingCostsFewAllocations(t *testing.T) {
	if raceEnabled {
		t.Skip("the race detector allocates")
	}
	s, err := New(Config{}, rawOK())
	if err != nil {
		t.Fatal(err)
	}
	r, rewind := rewound(1 << 20)
	w := &discard{header: http.Header{}}
	n := testing.AllocsPerRun(100, func() {
		rewind()
		s.ServeHTTP(w, r)
	})
	if n > 16 {
		t.Errorf("%v allocations for a request of 1 MiB", n)
	}
}

func rawOK() Operation {
	return Raw("logs", "Logs_20140328.PutLogEvents", func(_ context.Context, _ *Request, w *Reply) error {
		w.Body = append(w.Body, `{"nextSequenceToken":"1"}`...)
		return nil
	})
}

func BenchmarkServe(b *testing.B) {
	for name, size := range map[string]int{"1KiB": 1 << 10, "1MiB": 1 << 20} {
		b.Run(name, func(b *testing.B) {
			s, err := New(Config{}, rawOK())
			if err != nil {
				b.Fatal(err)
			}
			r, rewind := rewound(size)
			w := &discard{header: http.Header{}}
			b.SetBytes(int64(size))
			b.ReportAllocs()
			for b.Loop() {
				rewind()
				s.ServeHTTP(w, r)
			}
		})
	}
}
