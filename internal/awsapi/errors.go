package awsapi

import (
	"errors"
	"fmt"
	"net/http"
)

// Error is an answer that a client is meant to see: AWS's bare code, AWS's
// text, and the HTTP status (0 means 400, which nearly all of them have).
// Rooms return domain errors inside and map them to an *Error at their API
// edge only. Errors compare by identity or, with errors.Is, by code and text.
type Error struct {
	Code    string
	Message string
	Status  int
}

func (e *Error) Error() string {
	if e.Message == "" {
		return e.Code
	}
	return e.Code + ": " + e.Message
}

// Is makes a constructed error equal to a sentinel with the same code and text.
func (e *Error) Is(target error) bool {
	t, ok := target.(*Error)
	return ok && t.Code == e.Code && t.Message == e.Message
}

func (e *Error) status() int {
	if e.Status == 0 {
		return http.StatusBadRequest
	}
	return e.Status
}

// CodeOf is the AWS code of err, or "" when err holds no *Error.
func CodeOf(err error) string {
	var e *Error
	if errors.As(err, &e) {
		return e.Code
	}
	return ""
}

// AWS's error codes, bare as they stand in __type.
const (
	CodeAccessDenied               = "AccessDeniedException"
	CodeConcurrentModification     = "ConcurrentModificationException"
	CodeExpiredToken               = "ExpiredTokenException"
	CodeIncompleteSignature        = "IncompleteSignatureException"
	CodeInternalFailure            = "InternalFailure"
	CodeInvalidArgument            = "InvalidArgumentException"
	CodeInvalidOperation           = "InvalidOperationException"
	CodeInvalidParameter           = "InvalidParameterException"
	CodeInvalidSignature           = "InvalidSignatureException"
	CodeLimitExceeded              = "LimitExceededException"
	CodeMalformedQuery             = "MalformedQueryException"
	CodeMissingAuthenticationToken = "MissingAuthenticationTokenException"
	CodeOperationAborted           = "OperationAbortedException"
	CodeRequestEntityTooLarge      = "RequestEntityTooLargeException"
	CodeRequestTimeout             = "RequestTimeoutException"
	CodeResourceAlreadyExists      = "ResourceAlreadyExistsException"
	CodeResourceInUse              = "ResourceInUseException"
	CodeResourceNotFound           = "ResourceNotFoundException"
	CodeSerialization              = "SerializationException"
	CodeServiceUnavailable         = "ServiceUnavailableException"
	CodeThrottling                 = "ThrottlingException"
	CodeTooManyTags                = "TooManyTagsException"
	CodeUnknownOperation           = "UnknownOperationException"
	CodeUnrecognizedClient         = "UnrecognizedClientException"
	CodeUnsupportedMediaType       = "UnsupportedMediaTypeException"
	CodeValidation                 = "ValidationException"
)

