package compact

import "github.com/klauspost/compress/zstd"

// textEncoder compresses the texts of one file's blocks, each as the block before
// it in the same log group tells. Beside what zstd -1 makes of the whole file:
//
//	                 folds   plain   near    harder
//	VPC flow logs     3.0    1.053   1.039   1.014
//	JSON              5.9    1.043   1.055   1.048
//	application       5.9    1.037   1.040   1.046
//	access logs       6.1    1.027   1.009   1.011
//	CloudTrail        7.0    1.059   1.059   1.037
//	traces           11.5    1.021   1.031   1.011
//
// Dense text repeats itself in short pieces, which cost less when they are near.
// Text that folds to little is mostly repetition: the encoder's next level takes
// about as long for it as the first one takes for ordinary text, and finds more.
type textEncoder struct {
	level    Level
	encoders [manners]*zstd.Encoder // nil until it is needed
	group    uint64                 // of the last text
	manner   manner                 // for the next text of that group
}

// manner is a way to compress a text.
type manner uint8

const (
	plain  manner = iota // Fastest
	near                 // Fastest, nearWindow
	harder               // Default, nearWindow
	manners
)

const (
	nearWindow = 64 << 10
	denseFolds = 4.5 // a text that folds less is dense
	looseFolds = 6.5 // one that folds more is mostly repetition
)

// pack appends a text of a log group to dst, as pack does.
func (t *textEncoder) pack(dst, text []byte, group uint64) ([]byte, column, error) {
	how := plain
	if t.group == group {
		how = t.manner
	}
	e, err := t.encoder(how)
	if err != nil {
		return dst, column{}, err
	}
	dst, c := pack(e, dst, text)
	t.group, t.manner = group, t.next(c)
	return dst, c, nil
}

// next tells how to go on after a column. All manners make about the same size of
// a text, so that one does not lead away from itself.
func (t *textEncoder) next(c column) manner {
	folds := float64(c.raw) / float64(max(c.size, 1))
	switch {
	case t.level != Fastest:
		return plain
	case folds < denseFolds:
		return near
	case folds > looseFolds:
		return harder
	}
	return plain
}

func (t *textEncoder) encoder(how manner) (*zstd.Encoder, error) {
	if t.encoders[how] != nil {
		return t.encoders[how], nil
	}
	level, window := t.level, 0
	switch how {
	case near:
		window = nearWindow
	case harder:
		level, window = Default, nearWindow
	}
	var err error
	t.encoders[how], err = newEncoder(level, window)
	return t.encoders[how], err
}

// close lets go of the encoders.
func (t *textEncoder) close() {
	for _, e := range t.encoders {
		if e != nil {
			e.Close() // writes nothing: only EncodeAll was used
		}
	}
	clear(t.encoders[:])
}
