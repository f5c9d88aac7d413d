package objput_test

import (
	"errors"
	"io"
	"strings"
	"testing"

	"sluice/internal/objput"
	"sluice/internal/objput/objputtest"
	"sluice/internal/vfs"
)

func TestOpen(t *testing.T) {
	objputtest.SetCredentials(t, "AKIDEXAMPLE", "secret")
	fake := objputtest.NewFake(t, "lake")
	f := func(spec string, cfg objput.S3Config, wantErr string) {
		t.Helper()
		s, err := objput.Open(t.Context(), spec, vfs.NewMem(), cfg)
		if wantErr != "" {
			if err == nil || !strings.Contains(err.Error(), wantErr) {
				t.Errorf("%s: %v, want %q", spec, err, wantErr)
			}
			if s != nil {
				t.Errorf("%s: a store beside the error %v", spec, err)
			}
			return
		}
		if err != nil {
			t.Errorf("%s: %v", spec, err)
			return
		}
		if c, ok := s.(io.Closer); ok {
			defer c.Close()
		}
		if spec == "aws" {
			return
		}
		if err := s.PutIfAbsent(t.Context(), "lake", "k", objputtest.Object([]byte("x"), nil)); err != nil {
			t.Errorf("%s: %v", spec, err)
		}
	}
	f("folder:/data/s3", objput.S3Config{}, "")
	f(fake.URL, objput.S3Config{Journal: "/data/uploads"}, "")
	f("aws", objput.S3Config{Region: "eu-central-1"}, "")
	f("aws", objput.S3Config{}, "no region")
	f("folder:", objput.S3Config{}, "folder:DIR")
	f("", objput.S3Config{}, "give folder:DIR, aws or http(s)://ENDPOINT")
	f("s3://lake", objput.S3Config{}, "give folder:DIR, aws or http(s)://ENDPOINT")
	f("http://", objput.S3Config{}, "http(s)://HOST[:PORT]")
	f("http://:9000", objput.S3Config{}, "http(s)://HOST[:PORT]")
	f("http://key:secret@127.0.0.1:9000", objput.S3Config{}, "AWS_ACCESS_KEY_ID")
	f("http://127.0.0.1:9000?path_style=on", objput.S3Config{}, "no query")
	f(fake.URL, objput.S3Config{SSE: "rot13"}, "none of AES256")
	f(fake.URL, objput.S3Config{SSEKMSKeyID: "key"}, "aws:kms")
	f(fake.URL, objput.S3Config{PathStyle: "maybe"}, "neither on nor off")
	f(fake.URL, objput.S3Config{PartSize: -1}, "must be positive")
}

func TestSecretsStayOutOfErrors(t *testing.T) {
	_, err := objput.Open(t.Context(), "http://key:hunter2@127.0.0.1", vfs.NewMem(), objput.S3Config{})
	if err == nil || strings.Contains(err.Error(), "hunter2") {
		t.Error(err)
	}
}

// TestNoCredentials: somebody has to give some, so it is a refusal.
func TestNoCredentials(t *testing.T) {
	fake := objputtest.NewFake(t, "lake")
	objputtest.SetCredentials(t, "", "")
	s, err := objput.OpenS3(t.Context(), objput.S3Config{Endpoint: fake.URL})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	if err := s.PutIfAbsent(t.Context(), "lake", "k", objputtest.Object([]byte("x"), nil)); !errors.Is(err, objput.ErrRefused) || !strings.Contains(err.Error(), "no credentials") {
		t.Error(err)
	}
	if _, err := s.Head(t.Context(), "lake", "k"); !errors.Is(err, objput.ErrRefused) {
		t.Error(err)
	}
}

// TestStoreIsAway: opening does not need the store.
func TestStoreIsAway(t *testing.T) {
	s := openS3(t, "http://127.0.0.1:1")
	err := s.PutIfAbsent(t.Context(), "lake", "k", objputtest.Object([]byte("x"), nil))
	if classOf(err) != again {
		t.Error(err)
	}
}
