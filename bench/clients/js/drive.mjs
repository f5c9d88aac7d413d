// Drives a server with the AWS SDK for JavaScript: groups, streams, events in and
// out, a live tail, typed errors. Prints what it stored, one message a line, and
// ends with an error at the first surprise. The SDK is that of node_modules beside
// this file, or of the folder that SLUICETEST_CLIENTS_JS names.
import assert from 'node:assert/strict';
import { createRequire } from 'node:module';
import { pathToFileURL } from 'node:url';

const home = process.env.SLUICETEST_CLIENTS_JS ? pathToFileURL(process.env.SLUICETEST_CLIENTS_JS + '/x.js') : import.meta.url;
const logs = createRequire(home)('@aws-sdk/client-cloudwatch-logs');

const [endpoint, batches] = [process.argv[2], Number(process.argv[3])];
// An IP address takes no host prefix, which StartLiveTail would put before it.
const client = new logs.CloudWatchLogsClient({ endpoint, region: 'us-east-1', disableHostPrefix: true });
const send = (name, input) => client.send(new logs[name + 'Command'](input));
const group = '/js', stream = 'one';

await send('CreateLogGroup', { logGroupName: group, tags: { made: 'by js' } });
await send('CreateLogStream', { logGroupName: group, logStreamName: stream });
await assert.rejects(send('CreateLogGroup', { logGroupName: group }), logs.ResourceAlreadyExistsException);
await assert.rejects(send('PutLogEvents', { logGroupName: group, logStreamName: 'none', logEvents: [{ timestamp: Date.now(), message: 'x' }] }),
  (e) => e instanceof logs.ResourceNotFoundException && e.message === 'The specified log stream does not exist.');

const sent = [];
for (let b = 0; b < batches; b++) {
  const logEvents = [];
  for (let n = 0; n < 100; n++) {
    logEvents.push({ timestamp: Date.now(), message: `${n % 10 ? 'INFO' : 'ERROR'} batch ${b} event ${n} "quoted" caf\u00e9 \u{1f41f}\t` });
  }
  const { nextSequenceToken, rejectedLogEventsInfo } = await send('PutLogEvents', { logGroupName: group, logStreamName: stream, logEvents });
  assert.ok(nextSequenceToken);
  assert.equal(rejectedLogEventsInfo, undefined);
  sent.push(...logEvents.map((e) => e.message));
}

const read = [];
for (let token; ;) {
  const page = await send('GetLogEvents', { logGroupName: group, logStreamName: stream, startFromHead: true, limit: 333, nextToken: token });
  read.push(...page.events.map((e) => e.message));
  if (page.nextForwardToken === token) break;
  token = page.nextForwardToken;
}
assert.deepEqual(read, sent);

const errors = [];
for await (const page of logs.paginateFilterLogEvents({ client, pageSize: 7 }, { logGroupName: group, filterPattern: 'ERROR' })) {
  errors.push(...page.events.map((e) => e.message));
}
assert.deepEqual(errors, sent.filter((m) => m.startsWith('ERROR')));

const { logGroups } = await send('DescribeLogGroups', { logGroupNamePrefix: group });
const tail = await send('StartLiveTail', { logGroupIdentifiers: [logGroups[0].logGroupArn], logEventFilterPattern: 'live' });
for await (const event of tail.responseStream) {
  if (event.sessionStart) {
    await send('PutLogEvents', { logGroupName: group, logStreamName: stream, logEvents: [{ timestamp: Date.now(), message: 'live one' }] });
    sent.push('live one');
  } else if (event.sessionUpdate.sessionResults.length > 0) {
    assert.equal(event.sessionUpdate.sessionResults[0].message, 'live one');
    break;
  }
}

process.stdout.write(sent.map((m) => m + '\n').join(''), () => process.exit(0));
