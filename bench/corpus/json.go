package corpus

var (
	services = []string{"checkout", "payments", "inventory", "search-api", "edge-gateway", "session-store", "mailer", "catalog"}
	regions  = []string{"us-east-1", "us-west-2", "eu-central-1", "ap-southeast-2"}
	methods  = []string{"GET", "GET", "GET", "GET", "GET", "POST", "POST", "POST", "PUT", "DELETE"}
	paths    = []string{"/v1/orders", "/v1/orders/{id}", "/v1/carts/{id}/items", "/v1/payments/authorize", "/v1/stock/{sku}", "/v1/users/{id}/profile", "/v2/search", "/healthz"}
	agents   = []string{
		"Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/126.0.0.0 Safari/537.36",
		"Mozilla/5.0 (iPhone; CPU iPhone OS 17_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/17.5 Mobile/15E148 Safari/604.1",
		"aws-sdk-go-v2/1.30.3 os/linux lang/go#1.22.5", "python-requests/2.32.3", "okhttp/4.12.0", "curl/8.6.0",
	}
	levels   = []string{"INFO", "INFO", "INFO", "INFO", "INFO", "INFO", "INFO", "INFO", "DEBUG", "DEBUG", "DEBUG", "WARN"}
	good     = []string{"200", "200", "200", "200", "201", "204", "302", "304", "400", "401", "404", "429"}
	broken   = []string{"500", "502", "503", "504"}
	messages = []string{
		"request completed", "session renewed", "payment authorised by provider", "cache refreshed for tenant", "index segment merged",
		"worker picked up job from queue", `order state moved from \"placed\" to \"packed\"`, "retry scheduled after transient upstream response",
	}
	failures = []string{
		"upstream timed out while reading response header", "deadlock detected, transaction rolled back", "could not acquire database connection within 5000ms",
		"payment provider refused the request: code=card_declined", "unexpected end of JSON input at offset 4096",
	}
	zones = []string{"az-a", "az-b", "az-c"}
)

// appendApp appends one object of an application's log. Where status >= 500
// the level is ERROR and an error with a stack is there: 2.6 % of all events,
// also of a corpus in which only three of four are an application's.
func (g *Generator) appendApp(dst []byte) []byte {
	r := &g.rand
	failing := uint32(26)
	if g.kind == JSON {
		failing = 35
	}
	failed := r.below(1000) < failing
	level, status, message := r.pick(levels), r.pick(good), r.pick(messages)
	if failed {
		level, status, message = "ERROR", r.pick(broken), r.pick(failures)
	}
	service := r.pick(services)
	dst = append(append(dst, `{"timestamp":"`...), g.clock.date[:]...)
	dst = g.clock.appendFraction(append(dst, '.'), 6)
	dst = g.appendSeq(append(dst, `Z",`...))
	dst = append(append(dst, `"level":"`...), level...)
	dst = append(append(dst, `","service":"`...), service...)
	dst = append(append(dst, `","region":"`...), r.pick(regions)...)
	dst = appendUint(append(dst, `","host":"ip-10-`...), r.below(16))
	dst = appendUint(append(dst, '-'), r.below(256))
	dst = append(append(dst, `","method":"`...), r.pick(methods)...)
	dst = append(append(dst, `","path":"`...), r.pick(paths)...)
	dst = append(append(dst, `","status":`...), status...)
	dst = appendUint(append(dst, `,"latency_ms":`...), 1+r.below(2500))
	hundredths := r.below(100)
	dst = append(dst, '.', '0'+byte(hundredths/10), '0'+byte(hundredths%10))
	dst = appendUint(append(dst, `,"bytes":`...), 20+r.below(60_000))
	dst = appendHex(append(dst, `,"trace_id":"`...), r.next(), 16)
	dst = appendHex(dst, r.next(), 16)
	dst = appendHex(append(dst, `","span_id":"`...), r.next(), 16)
	dst = append(append(dst, `","message":"`...), message...)
	dst = appendUint(append(dst, `","user":{"id":"u-`...), r.below(500_000))
	dst = r.appendIP(append(dst, `","ip":"`...), 10)
	dst = append(append(dst, `","agent":"`...), r.pick(agents)...)
	dst = append(dst, `"}`...)
	if failed {
		dst = r.appendError(dst, service)
	}
	dst = append(append(dst, `,"tags":["prod","`...), r.pick(zones)...)
	return append(dst, `"]}`...)
}

