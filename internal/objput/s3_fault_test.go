package objput_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"sluice/internal/faultproxy"
	"sluice/internal/objput"
	"sluice/internal/objput/objputtest"
	"sluice/internal/vfs"
)

// The calls that make up a put, as the proxy sees them.
var calls = map[string]func(faultproxy.Request) bool{
	"PutObject": func(r faultproxy.Request) bool { return r.Method == http.MethodPut && !r.Query.Has("partNumber") },
	"CreateMultipartUpload": func(r faultproxy.Request) bool {
		return r.Method == http.MethodPost && r.Query.Has("uploads")
	},
	"UploadPart": func(r faultproxy.Request) bool { return r.Method == http.MethodPut && r.Query.Get("partNumber") == "3" },
	"CompleteMultipartUpload": func(r faultproxy.Request) bool {
		return r.Method == http.MethodPost && r.Query.Has("uploadId")
	},
	"AbortMultipartUpload": func(r faultproxy.Request) bool {
		return r.Method == http.MethodDelete && r.Query.Has("uploadId")
	},
	"ListMultipartUploads": func(r faultproxy.Request) bool {
		return r.Method == http.MethodGet && r.Query.Has("uploads")
	},
	"HeadObject": func(r faultproxy.Request) bool { return r.Method == http.MethodHead },
	"GetObject":  func(r faultproxy.Request) bool { return r.Method == http.MethodGet && !r.Query.Has("uploads") },
}

// class is how a putter sees an error.
type class string

const (
	fine    class = "fine"
	exists  class = "exists"
	refused class = "refused"
	again   class = "again" // nobody knows: put again
)

func classOf(err error) class {
	switch {
	case err == nil:
		return fine
	case errors.Is(err, objput.ErrExists):
		return exists
	case errors.Is(err, objput.ErrRefused):
		return refused
	}
	return again
}

// rig is a store behind a proxy, with its probes behind it.
type rig struct {
	fake  *objputtest.Fake
	proxy *faultproxy.HTTP
	store *objput.S3
	mem   *vfs.Mem
	keys  []string // that are to be there, sorted
}

func newRig(t *testing.T, change ...func(*objput.S3Config)) *rig {
	t.Helper()
	r := &rig{fake: objputtest.NewFake(t, "lake"), mem: vfs.NewMem(), keys: []string{"before"}}
	var err error
	if r.proxy, err = faultproxy.ListenHTTP(r.fake.URL); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(r.proxy.Close)
	r.store = r.open(t, change...)
	if err := r.store.PutIfAbsent(t.Context(), "lake", "before", objputtest.Object(objputtest.Random(large), nil)); err != nil {
		t.Fatal(err)
	}
	r.proxy.Forget()
	return r
}

// open opens the store as a process would after the one before died.
func (r *rig) open(t *testing.T, change ...func(*objput.S3Config)) *objput.S3 {
	t.Helper()
	return openS3(t, r.proxy.URL(), append([]func(*objput.S3Config){func(c *objput.S3Config) {
		c.FS, c.Journal = r.mem, "/data/uploads"
	}}, change...)...)
}

// deliver puts as firehose does: again with the same key until the object is
// there and is its own. It returns what the attempts came to.
func (r *rig) deliver(t *testing.T, key string, body []byte) (came []class) {
	t.Helper()
	for range 8 {
		err := r.store.PutIfAbsent(t.Context(), "lake", key, objputtest.Object(body, meta))
		came = append(came, classOf(err))
		if classOf(err) == exists {
			var a objput.Attributes
			if a, err = r.store.Head(t.Context(), "lake", key); err == nil && !maps.Equal(a.Meta, meta) {
				t.Fatalf("somebody else's object: %v", a.Meta)
			}
		}
		if err == nil {
			return came
		}
	}
	t.Fatalf("not delivered: %v", came)
	return nil
}

