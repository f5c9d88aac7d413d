package verify

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"sync"

	"sluice/internal/objput"
)

// Store is what is read.
type Store interface {
	objput.Store
	objput.Lister
}

// Config says what to verify.
type Config struct {
	Store  Store
	Bucket string
	// Prefix limits the objects that are looked at; chains are walked whole.
	Prefix string
	// Deep reads, decodes and hashes every object.
	Deep bool
	// Parallel is how many objects are looked at at a time. Default 8.
	Parallel int
	// Progress is told after each manifest. Default nobody.
	Progress func(Progress)
}

// Progress is how far a run is.
type Progress struct{ Manifests, Objects int64 }

// Finding is something that should not be.
type Finding struct {
	Kind   string `json:"kind"`
	Key    string `json:"key"`
	Detail string `json:"detail"`
}

// The kinds of findings.
const (
	BadManifest    = "bad manifest"    // does not decode, or is not what its name says
	BrokenChain    = "broken chain"    // a manifest is missing, or was changed
	Gap            = "gap"             // positions that no cut covers
	Overlap        = "overlap"         // positions that two cuts cover
	MissingObject  = "missing object"  // a manifest names it
	OtherObject    = "other object"    // it is not what the manifest says
	UnknownObject  = "unknown object"  // it is of a chain that does not name it
	DamagedObject  = "damaged object"  // deep: it does not decode, or hashes to something else
	UnreadableItem = "unreadable item" // deep: nobody knows how it is encoded
	NoManifest     = "no manifest"     // the bucket has none: nothing is proved
)

// Chain is the manifests of one lane of a delivery stream.
type Chain struct {
	Stream string `json:"deliveryStream"`
	Folder string `json:"folder"`
	// Lane is a shard of the log, by its number, or a part of a source outside: a
	// partition of a topic, a shard of a stream.
	Lane      string `json:"lane"`
	Cuts      int64  `json:"cuts"`
	LastCut   uint64 `json:"lastCut"`
	Position  uint64 `json:"position"` // everything below is delivered
	Records   int64  `json:"records"`
	Discarded int64  `json:"discarded"`
	Lost      int64  `json:"lost,omitempty"` // positions that a source outside lost before they were read
	Objects   int64  `json:"objects"`
	Bytes     int64  `json:"bytes"` // of objects
	// Head is the sha256 of the newest manifest: what to write down elsewhere.
	Head string `json:"head"`
}

// Report is what was found.
type Report struct {
	Bucket   string    `json:"bucket"`
	Deep     bool      `json:"deep"`
	Complete bool      `json:"complete"` // there are no findings
	Chains   []Chain   `json:"chains"`
	Exports  []Export  `json:"exports"`
	Findings []Finding `json:"findings"`
	// InFlight counts objects of a cut that is not committed yet and of export
	// tasks that have not completed, Foreign those that nobody of this bucket put.
	InFlight int64 `json:"inFlight"`
	Foreign  int64 `json:"foreign"`
}

// manifest is the document of one cut, as far as it is looked at.
type manifest struct {
	Version        int
	DeliveryStream string
	Shard          uint64
	Lane           string // in place of Shard, for a part of a source outside
	Cut            uint64
	Start, End     uint64
	Position       uint64
	Discarded      int64
	Records        int64
	Objects        []entry
	Lost           []struct{ From, To uint64 }
	Previous       string
}

// lane is what the manifest's folder is called.
func (m *manifest) lane() string {
	return cmp.Or(m.Lane, strconv.FormatUint(m.Shard, 10))
}

// entry is one object of a manifest.
type entry struct {
	Key, Bucket, Partition string
	Size, Records, Bytes   int64
	XXH64                  string
	Start                  uint64
}

// verifier is one run.
type verifier struct {
	cfg    Config
	report Report
	chain  *walk
	known  map[[16]byte]struct{}
	ends   map[string]map[string]uint64 // by stream and lane: the position
	tasks  map[string]struct{}          // export tasks that have a manifest

	mu       sync.Mutex // guards what follows and report.Findings
	progress Progress
}

// walk is the chain at hand.
type walk struct {
	Chain
	hash  [sha256.Size]byte
	marks map[string]uint64 // by partition: up to where it was delivered
	first bool
}

const commits = "_sluice/commit/"

// ErrNoBucket says that there is nothing to verify.
var ErrNoBucket = errors.New("no such bucket")

// Run verifies a bucket. The error says that it could not be done; what is wrong
// with the bucket is in the Report.
func Run(ctx context.Context, cfg Config) (Report, error) {
	cfg.Parallel = cmp.Or(cfg.Parallel, 8)
	v := &verifier{cfg: cfg, known: map[[16]byte]struct{}{}, ends: map[string]map[string]uint64{}, tasks: map[string]struct{}{}}
	v.report = Report{Bucket: cfg.Bucket, Deep: cfg.Deep, Chains: []Chain{}, Exports: []Export{}, Findings: []Finding{}}
	err := cfg.Store.List(ctx, cfg.Bucket, commits, func(l objput.Listed) error { return v.manifest(ctx, l) })
	if errors.Is(err, objput.ErrNotFound) && v.chain == nil {
		return v.report, fmt.Errorf("%w: %w", ErrNoBucket, err)
	}
	if err != nil {
		return v.report, fmt.Errorf("walk manifests: %w", err)
	}
	v.endChain()
	if err := cfg.Store.List(ctx, cfg.Bucket, exports, func(l objput.Listed) error { return v.export(ctx, l) }); err != nil {
		return v.report, fmt.Errorf("walk export tasks: %w", err)
	}
	if err := cfg.Store.List(ctx, cfg.Bucket, cfg.Prefix, func(l objput.Listed) error { return v.listed(ctx, l) }); err != nil {
		return v.report, fmt.Errorf("walk objects: %w", err)
	}
	if v.report.InFlight == 0 && len(v.report.Chains)+len(v.report.Exports)+len(v.report.Findings) == 0 {
		v.find(NoManifest, "_sluice/", "neither a delivery stream nor an export task has put objects into this bucket, or their manifests are gone")
	}
	slices.SortStableFunc(v.report.Findings, func(a, b Finding) int { return cmp.Compare(a.Key, b.Key) })
	v.report.Complete = len(v.report.Findings) == 0
	return v.report, nil
}

