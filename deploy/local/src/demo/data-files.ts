import { createRequire } from 'node:module'
import path from 'node:path'
import { DuckDBInstance } from '@duckdb/node-api'

/** CSV files that Postgres can COPY, made from the real data sets of the npm package `vega-datasets`. */
export type DataFiles = {
  /** 3,000,000 flights inside the USA in the first half of 2001. No key, and 191 of them are identical to another one. */
  readonly flights: string
  /** 3,376 airports of the USA by IATA code. */
  readonly airports: string
}

/** Writes both files into `dir`. Takes seconds. */
export async function writeDataFiles(dir: string): Promise<DataFiles> {
  const data = path.join(path.dirname(createRequire(import.meta.url).resolve('vega-datasets')), '../data')
  const files = { flights: path.join(dir, 'flights.csv'), airports: path.join(dir, 'airports.csv') }
  const instance = await DuckDBInstance.create(':memory:', { threads: '2', memory_limit: '400MB' })
  const connection = await instance.connect()
  try {
    await connection.run(`
      COPY (SELECT date, delay, distance, origin, destination FROM ${literal(path.join(data, 'flights-3m.parquet'))})
      TO ${literal(files.flights)} (FORMAT csv, HEADER)`)
    await connection.run(`
      COPY (SELECT * FROM read_csv(${literal(path.join(data, 'airports.csv'))}, all_varchar = true))
      TO ${literal(files.airports)} (FORMAT csv, HEADER)`)
  } finally {
    connection.closeSync()
    instance.closeSync()
  }
  return files
}

function literal(text: string): string {
  return `'${text.replaceAll("'", "''")}'`
}
