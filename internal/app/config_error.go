package app

import (
	"errors"
	"fmt"
	"net/http"

	"sluice/filter"
	"sluice/internal/awsapi"
)

// ConfigError says that the configuration wants what cannot be. Nobody was served
// yet, and starting again without changing it leads to the same error.
type ConfigError struct{ err error }

func (e *ConfigError) Error() string { return e.err.Error() }
func (e *ConfigError) Unwrap() error { return e.err }

// misconfigured is fmt.Errorf for mistakes in the configuration; format begins with
// the key.
func misconfigured(format string, args ...any) error {
	return &ConfigError{fmt.Errorf(format, args...)}
}

// declaredWrong tells a declaration that an operation refuses, as it would a
// client's, from a failure to apply it, and from a destination that is away.
func declaredWrong(what string, err error) error {
	err = fmt.Errorf("apply pipelines: %s: %w", what, err)
	var refused *awsapi.Error
	if errors.As(err, &refused) && refused.Code != awsapi.CodeThrottling && refused.Status < http.StatusInternalServerError && !errors.Is(err, filter.ErrNoAnswer) {
		return &ConfigError{err}
	}
	return err
}
