// Drives the Kinesis API of a server with the AWS SDK for JavaScript: puts records and
// reads them back by each kind of iterator, meets typed errors, and then reads a
// stream that a subscription filter puts into, as a consumer written for CloudWatch
// Logs does. Prints the messages of that stream, one a line. The SDK is that of
// node_modules beside this file, or of the folder that SLUICETEST_CLIENTS_JS names.
import assert from 'node:assert/strict';
import { createRequire } from 'node:module';
import { pathToFileURL } from 'node:url';
import { gunzipSync } from 'node:zlib';

const home = process.env.SLUICETEST_CLIENTS_JS ? pathToFileURL(process.env.SLUICETEST_CLIENTS_JS + '/x.js') : import.meta.url;
const kinesis = createRequire(home)('@aws-sdk/client-kinesis');

const [endpoint, subscribed] = process.argv.slice(2);
const client = new kinesis.KinesisClient({ endpoint, region: 'us-east-1' });
const send = (name, input) => client.send(new kinesis[name + 'Command'](input));

// records reads a shard from an iterator up to its end.
async function* records(StreamName, ShardId, iterator) {
  let { ShardIterator } = await send('GetShardIterator', { StreamName, ShardId, ...iterator });
  for (;;) {
    const page = await send('GetRecords', { ShardIterator });
    yield* page.Records;
    if (page.MillisBehindLatest === 0) return;
    ShardIterator = page.NextShardIterator;
  }
}

const StreamName = 'js';
await send('CreateStream', { StreamName, ShardCount: 2 });
await kinesis.waitUntilStreamExists({ client, maxWaitTime: 30 }, { StreamName });
await assert.rejects(send('CreateStream', { StreamName, ShardCount: 2 }), kinesis.ResourceInUseException);
await assert.rejects(send('DescribeStreamSummary', { StreamName: 'none' }), (e) => e instanceof kinesis.ResourceNotFoundException && /^Stream none under account \d{12} not found\.$/.test(e.message));
await assert.rejects(send('GetRecords', { ShardIterator: 'none' }), kinesis.InvalidArgumentException);

const sent = Array.from({ length: 200 }, (_, n) => ({ PartitionKey: `key ${n % 9} caf\u00e9`, Data: Buffer.from(`record ${n}`) }));
const put = await send('PutRecords', { StreamName, Records: sent });
assert.equal(put.FailedRecordCount, 0);
const numbers = new Map(put.Records.map((r, n) => [`record ${n}`, r]));

let read = 0;
for await (const page of kinesis.paginateListStreams({ client, pageSize: 1 }, {})) assert.ok(page.StreamNames.length <= 1);
const { Shards } = await send('ListShards', { StreamName });
assert.equal(Shards.length, 2);
for (const { ShardId } of Shards) {
  const all = [];
  for await (const r of records(StreamName, ShardId, { ShardIteratorType: 'TRIM_HORIZON' })) {
    const text = Buffer.from(r.Data).toString();
    assert.deepEqual(numbers.get(text), { SequenceNumber: r.SequenceNumber, ShardId });
    assert.ok(Math.abs(Date.now() - r.ApproximateArrivalTimestamp.getTime()) < 600e3);
    assert.equal(r.PartitionKey, sent[Number(text.split(' ')[1])].PartitionKey);
    all.push(r.SequenceNumber);
  }
  read += all.length;
  assert.ok(all.every((n, i) => i === 0 || BigInt(n) > BigInt(all[i - 1])));
  const count = async (iterator) => {
    let n = 0;
    for await (const _ of records(StreamName, ShardId, iterator)) n++;
    return n;
  };
  const StartingSequenceNumber = all[3];
  assert.equal(await count({ ShardIteratorType: 'AT_SEQUENCE_NUMBER', StartingSequenceNumber }), all.length - 3);
  assert.equal(await count({ ShardIteratorType: 'AFTER_SEQUENCE_NUMBER', StartingSequenceNumber }), all.length - 4);
  assert.equal(await count({ ShardIteratorType: 'AT_TIMESTAMP', Timestamp: new Date(Date.now() - 3600e3) }), all.length);
  assert.equal(await count({ ShardIteratorType: 'LATEST' }), 0);
}
assert.equal(read, sent.length);
await send('DeleteStream', { StreamName });

const messages = [];
for (const { ShardId } of (await send('ListShards', { StreamName: subscribed })).Shards) {
  for await (const r of records(subscribed, ShardId, { ShardIteratorType: 'TRIM_HORIZON' })) {
    const payload = JSON.parse(gunzipSync(r.Data));
    if (payload.messageType === 'CONTROL_MESSAGE') continue;
    assert.deepEqual(Object.keys(payload).slice(0, 6), ['messageType', 'owner', 'logGroup', 'logStream', 'subscriptionFilters', 'logEvents']);
    assert.equal(payload.messageType, 'DATA_MESSAGE');
    for (const e of payload.logEvents) {
      assert.match(e.id, /^\d{56}$/);
      messages.push(e.message);
    }
  }
}
process.stdout.write(messages.map((m) => m + '\n').join(''), () => process.exit(0));
