type Key = { readonly schema: string; readonly table: string; readonly columns: readonly string[] }

/**
 * Primary keys as Unity Catalog lists them: views of `information_schema`, made anew with each key. Spark has neither keys nor such a
 * schema.
 */
export class DeclaredKeys {
  readonly #run: (sql: string) => Promise<unknown>
  readonly #keys: Key[] = []
  #last: Promise<void> = Promise.resolve()

  constructor(run: (sql: string) => Promise<unknown>) {
    this.#run = run
  }

  declare(key: Key): Promise<void> {
    this.#keys.push(key)
    this.#last = this.#last.then(() => this.#write())
    return this.#last
  }

  async #write(): Promise<void> {
    const constraints = this.#keys.map(({ schema, table }) => [schema, `pk_${table}`, schema, table, 'PRIMARY KEY'])
    const columns = this.#keys.flatMap(({ schema, table, columns: names }) =>
      names.map((name, i) => [schema, `pk_${table}`, schema, table, name, i + 1]),
    )
    const place = 'constraint_schema, constraint_name, table_schema, table_name'
    await this.#run('CREATE SCHEMA IF NOT EXISTS information_schema')
    await this.#run(view('table_constraints', `${place}, constraint_type`, constraints))
    await this.#run(view('key_column_usage', `${place}, column_name, ordinal_position`, columns))
  }
}

function view(name: string, columns: string, rows: readonly (readonly (string | number)[])[]): string {
  const values = rows.map((row) => `(${row.map((value) => JSON.stringify(value)).join(', ')})`)
  return `CREATE OR REPLACE VIEW information_schema.${name} AS SELECT * FROM VALUES ${values.join(', ')} AS rows (${columns})`
}
