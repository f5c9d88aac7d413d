package store_test

import (
	"context"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"sluice/internal/vfs"
)

// TestRunPreparesSegments: the next segment's file is there before the log needs it.
func TestRunPreparesSegments(t *testing.T) {
	made := make(chan struct{}, 100)
	fs := vfs.Fault(vfs.NewMem(), func(op vfs.Op) error {
		stem, ok := strings.CutSuffix(op.Name, ".wal")
		if op.Kind == vfs.OpRename && ok && strings.ContainsAny(stem[len(stem)-1:], "13579bdf") { // see internal/wal
			made <- struct{}{}
		}
		return nil
	})
	s := openWith(t, fs, small(nil))
	ctx, cancel := context.WithCancel(t.Context())
	ran := make(chan error, 1)
	go func() { ran <- s.Run(ctx) }()
	l, r := ledger{}, rand.New(rand.NewPCG(1, 1))
	for range 20 {
		if err := l.put(t, s, r, 0); err != nil {
			t.Fatal(err)
		}
	}
	select {
	case <-made:
	case <-time.After(10 * time.Second):
		t.Error("nobody made the next segment's file")
	}
	cancel()
	if err := <-ran; err != nil {
		t.Error(err)
	}
	if err := s.Close(); err != nil {
		t.Error(err)
	}
}
