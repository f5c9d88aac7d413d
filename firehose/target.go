package firehose

import (
	"context"
	"fmt"

	"sluice/internal/event"
)

const (
	// sampleBytes is how much of what waits is encoded to learn the first ratio.
	sampleBytes = 4 << 20
	// worthLearning is the least content of an object that tells about others.
	worthLearning = 256 << 10
	// leastRatio bounds what a target asks of the log: the content of an object
	// is read at once.
	leastRatio = 1.0 / 64
)

// hintBytes is the size, before the codec, at which data is delivered: SizeInMBs,
// or what comes out at the target.
func (l *lane) hintBytes(ctx context.Context, cur cursor, told *settings) (int64, error) {
	x := told.config.SluiceConfiguration
	if x == nil || x.TargetObjectSizeInMBs == nil {
		return told.config.hintBytes(), nil
	}
	target := int64(*x.TargetObjectSizeInMBs) << 20
	if l.ratio == 0 && cur.bytes >= worthLearning {
		l.ratio = float64(cur.objectBytes) / float64(cur.bytes) // of all its life, before a restart
	}
	if l.ratio == 0 {
		if span := l.feed.span(cur.position, target); span.Bytes < target {
			return target, nil // whatever the ratio, that is not enough
		}
		if err := l.sample(ctx, cur, told); err != nil {
			return 0, err
		}
	}
	return int64(float64(target) / max(l.ratio, leastRatio)), nil
}

// sample learns the ratio from the start of what waits.
func (l *lane) sample(ctx context.Context, cur cursor, told *settings) error {
	l.begin()
	if err := l.room.encoders.acquire(ctx); err != nil {
		return err
	}
	defer l.room.encoders.release()
	span := l.feed.span(cur.position, sampleBytes)
	body := told.shape(classData).open()
	defer body.discard()
	content := int64(0)
	err := l.feed.parcels(ctx, span.Range.Start, span.Range.End, func(p event.Parcel) error {
		content += int64(p.Bytes())
		for _, r := range p.Records {
			body.record(p.Arrived, r)
		}
		for _, d := range p.Deliveries {
			body.delivery(d)
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("read a sample of the stream: %w", err)
	}
	object, err := body.close()
	if err != nil {
		return err
	}
	l.ratio = float64(object.Size()) / float64(max(content, 1))
	object.Release()
	return nil
}

// learn follows the ratio of a cut's objects.
func (l *lane) learn(a *attempt, r result) {
	var size, content int64
	for i := range r.objects {
		if o := &r.objects[i]; o.Kind == "" || o.Kind == "data" {
			size += o.Size
			content += o.Bytes
		}
	}
	if a.plan.whole {
		content = r.bytes
	}
	if content < worthLearning {
		return
	}
	// Not an average of earlier ones: content drifts, and what came last is the
	// most like what comes next.
	l.ratio = float64(size) / float64(content)
}
