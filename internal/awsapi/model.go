package awsapi

// ServiceModel is what the wire protocols need to know about a service that
// speaks several of them; see Multi.
type ServiceModel struct {
	// Service is the credential scope's: monitoring, sns.
	Service string
	// Shape is the service's name in X-Amz-Target and in the path of
	// rpc-v2-cbor. A service without one speaks the query protocol alone.
	Shape string
	// CBOR11 says that the service speaks CBOR 1.1 instead of rpc-v2-cbor.
	CBOR11 bool
	// Version and Namespace are those of the query protocol and its XML; a service
	// without a version does not speak it.
	Version, Namespace string
	// ErrorNamespace stands before the codes of the model's own errors in
	// __type. Codes that all services share have namespaces of AWS's own.
	ErrorNamespace string
	// QueryCodes is how the query protocol calls an error, where it does not call
	// it by the name of its shape.
	QueryCodes map[string]string
}

// CloudWatch is the model of metrics and alarms. Newer clients speak AWS JSON or
// CBOR to it and expect the codes of the query protocol in a header.
var CloudWatch = &ServiceModel{
	Service:        "monitoring",
	Shape:          "GraniteServiceVersion20100801",
	Version:        "2010-08-01",
	Namespace:      "http://monitoring.amazonaws.com/doc/2010-08-01/",
	ErrorNamespace: "com.amazonaws.cloudwatch.v2010_08_01#",
	QueryCodes: map[string]string{
		"DashboardInvalidInputError":           "InvalidParameterInput",
		"DashboardNotFoundError":               "ResourceNotFound",
		"InternalServiceFault":                 "InternalServiceError",
		"InvalidFormatFault":                   "InvalidFormat",
		"InvalidParameterCombinationException": "InvalidParameterCombination",
		"InvalidParameterValueException":       "InvalidParameterValue",
		"LimitExceededFault":                   "LimitExceeded",
		"MissingRequiredParameterException":    "MissingParameter",
	},
}

// SNS is the model of notifications, which speaks the query protocol alone.
var SNS = &ServiceModel{
	Service:   "sns",
	Version:   "2010-03-31",
	Namespace: "http://sns.amazonaws.com/doc/2010-03-31/",
	QueryCodes: map[string]string{
		"AuthorizationErrorException":    "AuthorizationError",
		"InvalidParameterException":      "InvalidParameter",
		"InvalidParameterValueException": "ParameterValueInvalid",
		"NotFoundException":              "NotFound",
	},
}

// Kinesis is the model of data streams: Java's clients speak CBOR 1.1 to it, all
// others AWS JSON.
var Kinesis = &ServiceModel{Service: "kinesis", Shape: "Kinesis_20131202", CBOR11: true}

// speaks tells whether a service has a protocol of which the operation stands
// outside the body. A nil model is that of a service of AWS JSON alone.
func (m *ServiceModel) speaks(p protocol) bool {
	switch p {
	case protocolCBOR:
		return m != nil && !m.CBOR11
	case protocolCBOR11:
		return m != nil && m.CBOR11
	}
	return true
}

// target is the operation's key among all operations of a Server.
func (m *ServiceModel) target(operation string) string {
	if m.Shape == "" {
		return m.Service + "." + operation
	}
	return m.Shape + "." + operation
}

// commonQueryCodes is how the query protocol calls the errors that every service
// answers with.
var commonQueryCodes = map[string]string{
	CodeAccessDenied:               "AccessDenied",
	CodeExpiredToken:               "ExpiredToken",
	CodeIncompleteSignature:        "IncompleteSignature",
	CodeInternalFailure:            "InternalFailure",
	CodeInvalidSignature:           "SignatureDoesNotMatch",
	CodeMissingAuthenticationToken: "MissingAuthenticationToken",
	CodeRequestEntityTooLarge:      "RequestEntityTooLarge",
	CodeRequestTimeout:             "RequestTimeout",
	CodeSerialization:              "MalformedInput",
	CodeServiceUnavailable:         "ServiceUnavailable",
	CodeThrottling:                 "Throttling",
	CodeUnknownOperation:           "InvalidAction",
	CodeUnrecognizedClient:         "InvalidClientTokenId",
	CodeUnsupportedMediaType:       "UnsupportedMediaType",
	CodeValidation:                 "ValidationError",
}

// queryCode is the error's code in the query protocol. m may be nil, before the
// service is known.
func (m *ServiceModel) queryCode(code string) string {
	if m != nil {
		if q, ok := m.QueryCodes[code]; ok {
			return q
		}
	}
	if q, ok := commonQueryCodes[code]; ok {
		return q
	}
	return code
}

// errorType is an error's __type. Services of one protocol print the bare code,
// which their clients compare as it stands.
func (m *ServiceModel) errorType(code string) string {
	switch {
	case m == nil || m.ErrorNamespace == "":
		return code
	case code == CodeValidation:
		return "com.amazon.coral.validate#" + code
	case commonQueryCodes[code] != "":
		return "com.amazon.coral.service#" + code
	}
	return m.ErrorNamespace + code
}