// whole checks that the key has one object of these bytes, and that nothing else
// is new anywhere.
func (r *rig) whole(t *testing.T, key string, body []byte) {
	t.Helper()
	r.proxy.Play(nil)
	if got := objputtest.Get(t, r.store, "lake", key); !bytes.Equal(got, body) {
		t.Errorf("%d other bytes are there", len(got))
	}
	r.keys = append(r.keys, key)
	slices.Sort(r.keys)
	if keys := r.fake.Keys(t, "lake"); !slices.Equal(keys, r.keys) {
		t.Errorf("objects %v, want %v", keys, r.keys)
	}
	if err := r.store.AbortOrphans(t.Context()); err != nil {
		t.Error(err)
	}
	if uploads := r.fake.Uploads(t, "lake"); len(uploads) > 0 {
		t.Errorf("uploads left: %v", uploads)
	}
	if files, err := r.mem.ReadDir("/data/uploads"); err != nil || len(files) > 0 || r.mem.OpenFiles() > 0 {
		t.Errorf("journal left: %v %v, %d open", files, err, r.mem.OpenFiles())
	}
}

func impatient(c *objput.S3Config) { c.Timeout = 100 * time.Millisecond }

// TestEveryFaultOfEveryCall breaks one call of a delivery in one way: the
// delivery comes to exactly one object, by way of errors that are classified.
func TestEveryFaultOfEveryCall(t *testing.T) {
	small, big := objputtest.Random(1000), objputtest.Random(large)
	r := newRig(t)
	f := func(call string, fault faultproxy.Fault, want ...class) {
		t.Helper()
		t.Run(call+" "+fault.String(), func(t *testing.T) {
			t.Helper()
			body := big
			if call == "PutObject" {
				body = small
			}
			r.proxy.Play(faultproxy.Once(calls[call], fault))
			if came := r.deliver(t, t.Name(), body); !slices.Equal(came, want) {
				t.Errorf("came to %v, want %v", came, want)
			}
			r.whole(t, t.Name(), body)
		})
	}
	f("PutObject", faultproxy.ResetBefore(), again, fine)
	f("PutObject", faultproxy.ResetAfter(), again, exists)
	f("PutObject", faultproxy.Status(500, "InternalError"), again, fine)
	f("PutObject", faultproxy.StatusAfter(500, "InternalError"), again, exists)
	f("PutObject", faultproxy.Status(503, "SlowDown"), again, fine)
	f("PutObject", faultproxy.StatusAfter(504, ""), again, exists)
	f("PutObject", faultproxy.Status(429, "TooManyRequests"), again, fine)
	f("PutObject", faultproxy.Status(400, "RequestTimeout"), again, fine)
	f("PutObject", faultproxy.Status(400, "BadDigest"), again, fine)
	f("PutObject", faultproxy.Status(409, "ConditionalRequestConflict"), fine)
	f("PutObject", faultproxy.StatusAfter(409, "ConditionalRequestConflict"), exists)
	f("PutObject", faultproxy.Status(412, "PreconditionFailed"), exists, fine) // a lie: Head finds nothing
	f("PutObject", faultproxy.StatusAfter(412, "PreconditionFailed"), exists)
	f("PutObject", faultproxy.StatusAfter(304, ""), exists)
	f("PutObject", faultproxy.Status(403, "AccessDenied"), refused, fine)
	f("PutObject", faultproxy.Status(403, "RequestTimeTooSkewed"), again, fine)
	f("PutObject", faultproxy.Status(404, "NoSuchBucket"), refused, fine)
	f("PutObject", faultproxy.Status(400, "KMS.DisabledException"), refused, fine)
	f("PutObject", faultproxy.Status(400, "KMS.ThrottlingException"), again, fine)
	f("PutObject", faultproxy.Status(200, "KMS.DisabledException"), refused, fine)
	f("PutObject", faultproxy.Status(301, "PermanentRedirect"), refused, fine)
	f("PutObject", faultproxy.Status(501, "NotImplemented"), refused, fine)
	f("PutObject", faultproxy.Status(200, "InternalError"), again, fine)
	f("PutObject", faultproxy.StatusAfter(200, "SlowDown"), again, exists)
	f("PutObject", faultproxy.Status(200, "AccessDenied"), refused, fine)
	f("PutObject", faultproxy.Empty(), again, fine)
	f("PutObject", faultproxy.Truncate(0), again, exists)
	f("PutObject", faultproxy.Truncate(10), again, exists)
	f("PutObject", faultproxy.Delay(30*time.Millisecond), fine)

	f("CreateMultipartUpload", faultproxy.ResetBefore(), again, fine)
	f("CreateMultipartUpload", faultproxy.ResetAfter(), again, fine)
	f("CreateMultipartUpload", faultproxy.StatusAfter(500, "InternalError"), again, fine)
	f("CreateMultipartUpload", faultproxy.Status(503, "SlowDown"), again, fine)
	f("CreateMultipartUpload", faultproxy.Status(409, "OperationAborted"), fine)
	f("CreateMultipartUpload", faultproxy.Status(403, "AccessDenied"), refused, fine)
	f("CreateMultipartUpload", faultproxy.Status(404, "NoSuchBucket"), refused, fine)
	f("CreateMultipartUpload", faultproxy.Status(200, "InternalError"), again, fine)
	f("CreateMultipartUpload", faultproxy.Empty(), again, fine)
	f("CreateMultipartUpload", faultproxy.Truncate(60), again, fine)

	f("UploadPart", faultproxy.ResetBefore(), fine)
	f("UploadPart", faultproxy.ResetAfter(), fine)
	f("UploadPart", faultproxy.StatusAfter(500, "InternalError"), fine)
	f("UploadPart", faultproxy.Status(503, "SlowDown"), fine)
	f("UploadPart", faultproxy.Status(200, "InternalError"), fine)
	f("UploadPart", faultproxy.Empty(), fine)
	f("UploadPart", faultproxy.Truncate(0), fine)
	f("UploadPart", faultproxy.Status(409, "OperationAborted"), fine)
	f("UploadPart", faultproxy.Status(404, "NoSuchUpload"), again, fine)
	f("UploadPart", faultproxy.Status(403, "AccessDenied"), refused, fine)

	f("CompleteMultipartUpload", faultproxy.ResetBefore(), again, fine)
	f("CompleteMultipartUpload", faultproxy.ResetAfter(), again, exists)
	f("CompleteMultipartUpload", faultproxy.Status(500, "InternalError"), again, fine)
	f("CompleteMultipartUpload", faultproxy.StatusAfter(500, "InternalError"), again, exists)
	f("CompleteMultipartUpload", faultproxy.Status(503, "SlowDown"), again, fine)
	f("CompleteMultipartUpload", faultproxy.Status(200, "InternalError"), again, fine)
	f("CompleteMultipartUpload", faultproxy.StatusAfter(200, "InternalError"), again, exists)
	f("CompleteMultipartUpload", faultproxy.Status(409, "ConditionalRequestConflict"), fine)
	f("CompleteMultipartUpload", faultproxy.StatusAfter(412, "PreconditionFailed"), exists)
	f("CompleteMultipartUpload", faultproxy.Status(412, "PreconditionFailed"), exists, fine)
	f("CompleteMultipartUpload", faultproxy.Status(404, "NoSuchUpload"), again, fine)
	f("CompleteMultipartUpload", faultproxy.Status(400, "InvalidPart"), again, fine)
	f("CompleteMultipartUpload", faultproxy.Status(403, "AccessDenied"), refused, fine)
	f("CompleteMultipartUpload", faultproxy.Empty(), again, fine)
	f("CompleteMultipartUpload", faultproxy.Truncate(50), again, exists)

	f("HeadObject", faultproxy.ResetBefore(), fine) // it only saves an upload
	f("HeadObject", faultproxy.Status(500, ""), fine)
	f("HeadObject", faultproxy.Status(403, ""), fine)
	f("HeadObject", faultproxy.Status(200, ""), fine) // of no S3
}

