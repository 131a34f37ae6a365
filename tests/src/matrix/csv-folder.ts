import { mkdirSync, mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import type { ModelRow, ModelTable } from '../mirror/model-table.ts'
import { changed } from '../mirror/play-commands.ts'
import type { MatrixWarehouse } from './matrix-warehouses.ts'

/** Tables as CSV files: each change moves a whole file into the place of the last one. */
export async function openCsvFolder(): Promise<MatrixWarehouse> {
  const dir = mkdtempSync(path.join(tmpdir(), 'millrace-csv-'))
  mkdirSync(path.join(dir, 'shop'))
  const put = ({ name, columns, rows }: ModelTable) => {
    const head = columns.map((column) => column.name)
    const lines = rows.map((row) => row.map((cell, i) => textOf(cell, columns[i]!.type)))
    const file = path.join(dir, 'shop', `${name}.csv`)
    writeFileSync(`${file}.new`, [head, ...lines].map((cells) => `${cells.join(',')}\n`).join(''))
    renameSync(`${file}.new`, file)
  }
  return {
    kind: 'csv',
    schema: 'files',
    endpoints: { MILLRACE_CSV_DIR: dir },
    async createSource(stack, project) {
      const { id } = await stack.api.post<{ id: string }>(`/v1/projects/${project.id}/sources`, {
        name: 'csv',
        warehouse: 'csv',
        options: { folder: 'shop' },
        secrets: {},
      })
      return id
    },
    async createTable(table) {
      put(table)
    },
    async apply(table, dml) {
      put(dml.reduce(changed, table))
    },
    async close() {
      rmSync(dir, { recursive: true, force: true })
    },
  }
}

function textOf(cell: ModelRow[number], type: string): string {
  if (cell === null) return ''
  if (type !== 'timestamp') return `"${String(cell).replaceAll('"', '""')}"`
  return new Date(Number(cell as bigint) / 1000).toISOString().slice(0, 19).replace('T', ' ')
}