// The answers of CloudWatch Logs whose texts clients match on. Recorded from
// AWS, dots and missing dots included.
var (
	ErrLogGroupNotFound           = &Error{Code: CodeResourceNotFound, Message: "The specified log group does not exist."}
	ErrLogStreamNotFound          = &Error{Code: CodeResourceNotFound, Message: "The specified log stream does not exist."}
	ErrSubscriptionFilterNotFound = &Error{Code: CodeResourceNotFound, Message: "The specified subscription filter does not exist."}
	ErrMetricFilterNotFound       = &Error{Code: CodeResourceNotFound, Message: "The specified metric filter does not exist."}
	ErrDestinationNotFound        = &Error{Code: CodeResourceNotFound, Message: "The specified destination does not exist."}
	ErrExportTaskNotFound         = &Error{Code: CodeResourceNotFound, Message: "The specified export task does not exist."}
	ErrExportTaskFinished         = &Error{Code: CodeInvalidOperation, Message: "The specified export task has already finished"}
	ErrLogGroupExists             = &Error{Code: CodeResourceAlreadyExists, Message: "The specified log group already exists"}
	ErrLogStreamExists            = &Error{Code: CodeResourceAlreadyExists, Message: "The specified log stream already exists"}
	ErrInvalidNextToken           = &Error{Code: CodeInvalidParameter, Message: "The specified nextToken is invalid."}
	ErrLimitExceeded              = &Error{Code: CodeLimitExceeded, Message: "Resource limit exceeded."}
	ErrNameTooLong                = &Error{Code: CodeInvalidParameter, Message: "Invalid LogGroup or LogStream, both must have length less than or equal to 512."}
	ErrGroupNameAndARN            = &Error{Code: CodeValidation, Message: "LogGroup name and LogGroup ARN are mutually exclusive parameters."}
	ErrGroupPrefixAndPattern      = &Error{Code: CodeInvalidParameter, Message: "LogGroup name prefix and LogGroup name pattern are mutually exclusive parameters."}
	ErrNotChronological           = &Error{Code: CodeInvalidParameter, Message: "Log events in a single PutLogEvents request must be in chronological order."}
	ErrBatchSpan                  = &Error{Code: CodeInvalidParameter, Message: "The batch of log events in a single PutLogEvents request cannot span more than 24 hours."}
	ErrBucketNotFound             = &Error{Code: CodeInvalidParameter, Message: "The given bucket does not exist. Please make sure the bucket is valid."}
	// ErrOperationAborted carries the words that Terraform retries on.
	ErrOperationAborted = &Error{Code: CodeOperationAborted, Message: "A conflicting operation is currently in progress against this resource. Please try again."}
)

// Answers of the transport and of authentication. The texts are AWS's general
// ones; no recording of them exists for these services.
var (
	ErrThrottled              = &Error{Code: CodeThrottling, Message: "Rate exceeded"}
	ErrServiceUnavailable     = &Error{Code: CodeServiceUnavailable, Message: "Service is unavailable. Please try again.", Status: http.StatusServiceUnavailable}
	ErrInternalFailure        = &Error{Code: CodeInternalFailure, Message: "The request processing has failed because of an unknown error, exception or failure.", Status: http.StatusInternalServerError}
	ErrMissingToken           = &Error{Code: CodeMissingAuthenticationToken, Message: "Missing Authentication Token"}
	ErrUnrecognizedClient     = &Error{Code: CodeUnrecognizedClient, Message: "The security token included in the request is invalid."}
	ErrExpiredToken           = &Error{Code: CodeExpiredToken, Message: "The security token included in the request is expired"}
	ErrSignatureMismatch      = &Error{Code: CodeInvalidSignature, Message: "The request signature we calculated does not match the signature you provided. Check your AWS Secret Access Key and signing method. Consult the service documentation for details."}
	ErrCrossAccountLambda     = &Error{Code: CodeAccessDenied, Message: "Cross-account lambda invocation passing is not allowed. You must use DestinationPolicies to create cross account lambda triggers."}
	ErrUndeliverableToKinesis = &Error{Code: CodeInvalidParameter, Message: "Could not deliver test message to specified Kinesis stream. Check if the given kinesis stream is in ACTIVE state."}
	// The Firehose and destination texts follow the recorded Kinesis one;
	// clients match on "Could not deliver test message to specified".
	ErrUndeliverableToFirehose    = &Error{Code: CodeInvalidParameter, Message: "Could not deliver test message to specified Firehose stream. Check if the given Firehose stream is in ACTIVE state."}
	ErrUndeliverableToDestination = &Error{Code: CodeInvalidParameter, Message: "Could not deliver test message to specified destination. Check if the destination is valid."}
	ErrLambdaNotExecutable        = &Error{Code: CodeInvalidParameter, Message: "Could not execute the lambda function. Make sure you have given CloudWatch Logs permission to execute your function."}
)

// InvalidParameter is CloudWatch Logs' answer to a value it does not take.
func InvalidParameter(format string, args ...any) *Error {
	return newError(CodeInvalidParameter, format, args)
}

