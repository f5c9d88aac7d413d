package event

import (
	"bytes"
	"testing"
)

// TestBuilderOver decodes in place: every second line goes, the others lose their
// first byte, and the batch is the one that is made elsewhere.
func TestBuilderOver(t *testing.T) {
	const text = "-first\nno\n-second\nno\n-\n"
	memory := make([]byte, 200, 1000)
	at := len(memory) - len(text)
	copy(memory[at:], text)
	over, apart := BuilderOver(memory, at), GetBuilder(1000)
	var moved *Builder
	for i, line := range bytes.Split(memory[at:], []byte("\n")) {
		if len(line) == 0 || line[0] != '-' {
			continue
		}
		message := line[1:]
		if err := apart.Append(int64(i), message); err != nil {
			t.Fatal(err)
		}
		if err := over.Append(int64(i), message); err != nil {
			t.Fatal(err)
		}
		if i == 2 {
			moved = over.MoveTo(0)
			over = BuilderOver(memory, at)
			for k, message := range []string{"first", "second"} {
				if err := over.Append(int64(2*k), []byte(message)); err != nil {
					t.Fatal(err)
				}
			}
		}
	}
	want := seal(t, apart)
	if got := seal(t, over); !bytes.Equal(got.Record(), want.Record()) {
		t.Errorf("%q, want %q", got.Record(), want.Record())
	}
	if err := moved.Append(4, []byte("")); err != nil {
		t.Fatal(err)
	}
	if got := seal(t, moved); !bytes.Equal(got.Record(), want.Record()) {
		t.Errorf("moved: %q, want %q", got.Record(), want.Record())
	}
	over.Release()
	moved.Release()
	apart.Release()
}

func seal(t *testing.T, b *Builder) Batch {
	t.Helper()
	batch, err := b.Seal(Header{GroupUID: 1, StreamUID: 2}, Source{Account: "a", LogGroup: "g"})
	if err != nil {
		t.Fatal(err)
	}
	return batch
}

// TestBuilderOverIsFull: memory that is too small is never left.
func TestBuilderOverIsFull(t *testing.T) {
	memory := make([]byte, HeaderBytes+6)
	b := BuilderOver(memory, HeaderBytes)
	if err := b.Append(1, []byte("12345")); err != nil {
		t.Fatal(err)
	}
	if err := b.Append(1, nil); err != ErrFull {
		t.Errorf("%v, want ErrFull", err)
	}
	if batch := seal(t, b); string(batch.Text()) != "12345\n" { // its index went elsewhere
		t.Errorf("%q", batch.Text())
	}
	b.Release()
}
