package httpingest

import (
	"context"
	"net/url"
	"unicode/utf8"

	"sluice/internal/awsapi"
	"sluice/internal/catalog"
)

// target is where a request's events go.
type target struct {
	group  catalog.LogGroup
	stream catalog.LogStream
}

const (
	groupHeader  = "X-Aws-Log-Group"
	streamHeader = "X-Aws-Log-Stream"
	maxName      = 512 // characters
)

// target finds the log group and stream that a request names.
func (a *API) target(ctx context.Context, r *awsapi.Request, inQuery bool) (target, error) {
	group, stream, err := names(r, inQuery)
	if err != nil {
		return target{}, err
	}
	t, err := a.find(r.Caller, group, stream)
	if err == nil || a.cfg.Create == nil || awsapi.CodeOf(err) != awsapi.CodeResourceNotFound {
		return t, err
	}
	if err := a.cfg.Create(ctx, r.Caller, group, stream); err != nil {
		return target{}, err
	}
	return a.find(r.Caller, group, stream)
}

func (a *API) find(c awsapi.Caller, group, stream string) (t target, err error) {
	var ok bool
	if t.group, ok = a.cfg.Definitions.Group(catalog.Scope{Account: c.Account, Region: c.Region}, group); !ok {
		return t, awsapi.ErrLogGroupNotFound
	}
	if t.stream, ok = a.cfg.Definitions.Stream(t.group.UID, stream); !ok {
		return t, awsapi.ErrLogStreamNotFound
	}
	return t, nil
}

// names reads the two names, each from its header or its query parameter.
func names(r *awsapi.Request, inQuery bool) (group, stream string, err error) {
	group, stream = r.Header.Get(groupHeader), r.Header.Get(streamHeader)
	if inQuery && r.Query != "" {
		query, err := url.ParseQuery(r.Query)
		if err != nil {
			return "", "", awsapi.InvalidParameter("The query string cannot be read.")
		}
		for _, p := range [...]struct {
			name, header string
			value        *string
		}{{"logGroup", "x-aws-log-group", &group}, {"logStream", "x-aws-log-stream", &stream}} {
			value := query.Get(p.name)
			if value != "" && *p.value != "" {
				return "", "", awsapi.InvalidParameter("The query parameter %s and the header %s are mutually exclusive.", p.name, p.header)
			}
			if value != "" {
				*p.value = value
			}
		}
	}
	return group, stream, checkNames(group, stream, inQuery)
}

func checkNames(group, stream string, inQuery bool) error {
	missing := func(header, parameter string) error {
		if inQuery {
			return awsapi.InvalidParameter("The header %s or the query parameter %s is required.", header, parameter)
		}
		return awsapi.InvalidParameter("The header %s is required.", header)
	}
	switch {
	case group == "":
		return missing("x-aws-log-group", "logGroup")
	case stream == "":
		return missing("x-aws-log-stream", "logStream")
	case utf8.RuneCountInString(group) > maxName || utf8.RuneCountInString(stream) > maxName:
		return awsapi.ErrNameTooLong
	}
	v := awsapi.LogsValidation()
	v.Pattern("logGroupName", group, awsapi.PatternLogGroupName, awsapi.ValidLogGroupName(group))
	v.Pattern("logStreamName", stream, awsapi.PatternLogStreamName, awsapi.ValidLogStreamName(stream) && utf8.ValidString(stream))
	return v.Err()
}