// TestReadsTrustNoOtherServer: what a stranger says about an object must not be
// taken for it, or for one of somebody else's.
func TestReadsTrustNoOtherServer(t *testing.T) {
	r := newRig(t)
	body := objputtest.Random(1000)
	r.deliver(t, "key", body)
	f := func(fault faultproxy.Fault) {
		t.Helper()
		r.proxy.Play(faultproxy.Always(func(faultproxy.Request) bool { return true }, fault))
		if a, err := r.store.Head(t.Context(), "lake", "key"); err == nil || errors.Is(err, objput.ErrNotFound) {
			t.Errorf("%v: Head: %+v %v", fault, a, err)
		}
		if in, err := r.store.Get(t.Context(), "lake", "key"); err == nil {
			got, err := io.ReadAll(in)
			in.Close()
			t.Errorf("%v: Get: %q %v", fault, got, err)
		} else if errors.Is(err, objput.ErrNotFound) {
			t.Errorf("%v: Get: %v", fault, err)
		}
	}
	f(faultproxy.Empty())
	f(faultproxy.Status(200, "InternalError"))
	f(faultproxy.StatusAfter(200, "InternalError"))
	r.whole(t, "key", body)
}

// TestStalls is the same for calls that get no answer.
func TestStalls(t *testing.T) {
	r := newRig(t)
	patient := r.store
	r.store = r.open(t, impatient)
	r.deliver(t, "probes", objputtest.Random(large))
	r.whole(t, "probes", objputtest.Random(large))
	f := func(call string, fault faultproxy.Fault, size int64) {
		t.Helper()
		t.Run(call+" "+fault.String(), func(t *testing.T) {
			t.Helper()
			body := objputtest.Random(size)
			r.proxy.Play(faultproxy.Once(calls[call], fault))
			if came := r.deliver(t, t.Name(), body); slices.Contains(came, refused) {
				t.Errorf("came to %v", came)
			}
			checked := *r // whose reads do not hurry
			checked.store = patient
			if err := r.store.AbortOrphans(t.Context()); err != nil {
				t.Error(err)
			}
			checked.whole(t, t.Name(), body)
			r.keys = checked.keys
		})
	}
	for _, fault := range []faultproxy.Fault{faultproxy.StallBefore(), faultproxy.StallAfter()} {
		f("PutObject", fault, 1000)
		f("CreateMultipartUpload", fault, large)
		f("UploadPart", fault, large)
		f("CompleteMultipartUpload", fault, large)
		f("HeadObject", fault, large)
	}
}

