// Reads SQL statements from standard input, one a line, and prints the rows of
// each as one line of JSON. The DuckDB is that of node_modules beside this file,
// or of the folder that SLUICE_DUCKDB names.
import { createRequire } from 'node:module';
import { pathToFileURL } from 'node:url';
import { createInterface } from 'node:readline';

const home = process.env.SLUICE_DUCKDB ? pathToFileURL(process.env.SLUICE_DUCKDB + '/x.js') : import.meta.url;
const { DuckDBInstance } = createRequire(home)('@duckdb/node-api');
const connection = await (await DuckDBInstance.create(':memory:')).connect();
for await (const sql of createInterface({ input: process.stdin })) {
  const reader = await connection.runAndReadAll(sql);
  console.log(JSON.stringify(reader.getRowsJson()));
}
process.exit(0);
