import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { describe, it } from 'node:test'
import {
  bigqueryChecksum,
  type ChecksumColumn,
  databricksChecksum,
  postgresChecksum,
  redshiftChecksum,
  rowChecksumSql,
} from '@millrace/domain/identity/row-checksum-sql.ts'
import { columnTypes } from '@millrace/domain/row-schema.ts'

const dialects = {
  postgres: postgresChecksum,
  bigquery: bigqueryChecksum,
  redshift: redshiftChecksum,
  databricks: databricksChecksum,
}
const golden = (name: string) => readFileSync(new URL(`golden/row-checksum.${name}.sql`, import.meta.url), 'utf8')

/** One column of each type, named after it; Redshift has none of bytes. */
const columnsOf = (name: string): ChecksumColumn[] =>
  columnTypes
    .filter((type) => name !== 'redshift' || type !== 'bytes')
    .map((type) => ({ type, sql: `t.${type}_column` }))

describe('the SQL of the row checksum', () => {
  for (const [name, dialect] of Object.entries(dialects)) {
    it(`of ${name} is test/golden/row-checksum.${name}.sql`, () => {
      const { prelude, checksum } = rowChecksumSql(dialect, columnsOf(name))
      const script = [...prelude.map((each) => `${each};`), `SELECT ${checksum} FROM t;`].join('\n')
      assert.equal(`${script}\n`, golden(name))
    })

    it(`of ${name} reads each column a bounded number of times, however many there are`, () => {
      const sizeOf = (count: number) =>
        rowChecksumSql(
          dialect,
          Array.from({ length: count }, (_, i) => ({ type: 'string' as const, sql: `c${1000 + i}` })),
        ).checksum.length
      assert.ok(sizeOf(800) < 2.1 * sizeOf(400))
    })
  }

  it('needs nothing before it unless Redshift prints a double', () => {
    for (const dialect of Object.values(dialects))
      assert.deepEqual(rowChecksumSql(dialect, [{ type: 'integer', sql: 'id' }]).prelude, [])
    assert.equal(rowChecksumSql(bigqueryChecksum, [{ type: 'double', sql: 'x' }]).prelude.length, 0)
    assert.equal(rowChecksumSql(redshiftChecksum, [{ type: 'double', sql: 'x' }]).prelude.length, 1)
  })
})