// TestAbortFails breaks the call that cleans up after another.
func TestAbortFails(t *testing.T) {
	r := newRig(t)
	f := func(fault faultproxy.Fault) {
		t.Helper()
		t.Run(fault.String(), func(t *testing.T) {
			t.Helper()
			first := faultproxy.Once(calls["CompleteMultipartUpload"], faultproxy.Status(500, "InternalError"))
			second := faultproxy.Once(calls["AbortMultipartUpload"], fault)
			r.proxy.Play(func(q faultproxy.Request) faultproxy.Fault {
				if f := first(q); f.String() != "none" {
					return f
				}
				return second(q)
			})
			body := objputtest.Random(large)
			if came := r.deliver(t, t.Name(), body); !slices.Equal(came, []class{again, fine}) {
				t.Errorf("came to %v", came)
			}
			if uploads := r.fake.Uploads(t, "lake"); len(uploads) > 0 {
				t.Errorf("the next put left %v", uploads)
			}
			r.whole(t, t.Name(), body)
		})
	}
	f(faultproxy.ResetBefore())
	f(faultproxy.ResetAfter())
	f(faultproxy.Status(503, "SlowDown"))
	f(faultproxy.StatusAfter(404, "NoSuchUpload"))
}

// TestReadFaults breaks Head and Get.
func TestReadFaults(t *testing.T) {
	r := newRig(t)
	body := objputtest.Random(large)
	read := func(s *objput.S3) ([]byte, error) {
		b, err := s.Get(t.Context(), "lake", "before")
		if err != nil {
			return nil, err
		}
		defer b.Close()
		return io.ReadAll(b)
	}
	get := func(fault faultproxy.Fault, want class) {
		t.Helper()
		store := r.store
		if fault.String()[:5] == "stall" {
			store = r.open(t, impatient)
		}
		r.proxy.Play(faultproxy.Once(calls["GetObject"], fault))
		got, err := read(store)
		if classOf(err) != want || want == fine && !bytes.Equal(got, body) || errors.Is(err, objput.ErrNotFound) {
			t.Errorf("get, %v: %d bytes, %v", fault, len(got), err)
		}
		if got, err := read(store); err != nil || !bytes.Equal(got, body) {
			t.Errorf("get after %v: %d bytes, %v", fault, len(got), err)
		}
	}
	get(faultproxy.ResetBefore(), fine) // an HTTP client asks again by itself on a connection it had
	get(faultproxy.ResetAfter(), fine)
	get(faultproxy.StallBefore(), again)
	get(faultproxy.StallAfter(), again)
	get(faultproxy.StallBody(10_000), again)
	get(faultproxy.Truncate(10_000), again)
	get(faultproxy.Status(503, "SlowDown"), again)
	get(faultproxy.Status(403, "AccessDenied"), refused)
	get(faultproxy.Delay(10*time.Millisecond), fine)

	head := func(fault faultproxy.Fault, want class) {
		t.Helper()
		r.proxy.Play(faultproxy.Once(calls["HeadObject"], fault))
		if a, err := r.store.Head(t.Context(), "lake", "before"); classOf(err) != want || errors.Is(err, objput.ErrNotFound) {
			t.Errorf("head, %v: %v %v", fault, a, err)
		}
		if a, err := r.store.Head(t.Context(), "lake", "before"); err != nil || a.Size != large {
			t.Errorf("head after %v: %v %v", fault, a, err)
		}
	}
	head(faultproxy.ResetBefore(), fine)
	head(faultproxy.ResetAfter(), fine)
	head(faultproxy.Status(500, ""), again)
	head(faultproxy.Status(503, ""), again)
	head(faultproxy.Status(403, ""), refused)
}

