package objput

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
)

var (
	// errConflict: another conditional write of the key was under way.
	errConflict = errors.New("another write of the key is under way")
	// errUploadGone: the upload cannot be completed, a new one can.
	errUploadGone = errors.New("the multipart upload is gone or incomplete")
	// errNoBucket is ErrRefused to those who put and ErrNotFound to those who read.
	errNoBucket = errors.New("no such bucket")
	// errNotImplemented: the store does not know something in the request.
	errNotImplemented = errors.New("not implemented by the store")
	// errSilent: the store took longer than a call may take.
	errSilent = errors.New("no answer in time")
	// errNoETag: whoever answered 200 was no S3.
	errNoETag = errors.New("answer without an ETag")
)

// codes are S3's error codes that say more than, or other than, their status,
// which is wrong when the error came in the body of a 200.
var codes = map[string]error{
	"PreconditionFailed":         ErrExists,
	"ConditionalRequestConflict": errConflict,
	"OperationAborted":           errConflict,
	"NoSuchUpload":               errUploadGone,
	"InvalidPart":                errUploadGone,
	"NoSuchBucket":               errNoBucket,
	"NoSuchKey":                  ErrNotFound,
	"NotFound":                   ErrNotFound,
	"NotImplemented":             errNotImplemented,
	"AccessDenied":               ErrRefused,
	"AllAccessDisabled":          ErrRefused,
	"AccountProblem":             ErrRefused,
	"InvalidAccessKeyId":         ErrRefused,
	"SignatureDoesNotMatch":      ErrRefused,
	"ExpiredToken":               ErrRefused,
	"InvalidToken":               ErrRefused,
	// Statuses of 400 and 403 that another attempt cures.
	"RequestTimeout":              nil,
	"RequestTimeTooSkewed":        nil, // the SDK learns the difference, or somebody sets the clock
	"BadDigest":                   nil,
	"XAmzContentSHA256Mismatch":   nil,
	"XAmzContentChecksumMismatch": nil,
	"IncompleteBody":              nil,
	"SlowDown":                    nil,
	"Throttling":                  nil,
	"ThrottlingException":         nil,
	"KMS.ThrottlingException":     nil,
}

// classifyS3 puts a failed call's error into the Store's terms: wrapped in one of
// the sentinels here or of the Store, or left alone when another attempt may
// succeed.
func classifyS3(ctx context.Context, err error) error {
	if err == nil {
		return nil
	}
	if cause := context.Cause(ctx); cause != nil {
		return fmt.Errorf("%w: %s", cause, strings.TrimSpace(err.Error()))
	}
	var api interface {
		error
		ErrorCode() string
	}
	if errors.As(err, &api) {
		if sentinel, known := codes[api.ErrorCode()]; known {
			return wrap(sentinel, err)
		}
		if strings.HasPrefix(api.ErrorCode(), "KMS.") {
			return wrap(ErrRefused, err)
		}
	}
	var answer interface {
		error
		HTTPStatusCode() int
	}
	if errors.As(err, &answer) {
		return wrap(ofStatus(answer.HTTPStatusCode()), err)
	}
	return err // of the network
}

func ofStatus(status int) error {
	switch status {
	case http.StatusPreconditionFailed, http.StatusNotModified: // some stores say 304 to If-None-Match
		return ErrExists
	case http.StatusConflict:
		return errConflict
	case http.StatusNotFound:
		return ErrNotFound
	case http.StatusNotImplemented:
		return errNotImplemented
	case http.StatusRequestTimeout, http.StatusTooManyRequests:
		return nil
	}
	if status >= 300 && status < 500 {
		return ErrRefused
	}
	return nil
}

func wrap(sentinel, err error) error {
	switch {
	case sentinel == nil:
		return err
	case sentinel == ErrExists:
		return ErrExists // the ordinary course of things, and compared by many with ==
	}
	return fmt.Errorf("%w: %w", sentinel, err)
}

// mayPass reports whether a call that failed may succeed when repeated at once.
func mayPass(err error) bool {
	for _, final := range []error{ErrExists, ErrRefused, ErrNotFound, errConflict, errUploadGone, errNoBucket, errNotImplemented} {
		if errors.Is(err, final) {
			return false
		}
	}
	return true
}

// toPutter makes of an internal error what a putter understands.
func toPutter(err error) error {
	if errors.Is(err, errNoBucket) || errors.Is(err, errNotImplemented) {
		return wrap(ErrRefused, err)
	}
	return err
}

// toReader makes of an internal error what a reader understands.
func toReader(err error) error {
	switch {
	case errors.Is(err, errNoBucket):
		return wrap(ErrNotFound, err)
	case errors.Is(err, errNotImplemented):
		return wrap(ErrRefused, err)
	}
	return err
}