// appendError appends the error member of a failed request.
func (r *random) appendError(dst []byte, service string) []byte {
	retryable := "false"
	if r.below(2) == 0 {
		retryable = "true"
	}
	dst = append(append(dst, `,"error":{"kind":"UpstreamError","retryable":`...), retryable...)
	dst = append(append(dst, `,"stack":"at `...), service...)
	dst = appendUint(append(dst, `.Handler.serve (handler.go:`...), 10+r.below(500))
	dst = append(append(dst, `)\n\tat `...), service...)
	dst = appendUint(append(dst, `.Router.dispatch (router.go:`...), 10+r.below(900))
	return append(dst, `)\n\tat net.Server.loop (server.go:211)"}`...)
}

// call is an operation that CloudTrail records.
type call struct{ source, name, resource, denied string }

var (
	calls = []call{
		{"s3", "GetObject", "S3::Object", "AccessDenied"},
		{"s3", "PutObject", "S3::Object", "AccessDenied"},
		{"ec2", "DescribeInstances", "EC2::Instance", "Client.UnauthorizedOperation"},
		{"iam", "CreateAccessKey", "IAM::User", "AccessDenied"},
		{"sts", "AssumeRole", "IAM::Role", "AccessDenied"},
		{"kms", "Decrypt", "KMS::Key", "AccessDenied"},
		{"dynamodb", "Query", "DynamoDB::Table", "ThrottlingException"},
		{"signin", "ConsoleLogin", "IAM::User", "AccessDenied"},
	}
	accounts = []string{
		"100000000000", "100001111111", "100002222222", "100003333333", "100004444444", "100005555555", "100006666666", "100007777777",
		"100008888888", "100009999999", "100011111110", "100012222221", "100013333332", "100014444443", "100015555554", "100016666665",
	}
	readOnly = []string{"true", "true", "false"}
)

// appendCloudTrail appends one record of CloudTrail; 2.6 % of the calls failed.
func (g *Generator) appendCloudTrail(dst []byte) []byte {
	r := &g.rand
	service, account := r.pick(services), r.pick(accounts)
	c := &calls[r.below(uint32(len(calls)))]
	dst = append(dst, `{"eventVersion":"1.08","userIdentity":{"type":"AssumedRole","principalId":"AROA`...)
	dst = append(append(appendHex(dst, r.next(), 16), ':'), service...)
	dst = append(append(dst, `","arn":"arn:aws:sts::`...), account...)
	dst = append(append(dst, `:assumed-role/`...), service...)
	dst = appendHex(append(dst, `/i-`...), r.next(), 16)
	dst = append(append(dst, `","accountId":"`...), account...)
	dst = append(append(dst, `"},"eventTime":"`...), g.clock.date[:]...)
	dst = g.appendSeq(append(dst, `Z",`...))
	dst = append(append(dst, `"eventSource":"`...), c.source...)
	dst = append(append(dst, `.amazonaws.com","eventName":"`...), c.name...)
	dst = append(append(dst, `","awsRegion":"`...), r.pick(regions)...)
	dst = r.appendIP(append(dst, `","sourceIPAddress":"`...), 52)
	dst = append(append(dst, `","userAgent":"`...), r.pick(agents)...)
	if r.below(1000) < 26 {
		dst = append(append(dst, `","errorCode":"`...), c.denied...)
		dst = append(append(dst, `","errorMessage":"The call to `...), c.name...)
		dst = append(dst, ` was refused`...)
	}
	dst = append(append(dst, `","requestParameters":{"name":"`...), service...)
	dst = appendHex(append(dst, '-'), r.next(), 10)
	dst = r.appendUUID(append(dst, `"},"responseElements":null,"requestID":"`...))
	dst = r.appendUUID(append(dst, `","eventID":"`...))
	dst = append(append(dst, `","readOnly":`...), r.pick(readOnly)...)
	dst = append(append(dst, `,"resources":[{"accountId":"`...), account...)
	dst = append(append(dst, `","type":"AWS::`...), c.resource...)
	dst = append(append(dst, `"}],"eventType":"AwsApiCall","managementEvent":true,"recipientAccountId":"`...), account...)
	return append(dst, `"}`...)
}
