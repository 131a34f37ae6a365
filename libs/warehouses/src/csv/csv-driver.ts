import { formField, readNames, type SetUpGuide } from '../set-up/set-up-guide.ts'
import type { WarehouseDriver } from '../warehouse-driver.ts'
import { WarehouseError } from '../warehouse-error.ts'
import { openCsv } from './open-csv.ts'

const description = 'A folder in the one that the operator allows: shop'
const text = 'mv orders.csv.new "$MILLRACE_CSV_DIR/shop/orders.csv"'
const setUp: SetUpGuide = {
  // No path can be written in this form.
  fields: { folder: formField(/^[A-Za-z0-9_-]{1,64}$/, description, { required: true }) },
  steps: () => [
    {
      id: 'files',
      title: 'Move whole files into the folder',
      check: 'folder',
      run: 'all',
      statements: [{ language: 'shell', where: 'The machine of the extractors', text }],
    },
  ],
  namesOf: (options) => options,
}

/** A folder of CSV files on the machine of the extractors; refused unless an operator allows one. */
export const csvDriver = {
  options: { fields: setUp.fields, secrets: [], problems },
  setUp,
  open({ options, net: { csvDir } }) {
    if (csvDir !== undefined && problems(options).length === 0) return openCsv(`${csvDir}/${options.folder}`)
    throw new WarehouseError('options_invalid', 'No CSV files are allowed.', 'The operator sets MILLRACE_CSV_DIR.')
  },
} satisfies WarehouseDriver

function problems(options: unknown) {
  const answer = readNames(setUp, { ...(options as object) })
  return answer.ok ? [] : answer.problems
}