// TestSlowBodyIsRead: an object that comes slowly but comes is no fault.
func TestSlowBodyIsRead(t *testing.T) {
	r := newRig(t)
	if err := r.store.PutIfAbsent(t.Context(), "lake", "slow", objputtest.Object(objputtest.Random(100), nil)); err != nil {
		t.Fatal(err)
	}
	r.proxy.Play(faultproxy.Always(calls["GetObject"], faultproxy.Trickle(5*time.Millisecond)))
	store := r.open(t, func(c *objput.S3Config) { c.Timeout = 400 * time.Millisecond }) // less than all of it takes
	if got := objputtest.Get(t, store, "lake", "slow"); !bytes.Equal(got, objputtest.Random(100)) {
		t.Errorf("%d other bytes", len(got))
	}
}

// TestCrashInUpload ends the process at every call of an upload, and with it the
// store's chance to clean up; the next process aborts what is left. A power
// failure loses the upload's id, of which the journal does not wait for a sync.
func TestCrashInUpload(t *testing.T) {
	r := newRig(t)
	f := func(call string, fault faultproxy.Fault, powerFails bool, want class) {
		t.Helper()
		t.Run(fmt.Sprintf("%s %v, power fails %t", call, fault, powerFails), func(t *testing.T) {
			t.Helper()
			key := t.Name()
			dying := r.open(t)
			var dead atomic.Bool
			r.proxy.Play(func(q faultproxy.Request) faultproxy.Fault {
				switch {
				case dead.Load():
					return faultproxy.ResetBefore() // nobody is there to ask
				case q.Path == "/lake/"+key && calls[call](q):
					dead.Store(true)
					return fault
				}
				return faultproxy.Fault{}
			})
			body := objputtest.Random(large)
			if err := dying.PutIfAbsent(t.Context(), "lake", key, objputtest.Object(body, meta)); classOf(err) != again {
				t.Fatal(err)
			}
			r.proxy.Play(nil)
			left := len(r.fake.Uploads(t, "lake"))
			if powerFails {
				r.mem = r.mem.CrashClone(vfs.CrashOptions{})
			}
			r.store = r.open(t)
			if !powerFails && call != "CreateMultipartUpload" { // the id is known, and a policy may forbid to list
				r.proxy.Play(faultproxy.Always(calls["ListMultipartUploads"], faultproxy.Status(403, "AccessDenied")))
			}
			if err := r.store.AbortOrphans(t.Context()); err != nil {
				t.Error(err)
			}
			r.proxy.Play(nil)
			if now := r.fake.Uploads(t, "lake"); len(now) > 0 {
				t.Errorf("of %d uploads left, the next process left %v", left, now)
			}
			if came := r.deliver(t, key, body); !slices.Equal(came, []class{want}) {
				t.Errorf("came to %v, want %v", came, want)
			}
			r.whole(t, key, body)
		})
	}
	for _, powerFails := range []bool{false, true} {
		f("CreateMultipartUpload", faultproxy.ResetBefore(), powerFails, fine)
		f("CreateMultipartUpload", faultproxy.ResetAfter(), powerFails, fine)
		f("UploadPart", faultproxy.ResetBefore(), powerFails, fine)
		f("UploadPart", faultproxy.ResetAfter(), powerFails, fine)
		f("CompleteMultipartUpload", faultproxy.ResetBefore(), powerFails, fine)
		f("CompleteMultipartUpload", faultproxy.ResetAfter(), powerFails, exists)
	}
}