// InvalidArgument is Firehose's and Kinesis's answer to a value they do not
// take for its meaning.
func InvalidArgument(format string, args ...any) *Error {
	return newError(CodeInvalidArgument, format, args)
}

// ValidationException is the answer to a value that the service model refuses.
func ValidationException(format string, args ...any) *Error {
	return newError(CodeValidation, format, args)
}

// ResourceNotFound is the general form; the fixed texts are sentinels.
func ResourceNotFound(format string, args ...any) *Error {
	return newError(CodeResourceNotFound, format, args)
}

// ResourceInUse is Firehose's and Kinesis's "exists already" and "not now".
func ResourceInUse(format string, args ...any) *Error {
	return newError(CodeResourceInUse, format, args)
}

// LimitExceeded is the general form of ErrLimitExceeded.
func LimitExceeded(format string, args ...any) *Error {
	return newError(CodeLimitExceeded, format, args)
}

// InvalidOperation says that the resource's state forbids the call.
func InvalidOperation(format string, args ...any) *Error {
	return newError(CodeInvalidOperation, format, args)
}

// AccessDenied says that a policy forbids the call.
func AccessDenied(format string, args ...any) *Error {
	return newError(CodeAccessDenied, format, args)
}

// Throttling tells the client to come back later; SDKs do so by themselves.
func Throttling(format string, args ...any) *Error {
	return newError(CodeThrottling, format, args)
}

// ServiceUnavailable is the retryable 503.
func ServiceUnavailable(format string, args ...any) *Error {
	e := newError(CodeServiceUnavailable, format, args)
	e.Status = http.StatusServiceUnavailable
	return e
}

// Serialization is the answer to a body that is not what the protocol says.
func Serialization(format string, args ...any) *Error {
	return newError(CodeSerialization, format, args)
}

// DeliveryStreamNotFound is Firehose's answer to an unknown name.
func DeliveryStreamNotFound(c Caller, name string) *Error {
	return ResourceNotFound("Firehose %s under account %s not found.", name, c.Account)
}

// DeliveryStreamExists is Firehose's answer to a name that is taken.
func DeliveryStreamExists(c Caller, name string) *Error {
	return ResourceInUse("Firehose %s under accountId %s already exists", name, c.Account)
}

// StreamNotFound is Kinesis's answer to an unknown stream name.
func StreamNotFound(c Caller, name string) *Error {
	return ResourceNotFound("Stream %s under account %s not found.", name, c.Account)
}

// DestinationWithoutRole and DestinationWithRole are the answers of
// PutSubscriptionFilter to a roleArn that is missing or not wanted.
func DestinationWithoutRole(vendor string) *Error {
	return InvalidParameter("destinationArn for vendor %s cannot be used without roleArn", vendor)
}

// DestinationWithRole: see DestinationWithoutRole.
func DestinationWithRole(vendor string) *Error {
	return InvalidParameter("destinationArn for vendor %s cannot be used with roleArn", vendor)
}

// DestinationVendor is the answer of PutSubscriptionFilter to an ARN of a
// service that subscription filters cannot reach.
func DestinationVendor(vendor string) *Error {
	return InvalidParameter("PutSubscriptionFilter operation cannot work with destinationArn for vendor %s", vendor)
}

// UploadTooLarge is PutLogEvents' answer to a batch over its size.
func UploadTooLarge(size, limit int) *Error {
	return InvalidParameter("Upload too large: %d bytes exceeds limit of %d", size, limit)
}

// LogEventTooLarge is PutLogEvents' answer to one event over its size.
func LogEventTooLarge(size, limit int) *Error {
	return InvalidParameter("Log event too large: %d bytes exceeds limit of %d", size, limit)
}

func newError(code, format string, args []any) *Error {
	if len(args) > 0 { // a text without arguments may hold a per cent sign
		format = fmt.Sprintf(format, args...)
	}
	return &Error{Code: code, Message: format}
}
