// Reads SQL statements from standard input, one a line, and prints the rows of
// each as one line of JSON. Before a statement, "bytes: " has it print the bytes
// that the process read from files instead (linux counts them). The DuckDB is that of node_modules beside this file,
// or of the folder that SLUICETEST_DUCKDB names.
import { createRequire } from 'node:module';
import { readFileSync } from 'node:fs';
import { pathToFileURL } from 'node:url';
import { createInterface } from 'node:readline';

const home = process.env.SLUICETEST_DUCKDB ? pathToFileURL(process.env.SLUICETEST_DUCKDB + '/x.js') : import.meta.url;
const { DuckDBInstance } = createRequire(home)('@duckdb/node-api');
const connection = await (await DuckDBInstance.create(':memory:')).connect();
await connection.run('SET enable_external_file_cache = false'); // or bytes are counted once
const readSoFar = () => Number(/rchar: (\d+)/.exec(readFileSync('/proc/self/io', 'utf8'))[1]);
for await (const line of createInterface({ input: process.stdin })) {
  const counted = line.startsWith('bytes: ');
  const before = counted ? readSoFar() : 0;
  const reader = await connection.runAndReadAll(counted ? line.slice('bytes: '.length) : line);
  console.log(JSON.stringify(counted ? [[readSoFar() - before]] : reader.getRowsJson()));
}
process.exit(0);