// TestUploadsOfOthersStay: the uploads of a key are looked for by prefix, which
// other keys share.
func TestUploadsOfOthersStay(t *testing.T) {
	r := newRig(t)
	resp, err := http.Post(r.fake.URL+"/lake/key-and-more?uploads", "", nil)
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	r.proxy.Play(faultproxy.Once(calls["CreateMultipartUpload"], faultproxy.ResetAfter()))
	r.deliver(t, "key", objputtest.Random(large))
	if left := r.fake.Uploads(t, "lake"); !slices.Equal(left, []string{"key-and-more"}) {
		t.Errorf("uploads left: %v", left)
	}
}

func TestEndedContextDuringUpload(t *testing.T) {
	r := newRig(t)
	f := func(call string) {
		t.Helper()
		t.Run(call, func(t *testing.T) {
			t.Helper()
			ctx, cancel := context.WithCancel(t.Context())
			// The putter is told to stop when the store has done its part.
			r.proxy.Play(faultproxy.Once(calls[call], faultproxy.StallAfter(cancel)))
			body := objputtest.Random(large)
			if call == "PutObject" {
				body = objputtest.Random(10)
			}
			if err := r.store.PutIfAbsent(ctx, "lake", call, objputtest.Object(body, meta)); !errors.Is(err, context.Canceled) {
				t.Error(err)
			}
			if left := r.fake.Uploads(t, "lake"); len(left) > 0 && call != "CreateMultipartUpload" {
				t.Errorf("uploads left: %v", left)
			}
			r.deliver(t, call, body)
			r.whole(t, call, body)
		})
	}
	f("PutObject")
	f("CreateMultipartUpload")
	f("UploadPart")
	f("CompleteMultipartUpload")
	f("HeadObject")
}