func (v *verifier) find(kind, key, detail string, args ...any) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.report.Findings = append(v.report.Findings, Finding{kind, key, fmt.Sprintf(detail, args...)})
}

// manifest follows one manifest; those of a chain come in the order of its cuts.
func (v *verifier) manifest(ctx context.Context, l objput.Listed) error {
	folder, lane, cut, ok := manifestName(l.Key)
	if !ok {
		v.find(BadManifest, l.Key, "no name of a manifest")
		return nil
	}
	if v.chain == nil || v.chain.Folder != folder || v.chain.Lane != lane {
		v.endChain()
		v.chain = &walk{Chain: Chain{Folder: folder, Lane: lane}, marks: map[string]uint64{}, first: true}
	}
	body, err := v.read(ctx, l.Key)
	if err != nil {
		return err
	}
	var m manifest
	if err := json.Unmarshal(body, &m); err != nil {
		v.find(BadManifest, l.Key, "%v", err)
		return nil
	}
	if m.Version < 1 || m.Version > 2 || m.Cut != cut || m.lane() != lane {
		v.find(BadManifest, l.Key, "version %d, lane %s, cut %d inside", m.Version, m.lane(), m.Cut)
		return nil
	}
	v.follow(l.Key, &m, sha256.Sum256(body))
	for i := range m.Objects {
		v.chain.Objects++
		v.chain.Bytes += m.Objects[i].Size
	}
	by := author{"sluice-stream", m.DeliveryStream, fmt.Sprintf("cut %d of %s", m.Cut, m.DeliveryStream)}
	if err := v.objects(ctx, l.Key, by, m.Objects); err != nil {
		return err
	}
	v.passed()
	return nil
}

// passed tells of a manifest that was looked at.
func (v *verifier) passed() {
	v.mu.Lock()
	v.progress.Manifests++
	p := v.progress
	v.mu.Unlock()
	if v.cfg.Progress != nil {
		v.cfg.Progress(p)
	}
}

// manifestName takes _sluice/commit/<folder>/<lane>/<cut, 20 digits>.json apart.
func manifestName(key string) (folder, lane string, cut uint64, ok bool) {
	parts := strings.Split(strings.TrimPrefix(key, commits), "/")
	if len(parts) != 3 {
		return "", "", 0, false
	}
	number, isJSON := strings.CutSuffix(parts[2], ".json")
	cut, err := strconv.ParseUint(number, 10, 64)
	return parts[0], parts[1], cut, isJSON && len(number) == 20 && err == nil && cut > 0
}

func (v *verifier) read(ctx context.Context, key string) ([]byte, error) {
	r, err := v.cfg.Store.Get(ctx, v.cfg.Bucket, key)
	if err != nil {
		return nil, err
	}
	b, err := io.ReadAll(r)
	return b, errors.Join(err, r.Close())
}

// follow compares a manifest with the one before. A cut that was given up, when
// its delivery stream was deleted, has no manifest: numbers may be left out, the
// hash may not.
func (v *verifier) follow(key string, m *manifest, hash [sha256.Size]byte) {
	w := v.chain
	switch {
	case m.Previous != hex.EncodeToString(w.hash[:]):
		if w.first {
			v.find(BrokenChain, key, "the manifests before it are missing, or in a bucket that the delivery stream was moved from")
		} else {
			v.find(BrokenChain, key, "it does not follow cut %d: one was changed, or is missing between them", w.LastCut)
		}
	case w.first:
	case m.Start < w.Position:
		v.find(Overlap, key, "it begins at position %d, below %d", m.Start, w.Position)
	case m.Start > w.Position && m.Discarded == 0:
		v.find(Gap, key, "it begins at position %d, not %d", m.Start, w.Position)
	}
	position := m.Position
	if m.Version == 1 {
		position = m.End
	}
	if m.End < m.Start || position < m.Start || position > m.End {
		v.find(BadManifest, key, "positions %d to %d, then %d", m.Start, m.End, position)
	}
	for _, o := range m.Objects {
		if o.Partition == "" || m.Version == 1 {
			continue
		}
		if mark := w.marks[o.Partition]; o.Start < mark {
			v.find(Overlap, o.Key, "its partition was delivered up to position %d, it begins at %d", mark, o.Start)
		}
		w.marks[o.Partition] = m.End
	}
	for name, mark := range w.marks {
		if mark <= position {
			delete(w.marks, name)
		}
	}
	w.first, w.hash, w.Stream, w.LastCut, w.Position = false, hash, m.DeliveryStream, m.Cut, position
	w.Cuts++
	w.Records += m.Records
	w.Discarded += m.Discarded
	for _, l := range m.Lost {
		w.Lost += int64(l.To - l.From)
	}
}

func (v *verifier) endChain() {
	w := v.chain
	if w == nil {
		return
	}
	w.Head = hex.EncodeToString(w.hash[:])
	v.report.Chains = append(v.report.Chains, w.Chain)
	if v.ends[w.Stream] == nil {
		v.ends[w.Stream] = map[string]uint64{}
	}
	v.ends[w.Stream][w.Lane] = w.Position
	v.chain = nil
}
