package torture

import (
	"bufio"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/parquet-go/parquet-go"

	"sluice/internal/objput"
	"sluice/internal/vfs"
)

// deliveredWithin bounds the wait for what the faults had held up.
const deliveredWithin = 5 * time.Minute

// settle ends the faults, has everything delivered, and reads what is there.
func (t *run) settle(ctx context.Context) error {
	if t.proxy != nil {
		t.proxy.Play(nil)
	}
	if t.topic != nil {
		if err := t.topic.tell("heal"); err != nil {
			return err
		}
	}
	t.say("the faults have ended; waiting for delivery")
	if err := t.deliver(ctx); err != nil {
		t.find("%v", err)
	}
	if err := t.server.end(syscall.SIGTERM); err != nil {
		t.find("%v", err)
	}
	t.say("reading every object")
	store, name, done, err := t.openStore(ctx)
	if err != nil {
		return err
	}
	defer done()
	for _, stream := range t.server.streams() {
		result, err := t.read(ctx, store, stream)
		if err != nil {
			return err
		}
		t.report.Streams = append(t.report.Streams, result)
		if result.Lost+result.Doubled+result.Strange > 0 {
			t.find("%s: %d lost, %d doubled, %d strange", stream, result.Lost, result.Doubled, result.Strange)
		}
	}
	return t.verify(ctx, name)
}

// deliver moves the clock until nothing is in flight.
func (t *run) deliver(ctx context.Context) error {
	began := time.Now()
	if t.server.died() || t.server.address() == "" {
		t.server.end(syscall.SIGKILL)
		if err := t.server.start(ctx, false); err != nil {
			return err
		}
	}
	for ctx.Err() == nil {
		left, where, err := t.inFlight(ctx)
		if err == nil && left == 0 {
			t.report.DeliverSeconds = time.Since(began).Seconds()
			return nil
		}
		if time.Since(began) > deliveredWithin {
			return fmt.Errorf("%d events are not delivered after %v (%v)%s", left, deliveredWithin, err, where)
		}
		t.server.advance(ctx, 61*time.Second)
	}
	return ctx.Err()
}

// inFlight is how many events wait, or how many records of the topic, and where.
func (t *run) inFlight(ctx context.Context) (left int64, where string, err error) {
	left, err = t.server.inFlight(ctx)
	if err != nil || left > 0 || t.topic == nil {
		return left, "", err
	}
	return t.topic.left(ctx, throughKafka)
}

// reader is the part of a store that reads.
type reader interface {
	objput.Lister
	Get(ctx context.Context, bucket, key string) (io.ReadCloser, error)
}

// openStore opens the store itself, without what stands before it, and tells how
// `sluice verify` names it.
func (t *run) openStore(ctx context.Context) (r reader, name string, done func() error, err error) {
	if t.o.S3 == "" {
		dir := filepath.Join(t.o.Dir, "s3")
		return objput.ViewFolder(vfs.OS, dir), "folder:" + dir, func() error { return nil }, nil
	}
	s, err := objput.OpenS3(ctx, objput.S3Config{Endpoint: t.o.S3})
	if err != nil {
		return nil, "", nil, err
	}
	return s, t.o.S3, s.Close, nil
}

// read reads all objects of a delivery stream.
func (t *run) read(ctx context.Context, store reader, stream string) (Stream, error) {
	found, objects, size := t.ledger.newSeen(), 0, int64(0)
	err := store.List(ctx, bucket, stream+"/", func(o objput.Listed) error {
		objects, size = objects+1, size+o.Size
		if err := t.readObject(ctx, store, o.Key, found.add); err != nil {
			return fmt.Errorf("read %s: %w", o.Key, err)
		}
		return nil
	})
	out := t.ledger.compare(stream, found)
	out.Objects, out.Bytes = objects, size
	return out, err
}

func (t *run) readObject(ctx context.Context, store reader, key string, visit func(message string)) error {
	body, err := store.Get(ctx, bucket, key)
	if err != nil {
		return err
	}
	defer body.Close()
	if strings.HasSuffix(key, ".parquet") {
		return t.readColumns(body, visit)
	}
	z, err := gzip.NewReader(body)
	if err != nil {
		return err
	}
	lines := bufio.NewScanner(z)
	lines.Buffer(nil, 4<<20)
	for lines.Scan() {
		visit(lines.Text())
	}
	return lines.Err()
}

// readColumns reads the messages of a Parquet object, by way of a file.
func (t *run) readColumns(body io.Reader, visit func(message string)) (err error) {
	f, err := os.CreateTemp(t.o.Dir, "*.parquet")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.Close(), os.Remove(f.Name())) }()
	if _, err := io.Copy(f, body); err != nil {
		return err
	}
	rows, err := parquet.ReadFile[struct {
		Message string `parquet:"message"`
	}](f.Name())
	for _, r := range rows {
		visit(r.Message)
	}
	return err
}

// verify has `sluice verify --deep` walk the manifests.
func (t *run) verify(ctx context.Context, store string) error {
	out, err := exec.CommandContext(ctx, t.o.Binary, "verify", "--deep", "--s3", store, bucket).CombinedOutput()
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		t.find("sluice verify --deep: %s", strings.TrimSpace(string(out)))
		return nil
	}
	return err
}
